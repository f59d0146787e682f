package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// slowDownStep is what RFC 8628 section 3.5 adds to the interval for good.
const slowDownStep = 5 * time.Second

// byDevice shows a code and polls until it is approved.
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
	request := Request{
		Session:  l.session,
		Flow:     FlowDevice,
		URL:      awstokens.NewSecret(printable(device.VerificationUriComplete.Reveal())),
		PlainURL: printable(device.VerificationUri),
		UserCode: awstokens.NewSecret(printable(device.UserCode.Reveal())),
	}
	if request.URL.IsZero() {
		request.URL = awstokens.NewSecret(request.PlainURL)
	}
	ctx, stop := l.show(ctx, request, nil)
	defer stop()
	return l.poll(ctx, r, device)
}

func (l *login) poll(ctx context.Context, r *Registration, device *ssooidc.StartDeviceAuthorizationOutput) (*Token, error) {
	in := ssooidc.CreateTokenInput{GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: device.DeviceCode}
	interval := device.PollInterval()
	var fault error // the last failure that may pass
	for {
		if transport.Sleep(ctx, interval) != nil {
			return nil, ended(ctx, fault)
		}
		token, err := l.exchange(ctx, r, in)
		var (
			pending *ssooidc.AuthorizationPendingException
			slower  *ssooidc.SlowDownException
			denied  *ssooidc.AccessDeniedException
			expired *ssooidc.ExpiredTokenException
		)
		switch {
		case token != nil:
			return token, err
		case ctx.Err() != nil:
			return nil, ended(ctx, err)
		case errors.As(err, &pending):
			fault = nil
		case errors.As(err, &slower):
			interval += slowDownStep
		case errors.As(err, &denied):
			return nil, fmt.Errorf("%w: %w", ErrDenied, err)
		case errors.As(err, &expired):
			return nil, fmt.Errorf("%w: %w", ErrTimedOut, err)
		case isPassing(err):
			fault = err
		default:
			return nil, err
		}
	}
}

// isPassing reports whether a poll failed for a reason that may be gone at the
// next one: the network, or a fault of the service or of something before it.
func isPassing(err error) bool {
	var (
		unsent   *awstokens.SendError
		response *awstokens.ResponseError
	)
	return errors.As(err, &unsent) ||
		errors.As(err, &response) && (response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests)
}

// ended is why a context has ended, and the fault that kept the login from
// succeeding, if there was any.
func ended(ctx context.Context, fault error) error {
	if fault == nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w; the last request failed: %w", context.Cause(ctx), fault)
}
