package awstokens

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// WriteProcessCredentials writes credentials in the form that the AWS CLI and
// SDKs read from the standard output of a credential_process, a setting of a
// profile in the AWS config file. They start the process again when the
// credentials are about to expire. The secrets are written in plain text, so w
// must be nothing but that output. WriteProcessCredentials returns
// [ErrNoCredentials] if the ID or the secret key is empty.
func WriteProcessCredentials(w io.Writer, credentials Credentials) error {
	if credentials.AccessKeyID == "" || credentials.SecretAccessKey.IsZero() {
		return ErrNoCredentials
	}
	text, err := json.Marshal(struct {
		Version         int
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string    `json:",omitzero"`
		Expiration      time.Time `json:",omitzero"`
		AccountID       string    `json:"AccountId,omitzero"`
	}{
		1, credentials.AccessKeyID, credentials.SecretAccessKey.Reveal(), credentials.SessionToken.Reveal(), expiration(credentials), credentials.AccountID,
	})
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// expiration returns when credentials end, in the form that all tools read: in
// whole seconds of UTC.
func expiration(credentials Credentials) time.Time {
	return credentials.Expires.UTC().Truncate(time.Second)
}

// CredentialsHandler returns a handler that serves the provider's credentials to
// programs in any language on the same machine: the AWS CLI and SDKs get them
// from the URL in AWS_CONTAINER_CREDENTIALS_FULL_URI, with the token in
// AWS_CONTAINER_AUTHORIZATION_TOKEN or in the file that
// AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names, and get new ones before they expire.
// Other credentials take precedence: for such a program, unset AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_DEFAULT_PROFILE and
// AWS_WEB_IDENTITY_TOKEN_FILE. A default profile with credentials takes precedence,
// too.
//
// The token must be random, such as [crypto/rand.Text], and known only to the
// programs that may have the credentials. A request without it gets 401; if it is
// empty, every request does. The handler serves any path, but only requests
// from a loopback address to a loopback address or localhost.
//
// The handler keeps no credentials: it calls Retrieve for every request, with the
// context of the request, so the provider should cache. A nil provider has no
// credentials. Credentials are served as the provider returns them, also if they
// have expired by the local clock, which may be wrong. Those that never expire are
// said to expire in an hour, because SDKs require an expiry.
//
// An error is a JSON object with code and message, which SDKs report; the message
// is the text of the provider's error. The status is 503 if the next request may
// succeed: the provider got no response from a service, or one of a service that is
// faulty or has too many requests, or its time has ended. Otherwise it is 403, which
// SDKs do not retry. The handler logs nothing; to log the errors, wrap the provider
// in a [CredentialsFunc]. It is safe for concurrent use.
func CredentialsHandler(provider CredentialsProvider, token Secret) http.Handler {
	if provider == nil {
		provider = CredentialsFunc(nil)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case !isLoopback(r):
			refuse(w, http.StatusForbidden, "AccessDenied", "credentials are served from loopback to loopback only")
			return
		case token.IsZero() || !token.Equal(NewSecret(r.Header.Get("Authorization"))):
			refuse(w, http.StatusUnauthorized, "Unauthorized", "the header Authorization is not the value of AWS_CONTAINER_AUTHORIZATION_TOKEN")
			return
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", http.MethodGet)
			refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "the method must be GET")
			return
		}
		credentials, err := provider.Retrieve(r.Context())
		if err == nil && (credentials.AccessKeyID == "" || credentials.SecretAccessKey.IsZero()) {
			err = ErrNoCredentials
		}
		if err != nil {
			refuse(w, statusOf(err), codeOf(err), err.Error())
			return
		}
		if credentials.Expires.IsZero() {
			credentials.Expires = time.Now().Add(time.Hour)
		}
		respond(w, http.StatusOK, struct {
			AccessKeyID     string `json:"AccessKeyId"`
			SecretAccessKey string
			Token           string // SDKs require it
			Expiration      time.Time
			AccountID       string `json:"AccountId,omitzero"`
		}{
			credentials.AccessKeyID, credentials.SecretAccessKey.Reveal(), credentials.SessionToken.Reveal(), expiration(credentials), credentials.AccountID,
		})
	})
}

// isLoopback reports whether a request comes from this machine and is meant for
// it. A browser that was tricked into resolving the name of a web site to a
// loopback address sends that name in the header Host.
func isLoopback(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil { // without a port
		host = strings.TrimSuffix(strings.TrimPrefix(r.Host, "["), "]")
	}
	to, err := netip.ParseAddr(host)
	return err == nil && to.Unmap().IsLoopback() || strings.ToLower(host) == "localhost"
}

// refuse writes an error. The SDK for JavaScript reads Code and Message.
func refuse(w http.ResponseWriter, status int, code, message string) {
	respond(w, status, map[string]string{"code": code, "message": message, "Code": code, "Message": message})
}

func respond(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // an expiry beyond the year 9999
		status, text = http.StatusInternalServerError, []byte(`{"code":"InternalFailure","message":"the credentials cannot be encoded"}`)
	}
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func statusOf(err error) int {
	if isTemporary(err) {
		return http.StatusServiceUnavailable
	}
	return http.StatusForbidden
}

// isTemporary reports whether the next call of a provider may succeed, whatever becomes
// of the request that failed. The first error decides that knows: what it wraps or
// is joined with may be an earlier failure.
func isTemporary(err error) bool {
	var knows interface{ RetryableError() bool }
	if !errors.As(err, &knows) {
		return errors.Is(err, context.DeadlineExceeded)
	}
	switch e := knows.(type) {
	case *SendError:
		return true
	case *ResponseError:
		unreadable := e.StatusCode < http.StatusMultipleChoices
		return unreadable || e.StatusCode >= http.StatusInternalServerError || e.RetryableError() || codeOf(e) == "SlowDownException"
	}
	return knows.RetryableError()
}

func codeOf(err error) string {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return api.ErrorCode()
	case errors.Is(err, ErrNoCredentials):
		return "NoCredentials"
	}
	return "CredentialsUnavailable"
}
