package tip_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

var app = tip.Application{
	ARN:           "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef",
	AccessRoleARN: "arn:aws:iam::111122223333:role/UserAccess",
}

const bootstrapRole = "arn:aws:iam::111122223333:role/Bootstrap"

func inProcess(o *awstokenstest.Options) { o.InProcess = true }

// world is a server, what was sent to it, and a user with JWTs.
type world struct {
	*awstokenstest.Server
	*wire

	mu      sync.Mutex
	sources int   // calls of source
	away    error // what source returns instead, if not nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := awstokenstest.NewServer(t, inProcess)
	return &world{Server: server, wire: newWire(server.Config().HTTPClient)}
}

func (w *world) Config() awstokens.Config {
	cfg := w.Server.Config()
	cfg.HTTPClient = w.wire
	return cfg
}

// source is a Source.
func (w *world) source(context.Context) (awstokens.Secret, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sources++
	return w.IdentityCenter().UserJWT(), w.away
}

func (w *world) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sources
}

func (w *world) provider(t *testing.T, source tip.Source, options ...func(*tip.Options)) *tip.Provider {
	t.Helper()
	p, err := tip.NewProvider(w.Config(), app, source, options...)
	require.NoError(t, err)
	return p
}

// good retrieves credentials and asserts that the services accept them.
func (w *world) good(t *testing.T, p awstokens.CredentialsProvider) awstokens.Credentials {
	t.Helper()
	creds, err := p.Retrieve(t.Context())
	require.NoError(t, err)
	assert.True(t, creds.Expires.After(w.Now()), "expired")
	return creds
}

// failure retrieves no credentials, and returns the error.
func failure(t *testing.T, p awstokens.CredentialsProvider, step tip.Step) error {
	t.Helper()
	_, err := p.Retrieve(t.Context())
	var failed *tip.Error
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, step, failed.Step, "%s", err)
	return err
}

// wire is an HTTP client that notes what is sent.
type wire struct {
	next awstokens.HTTPClient

	mu       sync.Mutex
	grants   map[string]int // requests of CreateTokenWithIAM by grant, in its short form
	actions  map[string]int // requests of STS
	total    int
	tainted  map[string]bool // JWTs that the service may have processed
	resent   int             // of those, how often one was sent again
	running  map[string]int  // refresh tokens that are being exchanged
	together int             // how often one was exchanged twice at once
}

func newWire(next awstokens.HTTPClient) *wire {
	return &wire{next: next, grants: map[string]int{}, actions: map[string]int{}, tainted: map[string]bool{}, running: map[string]int{}}
}

func (w *wire) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total
}

func (w *wire) count(grant string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.grants[grant] + w.actions[grant]
}

func (w *wire) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	var token struct {
		GrantType, Assertion, RefreshToken string
	}
	form, _ := url.ParseQuery(string(body))
	_ = json.Unmarshal(body, &token)

	w.mu.Lock()
	w.total++
	w.actions[form.Get("Action")]++
	w.grants[token.GrantType[strings.LastIndex(token.GrantType, ":")+1:]]++
	if w.tainted[token.Assertion] {
		w.resent++
	}
	if w.running[token.RefreshToken]++; token.RefreshToken != "" && w.running[token.RefreshToken] > 1 {
		w.together++
	}
	w.mu.Unlock()

	resp, err := w.next.Do(req)

	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[token.RefreshToken]--
	processed := err != nil || resp.StatusCode < 300 || resp.StatusCode >= 500
	if err == nil && resp.StatusCode == http.StatusBadRequest {
		processed = !strings.HasPrefix(resp.Header.Get("X-Amzn-Errortype"), "SlowDown")
	}
	if token.Assertion != "" && processed {
		w.tainted[token.Assertion] = true
	}
	return resp, err
}

// jwt makes a JWT of some claims, with a fake signature.
func jwt(claims map[string]any) awstokens.Secret {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return awstokens.NewSecret(encode([]byte(`{"alg":"ES256"}`)) + "." + encode(payload) + "." + encode([]byte("fake signature")))
}

// userName names a user.
func userName(i int) string { return fmt.Sprintf("user-%05d", i) }

// always is a Source that returns the same JWT each time.
func always(token awstokens.Secret) tip.Source {
	return func(context.Context) (awstokens.Secret, error) { return token, nil }
}

var errAway = errors.New("the user is away")

// offset makes the local clock wrong.
func offset(cfg awstokens.Config, d time.Duration) awstokens.Config {
	right := cfg.Now
	cfg.Now = func() time.Time { return right().Add(d) }
	return cfg
}
