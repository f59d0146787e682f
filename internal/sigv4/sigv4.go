// Package sigv4 signs requests with AWS Signature Version 4.
//
// It signs what this module sends, a request with headers and a body in memory,
// and derives the key of a day once, which is most of the work of a signature.
// Its tests hold it to aws-http-auth, which signs anything.
//
// The format is that of the IAM User Guide, "Create a signed AWS API request".
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
)

// Signer signs for one service in one region. It is safe for concurrent use.
type Signer struct {
	Service, Region string

	last atomic.Pointer[derivedKey]
}

// derivedKey is what a secret key becomes for a day, a region and a service.
type derivedKey struct {
	secret, day string
	key         []byte
}

// signedHeaders are what to sign beside the host, by name: every header that
// AWS wants signed and that the module sends.
var signedHeaders = [...]struct{ key, name string }{
	{"Content-Type", "content-type"},
	{"", "host"}, // is a field of the request
	{"X-Amz-Date", "x-amz-date"},
	{"X-Amz-Security-Token", "x-amz-security-token"},
	{"X-Amz-Target", "x-amz-target"},
}

// Sign sets the headers X-Amz-Date, X-Amz-Security-Token if the credentials
// have a session token, and Authorization. It replaces lists of values and does
// not write into them. The request must have a Host; its Body is not read.
func (s *Signer) Sign(req *http.Request, body []byte, creds credentials.Credentials, at time.Time) {
	stamp := at.UTC().Format("20060102T150405Z")
	day := stamp[:len("20060102")]
	req.Header["X-Amz-Date"] = []string{stamp}
	if creds.SessionToken != "" {
		req.Header["X-Amz-Security-Token"] = []string{creds.SessionToken}
	}
	headers, names := canonicalHeaders(req)
	canonical := req.Method + "\n" + escape(req.URL.EscapedPath()) + "\n" + canonicalQuery(req) + "\n" +
		headers + "\n" + names + "\n" + hash(body)
	scope := day + "/" + s.Region + "/" + s.Service + "/" + terminator
	toSign := algorithm + "\n" + stamp + "\n" + scope + "\n" + hash([]byte(canonical))
	signature := hex.EncodeToString(mac(s.key(creds.SecretAccessKey, day), toSign))
	req.Header["Authorization"] = []string{algorithm + " Credential=" + creds.AccessKeyID + "/" + scope +
		", SignedHeaders=" + names + ", Signature=" + signature}
}

// key returns the key that signs, which is that of the call before as long as
// the day and the secret are the same.
func (s *Signer) key(secret, day string) []byte {
	if last := s.last.Load(); last != nil && last.secret == secret && last.day == day {
		return last.key
	}
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, s.Region, s.Service, terminator} {
		key = mac(key, part)
	}
	s.last.Store(&derivedKey{secret, day, key})
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// canonicalHeaders returns a line for each header to sign, and their names.
func canonicalHeaders(req *http.Request) (lines, names string) {
	text, list := make([]byte, 0, 256), make([]byte, 0, 80)
	for _, h := range signedHeaders {
		value := req.Host
		if h.key != "" {
			values := req.Header[h.key]
			if len(values) == 0 {
				continue
			}
			value = strings.Join(values, ",")
		}
		text = append(text, h.name...)
		text = append(text, ':')
		text = append(text, strings.TrimSpace(value)...)
		text = append(text, '\n')
		list = append(list, h.name...)
		list = append(list, ';')
	}
	return string(text), string(list[:len(list)-1])
}

// escape encodes a path, which is encoded, once more: so it is signed for
// every service but S3.
func escape(path string) string {
	if path == "" || path == "/" {
		return "/"
	}
	escaped := make([]byte, 0, len(path))
	for _, c := range []byte(path) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("/-_.~", c) >= 0:
			escaped = append(escaped, c)
		default:
			escaped = fmt.Appendf(escaped, "%%%02X", c)
		}
	}
	return string(escaped)
}

// canonicalQuery returns the query's parameters sorted by name and value, both
// in their encoded form, in which the order can differ from that of the text.
func canonicalQuery(req *http.Request) string {
	if req.URL.RawQuery == "" {
		return ""
	}
	var pairs [][2]string
	for name, values := range req.URL.Query() {
		for _, value := range values {
			pairs = append(pairs, [2]string{escapeQuery(name), escapeQuery(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var canonical []byte
	for _, pair := range pairs {
		canonical = append(append(append(append(canonical, '&'), pair[0]...), '='), pair[1]...)
	}
	return strings.TrimPrefix(string(canonical), "&")
}

// escapeQuery encodes a space as %20, unlike url.QueryEscape.
func escapeQuery(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
