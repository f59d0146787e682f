package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Flow is a way to log in.
type Flow string

// The ways to log in.
const (
	// FlowAuto is FlowBrowser if there is a browser, and FlowDevice otherwise,
	// also if the browser does not open. With Options.OpenBrowser, there is one.
	// Without it, the environment decides. In CI (the variable CI) there is none.
	// Elsewhere there is one if BROWSER names a program that can be run. If not,
	// there is none over SSH (SSH_CONNECTION, SSH_CLIENT or SSH_TTY), in a
	// container, without the platform's program that opens it, and, except on
	// macOS, Windows and WSL, without a display (DISPLAY or WAYLAND_DISPLAY).
	FlowAuto Flow = ""

	// FlowDevice shows a page and a code, for a browser on any machine: the
	// device authorization grant of RFC 8628. It opens no browser.
	FlowDevice Flow = "device"

	// FlowBrowser opens a browser on this machine and waits on 127.0.0.1 for
	// its redirect: the authorization code grant with PKCE of RFC 7636. If the
	// browser is on another machine, so that the redirect does not arrive, the
	// user can paste the address of the browser's last page into the prompt.
	FlowBrowser Flow = "browser"
)

// Options are the settings of [Login], [Logout] and [ResolveStartURL]. Zero values
// mean the defaults.
type Options struct {
	// Store keeps the token and the registration. The default is
	// NewFileStore(""), the files of the AWS CLI.
	Store Store

	// Config configures the calls. Its Region is replaced by the session's, and
	// its Credentials are not used.
	Config awstokens.Config

	// Flow is the way to log in. The default is FlowAuto.
	Flow Flow

	// Prompt tells the user what to do. The default is a Terminal on standard
	// input and standard error.
	Prompt Prompt

	// OpenBrowser opens a browser at a URL. It may return when the browser has
	// started or when it ends; an error in the first 2 seconds means that no
	// browser was opened. The default runs the commands that the environment
	// variable BROWSER lists, separated as in PATH, until one succeeds. In a
	// command, %s stands for the URL; without one, the URL is the last argument.
	// If no command in BROWSER can be run, the default runs the platform's
	// program, which on WSL opens the browser of Windows.
	OpenBrowser func(url string) error

	// CallbackPort is the port on 127.0.0.1 that FlowBrowser listens on, such as
	// one that is forwarded from another machine. The default is any free port.
	// If the port is not available, Login returns a [*CallbackPortError], in
	// FlowAuto too.
	CallbackPort int

	// Timeout bounds the call, with the waits for the login of another process
	// and for the user. A token that has arrived in time is saved even if the
	// time ends meanwhile. The default is 10 minutes.
	Timeout time.Duration

	// Force asks the user in any case, for example to log in as another user or
	// after a change of Session.Scopes.
	Force bool
}

const defaultTimeout = 10 * time.Minute

// Login logs the user in, saves the token in the Store, and returns it.
//
// Login asks the user only if it must. If the Store has a token of the session that
// is valid for at least 5 minutes, Login returns that. Otherwise it refreshes the
// token. It asks the user if there is no token, if the token cannot be refreshed, or
// if the service refuses that. If the refresh fails because the service is
// unreachable, faulty or overloaded, Login returns the error: a retry may help, and
// with Options.Force the user is asked nevertheless. If the context ends during a
// refresh, Login waits for it for 10 seconds more. After that the refresh continues,
// and nothing waits for it.
//
// Login does not find out whether the session of a valid token was ended elsewhere.
// The portal refuses such a token, and [Provider.Discard] says what happens then.
//
// Of several calls for a session that share a Store, in any process, one at a time
// asks the user, and the others then return its token, unless they have
// Options.Force. So processes that find an expired token at once open one browser. A
// [Provider] can still refresh the session's token in the meantime.
//
// Login uses the client's registration again, or renews it before it asks the user
// if less than a day of it is left. Requests go to the session's Region.
//
// If the token cannot be saved, Login returns it together with the error. If the
// Store reports that in advance, Login returns the error before it asks the user.
//
// The error is an [*Error]. errors.Is and errors.As find in it [ErrDenied],
// [ErrTimedOut], [ErrWrongRegion], [*AuthorizationError], [*CallbackPortError],
// the context's error, and the errors of package ssooidc.
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

// login is one call of Login or Logout.
type login struct {
	Options
	session Session
	client  *ssooidc.Client
	base    *url.URL // of the client
	scopes  []string
	now     func() time.Time
}

