package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// slowDownStep is what RFC 8628 section 3.5 adds to the interval of all later polls.
const slowDownStep = 5 * time.Second

// byDevice shows a code and polls until the user has approved it.
func (l *login) byDevice(ctx context.Context, r *Registration) (*Token, error) {
	device, err := l.client.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId: r.ClientID, ClientSecret: r.ClientSecret, StartUrl: l.session.StartURL,
	})
	if err != nil {
		return nil, err
	}
	if device.ExpiresIn > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(device.ExpiresIn)*time.Second, ErrTimedOut)
		defer cancel()
	}
	request, err := l.request(device)
	if err != nil {
		return nil, err
	}
	ctx, stop := l.show(ctx, request, nil)
	defer stop()
	return l.poll(ctx, r, device)
}

// request returns what the prompt shows. What the service has sent is on one line,
// and its pages must be https URLs, or of the scheme of the endpoint: a prompt may
// open them in a browser.
func (l *login) request(device *ssooidc.StartDeviceAuthorizationOutput) (Request, error) {
	plain := redact.Line(device.VerificationUri)
	page := cmp.Or(redact.Line(device.VerificationUriComplete.Reveal()), plain)
	for _, address := range []string{plain, page} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != l.base.Scheme {
			return Request{}, errors.New("the service sent a page for the user that is not an https URL")
		}
	}
	return Request{
		Session:  l.session,
		Flow:     FlowDevice,
		URL:      awstokens.NewSecret(page),
		PlainURL: plain,
		UserCode: awstokens.NewSecret(redact.Line(device.UserCode.Reveal())),
	}, nil
}

func (l *login) poll(ctx context.Context, r *Registration, device *ssooidc.StartDeviceAuthorizationOutput) (*Token, error) {
	in := ssooidc.CreateTokenInput{GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: device.DeviceCode}
	interval := device.PollInterval()
	var fault error // of the last request, if that says nothing about the code
	for {
		if transport.Sleep(ctx, interval) != nil {
			return nil, after(fault, unapproved(ctx))
		}
		token, err := l.exchange(ctx, r, in)
		switch {
		case token != nil:
			return token, err
		case ctx.Err() != nil:
			return nil, after(cmp.Or(fault, err), unapproved(ctx))
		case has[*ssooidc.AuthorizationPendingException](err):
			fault = nil
		case has[*ssooidc.SlowDownException](err):
			fault = nil
			interval += slowDownStep
		case has[*ssooidc.AccessDeniedException](err):
			return nil, fmt.Errorf("%w: %w", ErrDenied, err)
		case has[*ssooidc.ExpiredTokenException](err):
			return nil, after(fault, fmt.Errorf("%w: %w", ErrTimedOut, err))
		case saysNothing(err):
			fault = err
		default:
			return nil, after(fault, err)
		}
	}
}

// saysNothing reports whether the failure of a request says nothing about the
// code: it is of the network, a fault of the service, or the response of something
// else, such as a proxy that requires a login of its own.
func saysNothing(err error) bool {
	var api smithy.APIError
	switch {
	case has[*awstokens.SendError](err):
		return true
	case !has[*awstokens.ResponseError](err):
		return false // there was no request
	case !errors.As(err, &api):
		return true // a response of success that is not a token
	}
	return has[*smithy.GenericAPIError](api) || api.ErrorFault() == smithy.FaultServer
}
