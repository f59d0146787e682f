package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	v4 "github.com/aws/smithy-go/aws-http-auth/v4"
)

const (
	sigv4Algorithm  = "AWS4-HMAC-SHA256"
	sigv4TimeFormat = "20060102T150405Z"
	maxClockSkew    = 5 * time.Minute
)

// accessKey is a key that may sign, and whom it stands for.
type accessKey struct {
	id, secret   string
	sessionToken string    // empty for a long-lived key
	expires      time.Time // zero for a long-lived key
	arn, userID  string
	licenseARN   string // that of the access token it was made from, if any
	user         string // whom it acts for, if a context said so
}

// authorization is an Authorization header, taken apart.
type authorization struct {
	keyID, date, region, service string
	signedHeaders                []string
	signature                    string
}

func parseAuthorization(header string) (authorization, *failure) {
	fields, found := strings.CutPrefix(header, sigv4Algorithm+" ")
	if !found {
		return authorization{}, fail("IncompleteSignatureException", "Authorization header requires the algorithm %s.", sigv4Algorithm)
	}
	values := map[string]string{}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		values[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if values[name] == "" {
			return authorization{}, fail("IncompleteSignatureException", "Authorization header requires '%s' parameter.", name)
		}
	}
	scope := strings.Split(values["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return authorization{}, fail("IncompleteSignatureException", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	return authorization{
		keyID: scope[0], date: scope[1], region: scope[2], service: scope[3],
		signedHeaders: strings.Split(values["SignedHeaders"], ";"),
		signature:     values["Signature"],
	}, nil
}

// authenticate verifies the signature of a request to a service and returns
// the key that signed it. It refuses in the order in which AWS does: what is
// missing, who signs, for where, when, and last the signature itself.
func (s *Server) authenticate(r *request, signingName string) (*accessKey, *failure) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, fail("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	auth, refusal := parseAuthorization(header)
	if refusal != nil {
		return nil, refusal
	}
	signed, refusal := signedTime(r, auth)
	if refusal != nil {
		return nil, refusal
	}
	key, refusal := s.findKey(r, auth)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := s.checkScope(auth, signingName, signed); refusal != nil {
		return nil, refusal
	}
	if refusal := checkAge(signed, r.now); refusal != nil {
		return nil, refusal
	}
	if !hmac.Equal([]byte(auth.signature), []byte(signature(r, auth, key, signed))) {
		return nil, fail("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return key, nil
}

// signedTime returns the time of the signature, and refuses one that leaves
// out a header it has to cover.
func signedTime(r *request, auth authorization) (time.Time, *failure) {
	signed, err := time.Parse(sigv4TimeFormat, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return signed, fail("IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	required := []string{"host", "x-amz-date"}
	if r.Header.Get("X-Amz-Security-Token") != "" {
		required = append(required, "x-amz-security-token")
	}
	for _, name := range required {
		if !slices.Contains(auth.signedHeaders, name) {
			return signed, fail("InvalidSignatureException", "'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return signed, nil
}

func (s *Server) findKey(r *request, auth authorization) (*accessKey, *failure) {
	s.mu.Lock()
	key, _ := s.keys.get(r.now, auth.keyID)
	s.mu.Unlock()
	if key == nil && hasExpired(r.Header.Get("X-Amz-Security-Token"), r.now) {
		return nil, expiredToken()
	}
	if key == nil || subtle.ConstantTimeCompare([]byte(key.sessionToken), []byte(r.Header.Get("X-Amz-Security-Token"))) == 0 {
		return nil, fail("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if !key.expires.IsZero() && !r.now.Before(key.expires) {
		return nil, expiredToken()
	}
	return key, nil
}

func expiredToken() *failure {
	return fail("ExpiredTokenException", "The security token included in the request is expired")
}

// sessionTokenPrefix begins every session token. The seconds of its expiration
// follow, by which a token is known to have expired after its key is forgotten.
const sessionTokenPrefix = "emulated-session-"

func hasExpired(sessionToken string, now time.Time) bool {
	rest, ours := strings.CutPrefix(sessionToken, sessionTokenPrefix)
	seconds, _, _ := strings.Cut(rest, "-")
	expires, err := strconv.ParseInt(seconds, 10, 64)
	return ours && err == nil && now.Unix() >= expires
}

func (s *Server) checkScope(auth authorization, signingName string, signed time.Time) *failure {
	switch {
	case auth.region != s.options.Region:
		return fail("InvalidSignatureException", "Credential should be scoped to a valid region, not '%s'.", auth.region)
	case auth.service != signingName:
		return fail("InvalidSignatureException", "Credential should be scoped to correct service: '%s'.", signingName)
	case auth.date != signed.Format("20060102"):
		return fail("InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'.",
			auth.date, signed.Format("20060102"))
	}
	return nil
}

func checkAge(signed, now time.Time) *failure {
	at, clock := signed.Format(sigv4TimeFormat), now.Format(sigv4TimeFormat)
	switch earliest, latest := now.Add(-maxClockSkew), now.Add(maxClockSkew); {
	case signed.Before(earliest.Truncate(time.Second)):
		return fail("InvalidSignatureException", "Signature expired: %s is now earlier than %s (%s - 5 min.)", at, earliest.Format(sigv4TimeFormat), clock)
	case signed.After(latest):
		return fail("InvalidSignatureException", "Signature not yet current: %s is still later than %s (%s + 5 min.)", at, latest.Format(sigv4TimeFormat), clock)
	}
	return nil
}

// signature signs what arrived as the client should have: with the headers it
// named, the path it sent, and the body as it is here.
func signature(r *request, auth authorization, key *accessKey, signed time.Time) string {
	again := &http.Request{Method: r.Method, Host: r.Host, URL: r.sent, Header: http.Header{}}
	for _, name := range auth.signedHeaders {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = withoutRuns(values)
		}
	}
	signer := sigv4.New(func(o *v4.SignerOptions) { o.HeaderRules = signedHeaders(auth.signedHeaders) })
	err := signer.SignRequest(&sigv4.SignRequestInput{
		Request:     again,
		PayloadHash: hashOf(r.body),
		Credentials: credentials.Credentials{AccessKeyID: key.id, SecretAccessKey: key.secret, SessionToken: key.sessionToken},
		Service:     auth.service,
		Region:      auth.region,
		Time:        signed,
	})
	if err != nil {
		return ""
	}
	_, expected, _ := strings.Cut(again.Header.Get("Authorization"), "Signature=")
	return expected
}

func hashOf(body []byte) []byte {
	hash := sha256.Sum256(body)
	return hash[:]
}

// withoutRuns makes every run of spaces one, as the canonical form has it and
// the signer, whose own headers hold none, leaves out.
func withoutRuns(values []string) []string {
	out := make([]string, len(values))
	for i, value := range values {
		out[i] = strings.Join(strings.Fields(value), " ")
	}
	return out
}

type signedHeaders []string

// IsSigned implements the signer's rule: the headers that the client named,
// and no other.
func (h signedHeaders) IsSigned(name string) bool { return slices.Contains(h, name) }

// sentURL returns the URL as the client sent it, which is what it signed: a
// handler in front of this one may have cut a prefix off r.URL.
func sentURL(r *http.Request) *url.URL {
	if sent, err := url.ParseRequestURI(r.RequestURI); err == nil {
		return sent
	}
	return r.URL
}