func newLogin(s Session, options []func(*Options)) (*login, error) {
	l := &login{session: s, scopes: s.Scopes, now: time.Now}
	for _, change := range options {
		if change != nil {
			change(&l.Options)
		}
	}
	var err error
	if l.client, err = newClient(s, &l.Store, &l.Config); err != nil {
		return nil, err
	}
	l.base, err = endpoint.Resolve(endpoint.OIDC, l.Config)
	switch l.Flow {
	case FlowAuto, FlowDevice, FlowBrowser:
	default:
		err = fmt.Errorf("there is no flow %q", l.Flow)
	}
	if err != nil {
		return nil, &Error{Session: s, Err: err}
	}
	l.Timeout = cmp.Or(l.Timeout, defaultTimeout)
	if l.Config.Now != nil {
		l.now = l.Config.Now
	}
	if len(l.scopes) == 0 {
		l.scopes = []string{DefaultScope}
	}
	if l.Prompt == nil {
		l.Prompt = &Terminal{In: os.Stdin, Out: os.Stderr} // standard output is the program's
	}
	return l, nil
}

func (l *login) run(ctx context.Context) (*Token, error) {
	if token := l.stored(ctx); token != nil {
		return token, nil
	}
	unlock, err := l.Store.Lock(ctx, l.session, LockPrompt)
	if err != nil {
		return nil, fmt.Errorf("wait for the lock of logins: %w", err)
	}
	defer unlock()
	if token := l.stored(ctx); token != nil {
		return token, nil // of a login that has just ended
	}
	release, err := l.Store.ReserveToken(ctx, l.session)
	if err != nil {
		return nil, fmt.Errorf("a token could not be saved: %w", err)
	}
	defer release()
	if token, err := l.refresh(ctx); token != nil || err != nil {
		return token, err
	}
	if l.Flow == FlowBrowser || l.Flow == FlowAuto && l.canOpenBrowser() {
		token, err := l.withRegistration(ctx, ssooidc.GrantTypeAuthorizationCode, l.byBrowser)
		if l.Flow == FlowBrowser || !errors.Is(err, errNoBrowser) {
			return token, err
		}
	}
	return l.withRegistration(ctx, ssooidc.GrantTypeDeviceCode, l.byDevice)
}

// stored returns the session's token in the Store if it is valid for some minutes
// and the user need not be asked, or nil.
func (l *login) stored(ctx context.Context) *Token {
	if t := l.load(ctx); t != nil && t.ExpiresAt.Sub(l.now()) >= lateWindow {
		return t
	}
	return nil
}

// load returns the session's token in the Store if the user need not be asked, or
// nil. A token that cannot be read is replaced.
func (l *login) load(ctx context.Context) *Token {
	if l.Force {
		return nil
	}
	t, err := l.Store.LoadToken(ctx, l.session)
	if err != nil || !l.owns(t) {
		return nil
	}
	return t
}

// owns reports whether a token is for the session's start URL and Region.
func (l *login) owns(t *Token) bool {
	return t.StartURL == l.session.StartURL && t.Region == l.session.Region
}

// refreshPatience is how long a login waits for a refresh after its context has
// ended: a program that exits in the middle of it may lose the session.
const refreshPatience = 10 * time.Second

// saveTries is how often a login retries to save a token that it has refreshed. The
// one in the Store cannot be refreshed any more.
const saveTries = 3

// refresh refreshes the session's token. It returns neither a token nor an error if
// the user must be asked. If the token cannot be saved, refresh returns it together
// with the error.
func (l *login) refresh(ctx context.Context) (*Token, error) {
	if l.load(ctx) == nil {
		return nil, nil
	}
	var unsaved error
	p, err := NewProvider(l.session, func(o *ProviderOptions) {
		o.Store, o.Config, o.Report = l.Store, l.Config, func(err error) { unsaved = err }
	})
	if err != nil {
		return nil, err
	}
	var next *held
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done) // also if the Store or the HTTPClient calls runtime.Goexit
		next, failed = p.renewAndSave(ctx)
		if p.unsaved.Load() == nil {
			unsaved = nil
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
		select {
		case <-done:
		case <-time.After(refreshPatience):
			return nil, fmt.Errorf("wait for the refresh: %w", ctx.Err())
		}
	}
	switch {
	case next != nil && l.owns(next.Token):
		return next.Token, reason(unsaved)
	case failed != nil && !Needed(failed) && (isOutage(failed) || ctx.Err() != nil):
		return nil, reason(failed)
	}
	return nil, nil
}

// renewAndSave is renew, and retries to save a new token. The end of the context does
// not keep it from that.
func (p *Provider) renewAndSave(ctx context.Context) (*held, error) {
	h, err := p.renew(ctx)
	ctx = context.WithoutCancel(ctx)
	for tries := 0; p.unsaved.Load() != nil && tries < saveTries && transport.Sleep(ctx, time.Second) == nil; tries++ {
		if saved, err := p.renew(ctx); err == nil {
			h = saved
		}
	}
	return h, err
}

// reason returns the Err of an [*Error].
func reason(err error) error {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Err
	}
	return err
}

// exchange exchanges a code for a token and saves it. If the token cannot be saved,
// exchange returns it together with the error.
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
