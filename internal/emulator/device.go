package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const (
	devicePath      = "/device"
	deviceLife      = 600 * time.Second
	deviceInterval  = time.Second
	slowDownPenalty = 5 * time.Second // RFC 8628 section 3.5
)

// deviceState is what the user has said.
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
		userCode: randomText(4, userCodeLetters) + "-" + randomText(4, userCodeLetters),
		expires:  r.now.Add(deviceLife),
		interval: deviceInterval,
	}
	if c.options.AutoApprove {
		grant.state = deviceApproved
	}
	deviceCode := "emulated-device-code-" + randomHex(32)
	c.devices[deviceCode] = grant
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
	grant := c.devices[deviceCode]
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
	delete(c.devices, deviceCode)
	return nil
}

// poll answers a client whose user has not answered yet. Asked sooner than it
// said, it wants 5 seconds more from then on.
func (g *deviceGrant) poll(now time.Time) *failure {
	early := !g.lastPoll.IsZero() && now.Sub(g.lastPoll) < g.interval
	g.lastPoll = now
	if early {
		g.interval += slowDownPenalty
		return fail("SlowDownException", "Polling too fast; wait %s between requests", g.interval)
	}
	return fail("AuthorizationPendingException", "The user has not approved the request yet")
}

// ApproveDevice approves the device authorization with the user code, as its
// user would. It fails if there is none or it is not pending.
func (s *Server) ApproveDevice(userCode string) error {
	return s.decideDevice(userCode, deviceApproved)
}

// DenyDevice denies the device authorization with the user code. It fails if
// there is none or it is not pending.
func (s *Server) DenyDevice(userCode string) error {
	return s.decideDevice(userCode, deviceDenied)
}

func (s *Server) decideDevice(userCode string, state deviceState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, grant := range s.identity.devices {
		if grant.userCode == userCode && grant.state == devicePending && s.clock.now().Before(grant.expires) {
			grant.state = state
			return nil
		}
	}
	return fmt.Errorf("no device waits with the user code %q", userCode)
}

// devicePage takes a user's approval: POST with the form value user_code.
func (s *Server) devicePage(w http.ResponseWriter, r *request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		fmt.Fprintln(w, "To approve a device, POST its user_code as a form.")
		return
	}
	form, err := url.ParseQuery(string(r.body))
	if err == nil {
		err = s.ApproveDevice(form.Get("user_code"))
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "The device is approved.")
}
