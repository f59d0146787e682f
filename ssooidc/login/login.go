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
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Flow is a way to log in.
type Flow string

// The ways to log in.
const (
	// FlowAuto is FlowBrowser if a browser can be opened, and FlowDevice
	// otherwise, also if the browser does not open. A browser can be opened if
	// Options.OpenBrowser is set, or if the environment variable BROWSER names a
	// program that can be run and this is not CI (CI). Otherwise, the environment
	// decides: there is no browser over SSH (SSH_CONNECTION, SSH_CLIENT or
	// SSH_TTY), in a container, in CI, without the platform's program that opens
	// one, and, except on macOS, Windows and WSL, without a display (DISPLAY or
	// WAYLAND_DISPLAY).
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

	// Force logs in even if there is a good token: as another user, or because
	// the session was ended at the portal.
	Force bool
}

const defaultTimeout = 10 * time.Minute

// Login logs the user in, saves the token in the Store, and returns it.
//
// If the Store has a token of the session that is good for at least 5 minutes,
// Login returns that and asks nobody. Of several calls for a session that share a
// Store, in any process, one at a time asks the user, and the others then return
// its token. So processes that find an expired token at once open one browser. A
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
		return now, nil // of a login that has just ended
	}
	release, err := l.Store.ReserveToken(ctx, l.session)
	if err != nil {
		return nil, fmt.Errorf("a token could not be saved: %w", err)
	}
	defer release()
	if l.Flow == FlowBrowser || l.Flow == FlowAuto && l.canOpenBrowser() {
		token, err := l.withRegistration(ctx, ssooidc.GrantTypeAuthorizationCode, l.byBrowser)
		if l.Flow == FlowBrowser || !errors.Is(err, errNoBrowser) {
			return token, err
		}
	}
	return l.withRegistration(ctx, ssooidc.GrantTypeDeviceCode, l.byDevice)
}

// stored returns the session's token in the Store if it is good for some minutes,
// or nil.
func (l *login) stored(ctx context.Context) *Token {
	t, err := l.Store.LoadToken(ctx, l.session)
	if err != nil || t.StartURL != l.session.StartURL || t.Region != l.session.Region || t.ExpiresAt.Sub(l.now()) < lateWindow {
		return nil
	}
	return t
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
