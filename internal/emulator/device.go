package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/webpage"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const (
	devicePath      = "/device"
	deviceLife      = 600 * time.Second
	deviceInterval  = time.Second
	slowDownPenalty = 5 * time.Second // RFC 8628 section 3.5
)

// deviceState is what the user has decided.
type deviceState int

const (
	devicePending deviceState = iota
	deviceApproved
	deviceDenied
)

// deviceGrant is a device authorization under way.
type deviceGrant struct {
	clientID string
	userCode string
	expires  time.Time
	state    deviceState
	interval time.Duration
	lastPoll time.Time // zero before the first
}

func (c *identityCenter) startDeviceAuthorization(r *request, in *ssooidc.StartDeviceAuthorizationInput) (any, *failure) {
	client, refusal := c.client(r.now, in.ClientId, in.ClientSecret.Reveal())
	if refusal != nil {
		return nil, refusal
	}
	if !slices.Contains(client.grants, ssooidc.GrantTypeDeviceCode) {
		return nil, fail("UnauthorizedClientException", "The client is not registered for grantType %q.", ssooidc.GrantTypeDeviceCode)
	}
	if u, err := url.Parse(in.StartUrl); err != nil || u.Host == "" {
		return nil, fail("InvalidRequestException", "startUrl is not a URL.")
	}
	grant := &deviceGrant{
		clientID: client.id,
		userCode: randomUserCode(),
		expires:  r.now.Add(deviceLife),
		interval: deviceInterval,
	}
	if c.options.AutoApprove {
		grant.state = deviceApproved
	}
	deviceCode := "emulated-dc-" + randomHex(32)
	c.devices.put(r.now, deviceCode, grant, grant.expires)
	c.userCodes.put(r.now, lettersOf(grant.userCode), grant, grant.expires)
	page := r.base() + devicePath
	return object{
		"deviceCode":              deviceCode,
		"expiresIn":               int(deviceLife / time.Second),
		"interval":                int(deviceInterval / time.Second),
		"userCode":                grant.userCode,
		"verificationUri":         page,
		"verificationUriComplete": page + "?user_code=" + grant.userCode,
	}, nil
}

// redeemDevice uses a device code up once its user has approved it.
func (c *identityCenter) redeemDevice(now time.Time, client *oidcClient, deviceCode string) *failure {
	grant, _ := c.devices.get(now, deviceCode)
	switch {
	case grant == nil || grant.clientID != client.id:
		return fail("InvalidGrantException", "Invalid device code provided")
	case !now.Before(grant.expires):
		return fail("ExpiredTokenException", "The device code has expired")
	case grant.state == deviceDenied:
		return fail("AccessDeniedException", "The user denied the request")
	case grant.state == devicePending:
		return grant.poll(now)
	}
	c.devices.delete(deviceCode)
	c.userCodes.delete(lettersOf(grant.userCode))
	return nil
}

// poll responds to a client whose user has not decided yet. A poll before the end
// of the interval makes the interval 5 seconds longer.
func (g *deviceGrant) poll(now time.Time) *failure {
	early := !g.lastPoll.IsZero() && now.Sub(g.lastPoll) < g.interval
	g.lastPoll = now
	if early {
		g.interval += slowDownPenalty
		return fail("SlowDownException", "Polling too fast; wait %s between requests", g.interval)
	}
	return fail("AuthorizationPendingException", "The user has not approved the request yet")
}

// ApproveDevice approves the device authorization that showed the user code. It
// returns an error if no pending authorization has it.
func (s *Server) ApproveDevice(userCode string) error {
	return s.decideDevice(userCode, deviceApproved)
}

// DenyDevice denies the device authorization that showed the user code. It
// returns an error if no pending authorization has it.
func (s *Server) DenyDevice(userCode string) error {
	return s.decideDevice(userCode, deviceDenied)
}

func (s *Server) decideDevice(userCode string, state deviceState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	grant := s.identity.waiting(userCode)
	if grant == nil {
		return fmt.Errorf("no pending device authorization has the user code %q", userCode)
	}
	grant.state = state
	return nil
}

// waiting returns the pending device authorization of a user code, or nil. By
// RFC 8628 section 6.1, a user may type the code in lower case and without the
// hyphen.
func (c *identityCenter) waiting(userCode string) *deviceGrant {
	now := c.clock.now()
	grant, ok := c.userCodes.get(now, lettersOf(userCode))
	if !ok || grant.state != devicePending || !now.Before(grant.expires) {
		return nil
	}
	return grant
}

func lettersOf(userCode string) string {
	return strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(userCode))
}

// devicePage asks the user for the code and for approval. A program may send the
// form, too; without a decision, that approves.
func (s *Server) devicePage(w http.ResponseWriter, r *request) {
	if refusePage(w, r) {
		return
	}
	if r.Method == http.MethodGet {
		s.deviceForm(w, http.StatusOK, r.URL.Query().Get("user_code"), "")
		return
	}
	form := r.form()
	userCode, state := form.Get("user_code"), deviceApproved
	done := message{Title: "The device is approved", Text: "You can close this page and go back to the device.", Good: true}
	if form.Get("decision") == "deny" {
		state, done = deviceDenied, message{Title: "The device is denied", Text: "It gets no access. You can close this page."}
	}
	err := s.decideDevice(userCode, state)
	switch {
	case err != nil && r.asPage():
		s.deviceForm(w, http.StatusBadRequest, userCode, "No device that waits for approval has this code.")
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case r.asPage():
		webpage.Write(w, http.StatusOK, messagePage, done)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, done.Title+".")
	}
}

// deviceForm shows the form, with the client and scopes of the user code if an
// authorization waits for it.
func (s *Server) deviceForm(w http.ResponseWriter, status int, userCode, problem string) {
	data := map[string]any{"UserCode": userCode, "Problem": problem}
	s.mu.Lock()
	if grant := s.identity.waiting(userCode); grant != nil {
		if client, ok := s.identity.clients.get(s.clock.now(), grant.clientID); ok {
			data["Client"], data["Scopes"] = client.name, client.scopes
		}
	}
	s.mu.Unlock()
	webpage.Write(w, status, deviceFormPage, data, "'self'")
}
