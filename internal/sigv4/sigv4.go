// Package sigv4 signs requests with AWS Signature Version 4.
//
// It signs what this module sends, a request whose body is in memory, and derives
// the key of a day only once, which is most of the work of a signature. Its tests
// compare it with aws-http-auth.
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

	"github.com/seed-25f54b62/awstokens"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
)

// Signer signs for one service in one Region. It is safe for concurrent use.
type Signer struct {
	Service, Region string

	last atomic.Pointer[derivedKey]
}

// derivedKey is the key derived from a secret key for a day, a Region and a
// service. It signs, so it is a Secret too.
type derivedKey struct {
	secret awstokens.Secret
	day    string
	key    awstokens.Secret
}

// signedHeaders are the headers to sign, in the order of their names: those that
// AWS requires and that the module sends.
var signedHeaders = [...]struct{ key, name string }{
	{"Content-Type", "content-type"},
	{"", "host"}, // req.Host
	{"X-Amz-Date", "x-amz-date"},
	{"X-Amz-Security-Token", "x-amz-security-token"},
	{"X-Amz-Target", "x-amz-target"},
}

// Sign sets the headers X-Amz-Date, Authorization and, if the credentials have a
// session token, X-Amz-Security-Token. It does not change the slices of values
// that the header has. The request must have a Host; its Body is not read.
func (s *Signer) Sign(req *http.Request, body []byte, creds awstokens.Credentials, at time.Time) {
	stamp := at.UTC().Format("20060102T150405Z")
	day := stamp[:len("20060102")]
	req.Header["X-Amz-Date"] = []string{stamp}
	if !creds.SessionToken.IsZero() {
		req.Header["X-Amz-Security-Token"] = []string{creds.SessionToken.Reveal()}
	}
	names := signedNames(req)
	scope := day + "/" + s.Region + "/" + s.Service + "/" + terminator

	text := make([]byte, 0, 512)
	text = append(text, req.Method+"\n"...)
	text = append(text, escape(req.URL.EscapedPath())+"\n"...)
	text = append(text, canonicalQuery(req)+"\n"...)
	text = appendCanonicalHeaders(text, req)
	text = append(text, "\n"+names+"\n"...)
	text = appendHash(text, body)
	canonical := len(text)
	text = append(text, algorithm+"\n"+stamp+"\n"+scope+"\n"...)
	text = appendHash(text, text[:canonical])
	signature := mac(s.key(creds.SecretAccessKey, day), text[canonical:])

	text = append(text[:0], algorithm+" Credential="+creds.AccessKeyID+"/"+scope+", SignedHeaders="+names+", Signature="...)
	req.Header["Authorization"] = []string{string(hex.AppendEncode(text, signature))}
}

// key returns the derived key, which stays the same as long as the day and the
// secret do.
func (s *Signer) key(secret awstokens.Secret, day string) []byte {
	if last := s.last.Load(); last != nil && last.day == day && last.secret.Equal(secret) {
		return last.key.AppendReveal(make([]byte, 0, sha256.Size))
	}
	key := secret.AppendReveal([]byte("AWS4"))
	for _, part := range []string{day, s.Region, s.Service, terminator} {
		key = mac(key, []byte(part))
	}
	s.last.Store(&derivedKey{secret, day, awstokens.NewSecret(string(key))})
	return key
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}

func appendHash(b, text []byte) []byte {
	sum := sha256.Sum256(text)
	return hex.AppendEncode(b, sum[:])
}

// signedNames returns the names of the headers to sign.
func signedNames(req *http.Request) string {
	list := make([]byte, 0, 80)
	for _, h := range signedHeaders {
		if h.key == "" || len(req.Header[h.key]) > 0 {
			list = append(list, h.name...)
			list = append(list, ';')
		}
	}
	return string(list[:len(list)-1])
}

// appendCanonicalHeaders writes a line for each header to sign.
func appendCanonicalHeaders(b []byte, req *http.Request) []byte {
	for _, h := range signedHeaders {
		value := req.Host
		if h.key != "" {
			values := req.Header[h.key]
			if len(values) == 0 {
				continue
			}
			value = strings.Join(values, ",")
		}
		b = append(b, h.name...)
		b = append(b, ':')
		b = append(b, strings.TrimSpace(value)...)
		b = append(b, '\n')
	}
	return b
}

// escape encodes a path that is encoded already: every service but S3 requires
// that.
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

// canonicalQuery returns the query's parameters in the order of their encoded
// names and values.
func canonicalQuery(req *http.Request) string {
	if req.URL.RawQuery == "" {
		return ""
	}
	const separator = "\x00" // in place of =, because it sorts before all else
	var pairs []string
	for name, values := range req.URL.Query() {
		for _, value := range values {
			pairs = append(pairs, escapeQuery(name)+separator+escapeQuery(value))
		}
	}
	slices.Sort(pairs)
	return strings.ReplaceAll(strings.Join(pairs, "&"), separator, "=")
}

// escapeQuery encodes a space as %20, unlike url.QueryEscape.
func escapeQuery(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
