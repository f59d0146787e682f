package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// Flow is a way to log in.
type Flow string

// The ways to log in.
const (
	// FlowAuto is FlowBrowser if a browser can be opened, and FlowDevice
	// otherwise. A browser can be opened if Options.OpenBrowser is set, and if
	// the environment variable BROWSER names a program that can be run, except
	// in CI (CI). If not, the environment decides: no browser is opened over SSH
	// (SSH_CONNECTION, SSH_CLIENT or SSH_TTY), in a container, in CI, without
	// the platform's program for it, and, except on macOS, Windows and WSL,
	// without a display (DISPLAY or WAYLAND_DISPLAY). If the browser does not
	// open, FlowAuto continues with FlowDevice.
	FlowAuto Flow = ""

	// FlowDevice shows a page and a code, for a browser on any machine: the
	// device authorization of RFC 8628. It opens no browser itself.
	FlowDevice Flow = "device"

	// FlowBrowser opens a browser on this machine and waits on 127.0.0.1 for
	// its redirect: the authorization code grant with PKCE of RFC 7636. If the
	// redirect does not arrive, as from a browser on another machine, the
	// address that the browser ends at can be pasted into the prompt.
	FlowBrowser Flow = "browser"
)

// Why a login failed, to be found with errors.Is.
var (
	// ErrDenied says that the user, or a policy, denied the login.
	ErrDenied = errors.New("the login was denied")

	// ErrTimedOut says that Options.Timeout or the life of the device code is
	// over.
	ErrTimedOut = errors.New("nobody approved the login in time")
)

// Options are the settings of [Login] and [Logout]. Zero values mean the
// defaults.
type Options struct {
	// Store keeps the token and the registration. The default is
	// NewFileStore(""), the files of the AWS CLI.
	Store Store

	// Config configures the calls. Its Region is replaced by the session's, and
	// its Credentials are not used.
	Config awstokens.Config

	// Flow is how to log in. The default is FlowAuto.
	Flow Flow

	// Prompt tells the user what to do. The default is a Terminal on standard
	// input and standard error.
	Prompt Prompt

	// OpenBrowser opens a browser at a URL. The default runs the commands that
	// the environment variable BROWSER lists, separated as PATH is, until one
	// succeeds; %s in a command stands for the URL, which is its last argument
	// otherwise. Without a BROWSER that can be run, it runs the platform's
	// program, which on WSL opens the browser of Windows. OpenBrowser may return
	// when the browser starts, or wait for its end.
	OpenBrowser func(url string) error

	// CallbackPort is the port on 127.0.0.1 that FlowBrowser waits on, for
	// those who forward one. The default is any free port. If it is not
	// available, Login returns a *CallbackPortError, in FlowAuto too.
	CallbackPort int

	// Timeout bounds the whole call: waiting for the login of another process,
	// and for the user. The default is 10 minutes.
	Timeout time.Duration

	// Force logs in even if there is a good token: as somebody else, or because
	// the session was ended at the portal.
	Force bool
}

const (
	defaultTimeout = 10 * time.Minute

	// minRegistration is what a registration must have left to be used for one
	// more login: its end is also the end of that login's refreshes.
	minRegistration = 24 * time.Hour
)

// Login logs the user in, and returns the token, which it also saves in the
// Store.
//
// If the Store has a token of the session that is good for 5 minutes more,
// Login returns that and asks nobody. Of several logins to a session that share
// a Store, one at a time asks the user; when it is done, the others return its
// token. So many processes that find an expired token at once open one browser.
// A [Provider] can still refresh the session's token in the meantime.
//
// The client's registration is used again while it lasts, and renewed before
// the user is asked. Requests go to the session's Region.
//
// If the token cannot be saved in the end, Login returns it together with the
// error. Where that is known beforehand, nobody is asked.
//
// The error is an [*Error]. errors.Is and errors.As find [ErrDenied],
// [ErrTimedOut], [ErrWrongRegion], [*AuthorizationError], [*CallbackPortError],
// the context's error, and those of package ssooidc in it.
func Login(ctx context.Context, s Session, options ...func(*Options)) (*Token, error) {
	l, err := newLogin(s, options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, l.Timeout, ErrTimedOut)
	defer cancel()
	token, err := l.run(ctx)
	if err != nil {
		return token, l.failure(ctx, err)
	}
	return token, nil
}

// Logout ends the session at the AWS access portal and deletes its token.
// Without a token there is nothing to do. The token is deleted also if it is
// not readable or the portal could not be told, which is an error all the same:
// the session then goes on until it expires. The portal is told also if the
// Store is read-only. The registration stays.
//
// It uses the options Store, Config and Timeout.
func Logout(ctx context.Context, s Session, options ...func(*Options)) error {
	l, err := newLogin(s, options)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	if err := l.logout(ctx); err != nil {
		return l.failure(ctx, err)
	}
	return nil
}

