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

// accessKey is a key that can sign requests, and whose it is.
type accessKey struct {
	id, secret   string
	sessionToken string    // empty for a long-lived key
	expires      time.Time // zero for a long-lived key
	arn, userID  string
	licenseARN   string // license of the access token that it was made from, if any
	user         string // user of the identity context that it was made from, if any
}

// authorization is a parsed Authorization header.
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

// authenticate verifies the signature of a request to a service and returns the
// key that signed it. It checks in the order in which AWS does: missing parts,
// the key, the scope, the time, and last the signature.
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

// signedTime returns the time of the signature, and refuses a signature that does
// not cover a required header.
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

// sessionTokenPrefix begins every session token. The expiration follows in Unix
// seconds, so that a token is known to have expired after its key is forgotten.
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

// withoutRuns replaces every run of spaces by one, as the canonical form requires
// and the signer does not do.
func withoutRuns(values []string) []string {
	out := make([]string, len(values))
	for i, value := range values {
		out[i] = strings.Join(strings.Fields(value), " ")
	}
	return out
}

type signedHeaders []string

// IsSigned implements v4.SignedHeaderRules: the headers that the client signed,
// and no others.
func (h signedHeaders) IsSigned(name string) bool { return slices.Contains(h, name) }

// sentURL returns the URL as the client sent and signed it. A handler before this
// one may have removed a prefix from r.URL.
func sentURL(r *http.Request) *url.URL {
	if sent, err := url.ParseRequestURI(r.RequestURI); err == nil {
		return sent
	}
	return r.URL
}

// addKey makes a long-lived key of an account known.
func (s *Server) addKey(id, secret, account string) {
	s.keys.put(s.clock.now(), id, &accessKey{
		id:     id,
		secret: secret,
		arn:    "arn:aws:iam::" + account + ":user/emulator",
		userID: "AIDAEMULATEDUSER00000",
	}, time.Time{})
}

// account returns the account whose key signed the request.
func (r *request) account() string { return accountOf(r.caller.arn) }

// accountOf returns the account in an ARN, or an empty string.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
