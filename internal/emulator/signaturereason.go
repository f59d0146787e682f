package emulator

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// explainSignature returns why a signature does not match: it tries what the
// client may have signed instead of what arrived.
func (s *Server) explainSignature(r *request) string {
	auth, refusal := parseAuthorization(r.Header.Get("Authorization"))
	if refusal != nil {
		return ""
	}
	signed, err := time.Parse(sigv4TimeFormat, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return ""
	}
	key, refusal := s.findKey(r, auth)
	if refusal != nil || s.checkScope(auth, auth.service, signed) != nil || checkAge(signed, r.now) != nil {
		return "" // the message of the error says it
	}
	matches := func(change func(*request)) bool {
		tried := *r
		tried.Request = &http.Request{Method: r.Method, Host: r.Host, URL: r.URL, Header: r.Header.Clone()}
		change(&tried)
		return signature(&tried, auth, key, signed) == auth.signature
	}
	if matches(func(*request) {}) { // refused for another reason
		return ""
	}
	sent := hex.EncodeToString(hashOf(r.body))
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != "UNSIGNED-PAYLOAD" && claimed != sent {
		return "The body differs from what was signed: X-Amz-Content-Sha256 is not its hash."
	}
	if matches(func(r *request) { r.body = nil }) {
		return "The body differs: an empty one was signed."
	}
	if matches(func(r *request) { r.sent = r.URL }) || matches(func(r *request) { r.sent = &url.URL{Path: "/"} }) {
		return "The path differs: it was signed without " + strings.TrimSuffix(r.sent.Path, "/") + "."
	}
	for _, name := range auth.signedHeaders {
		for _, value := range s.mayHaveSigned(r, name, auth) {
			if matches(func(r *request) {
				if name == "host" {
					r.Host = value
				}
				r.Header.Set(name, value)
			}) {
				return fmt.Sprintf("The header %s differs: %q was signed.", name, value)
			}
		}
		if name != "host" && len(r.Header.Values(name)) == 0 {
			return "The header " + name + " was signed, but did not arrive."
		}
	}
	return "The secret access key is not that of " + key.id + ", or a header changed on the way."
}

// mayHaveSigned returns values that a client may have signed for a header.
func (s *Server) mayHaveSigned(r *request, name string, auth authorization) []string {
	values := []string{""}
	switch name {
	case "host":
		host, port, _ := strings.Cut(r.Host, ":")
		values = []string{host, "localhost", "localhost:" + port, "127.0.0.1", "127.0.0.1:" + port, auth.service + "." + auth.region + ".amazonaws.com"}
	case "content-type":
		values = append(values, awsJSONType, "application/x-amz-json-1.0", "application/json",
			"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8")
	case "content-length":
		values = append(values, strconv.Itoa(len(r.body)), "0")
	case "x-amz-target":
		for operation := range s.licenseManager.operations {
			values = append(values, "AWSLicenseManager."+operation)
		}
	}
	return append(values, r.Header.Values(name)...) // one of several
}