// login is one call of Login or Logout.
type login struct {
	Options
	session Session
	client  *ssooidc.Client
	scopes  []string
	now     func() time.Time
}

func newLogin(s Session, options []func(*Options)) (*login, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	l := &login{session: s, scopes: s.Scopes, now: time.Now}
	for _, change := range options {
		if change != nil {
			change(&l.Options)
		}
	}
	l.Config.Region, l.Config.Credentials = s.Region, nil
	l.Timeout = cmp.Or(l.Timeout, defaultTimeout)
	if l.Config.Now != nil {
		l.now = l.Config.Now
	}
	if len(l.scopes) == 0 {
		l.scopes = []string{DefaultScope}
	}
	if l.Prompt == nil {
		l.Prompt = defaultTerminal()
	}
	var err error
	switch l.Flow {
	case FlowAuto, FlowDevice, FlowBrowser:
	default:
		err = fmt.Errorf("there is no flow %q", l.Flow)
	}
	if err == nil && l.Store == nil {
		l.Store, err = NewFileStore("")
	}
	if err == nil {
		l.client, err = ssooidc.New(l.Config)
	}
	if err != nil {
		return nil, &Error{Session: s, Err: err}
	}
	return l, nil
}

// failure is how an error leaves the package.
func (l *login) failure(ctx context.Context, err error) error {
	var (
		region  *ssooidc.InvalidRequestRegionException
		expired *ssooidc.ExpiredTokenException
	)
	cause := context.Cause(ctx)
	switch other := l.session.otherRegion(); {
	case errors.As(err, &region):
		return &Error{Session: l.session, Kind: ErrWrongRegion, Err: err}
	case errors.As(err, &expired):
		err = withClock(err, l.now())
	case mayBeOfAnotherRegion(err) && other != "":
		return &Error{Session: l.session, Kind: ErrWrongRegion, Err: fmt.Errorf("the start URL is of %s: %w", other, err)}
	case mayBeOfAnotherRegion(err):
		err = fmt.Errorf("%w (is that the start URL, and is its Identity Center instance in %s?)", err, l.session.Region)
	case cause != nil && !errors.Is(err, cause): // of a call that the end of the context has cut off
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return &Error{Session: l.session, Err: err}
}

// mayBeOfAnotherRegion reports whether an error is one with which the service
// refuses a start URL that it does not know.
func mayBeOfAnotherRegion(err error) bool {
	var (
		grant      *ssooidc.InvalidGrantException
		request    *ssooidc.InvalidRequestException
		redirected *AuthorizationError
	)
	return errors.As(err, &grant) || errors.As(err, &request) && request.Reason == "" ||
		errors.As(err, &redirected) && (redirected.Code == "invalid_request" || redirected.Code == "invalid_grant")
}

func (l *login) run(ctx context.Context) (*Token, error) {
	before := l.stored(ctx)
	if before != nil && !l.Force {
		return before, nil
	}
	unlock, err := l.Store.Lock(ctx, l.session, LockPrompt)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if now := l.stored(ctx); now != nil && (before == nil || !before.AccessToken.Equal(now.AccessToken)) {
		return now, nil // somebody else has just logged in
	}
	release, err := l.Store.ReserveToken(ctx, l.session)
	if err != nil {
		return nil, fmt.Errorf("a token could not be saved: %w", err)
	}
	defer release()
	if l.Flow == FlowBrowser || l.Flow == FlowAuto && l.canOpenBrowser() {
		token, err := l.withRegistration(ctx, ssooidc.GrantTypeAuthorizationCode, l.byBrowser)
		var none *noBrowserError
		if l.Flow == FlowBrowser || !errors.As(err, &none) {
			return token, err
		}
	}
	return l.withRegistration(ctx, ssooidc.GrantTypeDeviceCode, l.byDevice)
}

// stored returns a token of the session that is good for a while, or nil. A
// login replaces anything else.
func (l *login) stored(ctx context.Context) *Token {
	t, err := l.Store.LoadToken(ctx, l.session)
	if err != nil || t.StartURL != l.session.StartURL || t.Region != l.session.Region || t.ExpiresAt.Sub(l.now()) < lateWindow {
		return nil
	}
	return t
}

// withRegistration logs in with a client that is registered for a grant. If
// the service does not know a client that was registered before, it registers
// another, once.
func (l *login) withRegistration(ctx context.Context, grant ssooidc.GrantType, flow func(context.Context, *Registration) (*Token, error)) (*Token, error) {
	// A registration that cannot be read is replaced.
	r, err := l.Store.LoadRegistration(ctx, l.session)
	if err == nil && r.Serves(grant, l.now().Add(minRegistration)) && l.hasScopes(r) {
		token, err := flow(ctx, r)
		if token != nil || !refusesClient(err) {
			return token, err
		}
	}
	if r, err = l.register(ctx, grant); err != nil {
		return nil, err
	}
	return flow(ctx, r)
}

func (l *login) hasScopes(r *Registration) bool {
	return !slices.ContainsFunc(l.scopes, func(scope string) bool { return !slices.Contains(r.Scopes, scope) })
}

// refusesClient reports whether another registration would have helped.
func refusesClient(err error) bool {
	var (
		invalid      *ssooidc.InvalidClientException
		unauthorized *ssooidc.UnauthorizedClientException
		redirected   *AuthorizationError
	)
	return errors.As(err, &invalid) || errors.As(err, &unauthorized) ||
		errors.As(err, &redirected) && (redirected.Code == "unauthorized_client" || redirected.Code == "invalid_client")
}

func (l *login) register(ctx context.Context, grant ssooidc.GrantType) (*Registration, error) {
	in := &ssooidc.RegisterClientInput{
		ClientName: "awstokens-client-" + strconv.FormatInt(l.now().Unix(), 10),
		ClientType: ssooidc.ClientTypePublic,
		Scopes:     l.scopes,
	}
	if grant == ssooidc.GrantTypeAuthorizationCode {
		in.GrantTypes = []ssooidc.GrantType{grant, ssooidc.GrantTypeRefreshToken}
		in.RedirectUris = []string{"http://" + callbackHost + callbackPath}
		in.IssuerUrl = l.session.StartURL
	}
	out, err := l.client.RegisterClient(ctx, in)
	if err != nil {
		return nil, err
	}
	r := &Registration{
		ClientID: out.ClientId, ClientSecret: out.ClientSecret, ExpiresAt: registrationEnd(out, l.now()),
		Scopes: in.Scopes, GrantTypes: in.GrantTypes,
	}
	// Before the user is asked: if the Store cannot be written, this ends it.
	return r, l.Store.SaveRegistration(ctx, l.session, r)
}

// exchange gets a token for a code, and saves it. If only that fails, it
// returns the token and the error.
func (l *login) exchange(ctx context.Context, r *Registration, in ssooidc.CreateTokenInput) (*Token, error) {
	in.ClientId, in.ClientSecret = r.ClientID, r.ClientSecret
	asked := l.now() // the token's life begins before the response arrives
	out, err := l.client.CreateToken(ctx, &in)
	if err != nil {
		return nil, err
	}
	token := &Token{
		StartURL:              l.session.StartURL,
		Region:                l.session.Region,
		AccessToken:           out.AccessToken,
		ExpiresAt:             asked.Add(lifeOf(out.ExpiresIn)).UTC().Truncate(time.Second),
		RefreshToken:          out.RefreshToken,
		ClientID:              r.ClientID,
		ClientSecret:          r.ClientSecret,
		RegistrationExpiresAt: r.ExpiresAt,
	}
	if err := l.save(ctx, token); err != nil {
		return token, fmt.Errorf("the token was not saved: %w", err)
	}
	return token, nil
}

// save saves a token. The code for it is used up, so that the end of the
// context must not cost the token.
func (l *login) save(ctx context.Context, token *Token) error {
	ctx = context.WithoutCancel(ctx)
	lockCtx, cancel := context.WithTimeout(ctx, prepareTimeout+refreshTimeout+2*saveTimeout) // as long as a refresh may take
	defer cancel()
	if unlock, err := l.Store.Lock(lockCtx, l.session, LockToken); err == nil {
		defer unlock()
	} // without the lock, a refresh of the old token may replace the new one
	ctx, cancel = context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return l.Store.SaveToken(ctx, l.session, token)
}

func (l *login) logout(ctx context.Context) error {
	unlock, err := l.Store.Lock(ctx, l.session, LockToken)
	switch {
	case err == nil:
		defer unlock()
	case ctx.Err() != nil:
		return err
	} // without the lock, a refresh that is under way may save its token after this
	token, err := l.Store.LoadToken(ctx, l.session)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		err = fmt.Errorf("the session goes on until it expires, because its token could not be read: %w", err)
	default:
		err = l.endSession(ctx, token)
	}
	return errors.Join(err, l.Store.DeleteToken(context.WithoutCancel(ctx), l.session))
}

// endSession tells the portal that the session is over. It may be already.
func (l *login) endSession(ctx context.Context, token *Token) error {
	client, err := portal.New(l.Config)
	if err != nil {
		return err
	}
	_, err = client.Logout(ctx, &portal.LogoutInput{AccessToken: token.AccessToken})
	var ended *portal.UnauthorizedException
	if errors.As(err, &ended) {
		return nil
	}
	return err
}
