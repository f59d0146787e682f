package sts

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/wire"
)

var seeds = []string{
	`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/a/b</Arn></AssumedRoleUser>` +
		`<Credentials><SessionToken>fake &amp; &#x41;</SessionToken><SecretAccessKey>fa<!-- -->ke</SecretAccessKey><Expiration>2014-10-24T23:00:23Z</Expiration><AccessKeyId><![CDATA[AS]]>IA</AccessKeyId></Credentials>` +
		`</AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>`,
	`<R><A><Credentials><AccessKeyId>a<x>b</x>c</AccessKeyId><AccessKeyId>d</AccessKeyId></Credentials></A><B><Credentials><SecretAccessKey>e</SecretAccessKey></Credentials></B></R>`,
	`<R><A><Credentials><Expiration>soon</Expiration></Credentials></A></R>`,
	`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredTokenException</Code><Message>fake-token has expired</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
	`<E><Error><Code></Code></Error><Error><Code> Throttling </Code></Error></E>trailing`, `<E><Error><Code>a</Code></Error>`,
	`<?xml version="1.0" encoding="ISO-8859-1"?><E/>`, `<!DOCTYPE a [<!ENTITY b "c">]><E><Error><Code>&b;</Code></Error></E>`,
	"", "<", "{}", "<html><body>unavailable<br></body></html>", "<a></b>", "<E>\xff</E>", `<E><Error Code="a"><Code xmlns="x">b</Code></Error></E>`,
}

// texts walks through a document and returns the texts of its elements by
// their paths, of which it leaves out the first names; of the elements of one
// path the last counts. It says whether the document is whole.
func texts(body []byte, leaveOut int) (map[string]string, bool) {
	d := xml.NewDecoder(bytes.NewReader(body))
	found := map[string]string{}
	var path, text []string
	for {
		token, err := d.Token()
		if err != nil {
			return nil, false
		}
		switch token := token.(type) {
		case xml.StartElement:
			path, text = append(path, token.Name.Local), append(text, "")
		case xml.CharData:
			if len(text) > 0 {
				text[len(text)-1] += string(token)
			}
		case xml.EndElement:
			end := len(path) - 1
			found[strings.Join(path[min(leaveOut, len(path)):], ">")] = text[end]
			path, text = path[:end], text[:end]
			if end == 0 {
				return found, true
			}
		}
	}
}

// What is decoded is what a plain walk finds, and no error quotes the body.
func FuzzDecode(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var out Output
		if err := format.Decode(wire.Response{StatusCode: http.StatusOK, Body: body}, &out); err != nil {
			var unusable *smithy.DeserializationError
			require.ErrorAs(t, err, &unusable)
			require.Regexp(t, `^(the body is not the XML it should be|the response has no [A-Za-z]+)$`, unusable.Err.Error())
			return
		}
		found, whole := texts(body, 2)
		require.True(t, whole)
		require.Equal(t, found["Credentials>AccessKeyId"], out.AccessKeyID)
		require.Equal(t, found["Credentials>SecretAccessKey"], out.SecretAccessKey.Reveal())
		require.Equal(t, found["Credentials>SessionToken"], out.SessionToken.Reveal())
		require.Equal(t, found["AssumedRoleUser>Arn"], out.AssumedRoleArn)
		expiration, err := time.Parse(time.RFC3339, found["Credentials>Expiration"])
		require.NoError(t, err)
		require.True(t, expiration.Equal(out.Expiration))
	})
}

// An error has the code, the type and the message that a plain walk finds; a
// response without a code is none.
func FuzzDecodeError(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		found, _ := texts(body, 1)
		want := wire.ErrNoCode
		if found["Error>Code"] != "" {
			want = &wire.QueryError{Code: found["Error>Code"], Message: found["Error>Message"], Type: found["Error>Type"]}
		}
		require.Equal(t, want, format.Decode(wire.Response{StatusCode: http.StatusBadRequest, Body: body}, nil))
	})
}
