package transport

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens"
)

// newRequest builds the HTTP request, without a signature.
func (a *attempt) newRequest(ctx context.Context, sent *sending) *http.Request {
	body := a.request.Body
	traced := len(body) == 0 || a.isNetHTTP && a.op.idempotent
	if traced {
		ctx = sent.traced(ctx)
	}
	req := a.prototype.WithContext(ctx)
	url := *a.endpoint
	req.URL = &url
	url.RawQuery = a.request.Query
	if url.RawPath != "" {
		url.RawPath += a.request.Path
	}
	url.Path += a.request.Path
	if url.Path == "" {
		url.Path = "/"
	}
	req.Method = a.request.Method
	req.Header = make(http.Header, 10)
	if len(body) > 0 {
		req.ContentLength = int64(len(body))
		req.GetBody = sent.bodies(body, traced, a.op.idempotent)
		req.Body, _ = req.GetBody()
	}
	// Lists of one value are shared between requests: Header.Set and Add
	// replace them, nothing writes into them.
	req.Header["User-Agent"] = a.userAgent
	req.Header["Accept-Encoding"] = identityEncoding // a compressed body could outgrow the cap
	own := []string{a.invocation, "attempt=" + strconv.Itoa(a.number) + "; max=" + strconv.Itoa(a.cfg.Retryer.MaxAttempts())}
	req.Header[invocationID] = own[0:1:1]
	req.Header["Amz-Sdk-Request"] = own[1:2:2]
	for _, field := range a.request.Header {
		if field.Name != "" {
			req.Header[field.Name] = field.Values
		}
	}
	return req
}

var identityEncoding = []string{"identity"}

// authorize signs the request if its operation wants that.
func (a *attempt) authorize(ctx context.Context, req *http.Request) error {
	if a.op.auth == Unsigned || a.anonymous {
		return nil
	}
	creds, err := a.credentials(ctx)
	if err != nil {
		if a.op.auth == Optional && errors.Is(err, awstokens.ErrNoCredentials) {
			return nil
		}
		return err
	}
	if a.cfg.Region == "" {
		return errors.New("no region to sign for: set Config.Region")
	}
	a.creds = creds
	_, seen := a.telemetry.begin(ctx, signing, a.op.Name)
	a.signer.Sign(req, a.request.Body, creds, a.cfg.Now().Add(a.signedWith))
	seen.end(nil)
	return nil
}

func (a *attempt) credentials(ctx context.Context) (awstokens.Credentials, error) {
	if a.cfg.Credentials == nil {
		return awstokens.Credentials{}, awstokens.ErrNoCredentials
	}
	ctx, seen := a.telemetry.begin(ctx, getIdentity, a.op.Name)
	creds, err := a.cfg.Credentials.Retrieve(ctx)
	seen.end(err)
	if err != nil {
		return creds, &credentialsError{err}
	}
	if creds.AccessKeyID == "" || creds.SecretAccessKey.IsZero() {
		return creds, awstokens.ErrNoCredentials
	}
	var buffer [1024]byte // enough for most session tokens, so that nothing is allocated
	if strings.ContainsFunc(creds.AccessKeyID, isControl) || bytes.ContainsFunc(creds.SessionToken.AppendReveal(buffer[:0]), isControl) {
		return creds, errors.New("the credentials contain a line break or another control character")
	}
	return creds, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// renewCredentials asks for others in place of the credentials that the
// service refused as expired, and reports whether there are any.
func (a *attempt) renewCredentials(ctx context.Context) bool {
	if provider, ok := a.cfg.Credentials.(interface{ Discard(awstokens.Credentials) }); ok {
		provider.Discard(a.creds)
	}
	creds, err := a.credentials(ctx)
	return err == nil && (creds.AccessKeyID != a.creds.AccessKeyID || !creds.SessionToken.Equal(a.creds.SessionToken))
}
