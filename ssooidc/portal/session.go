package portal

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
)

// session is a client with the access tokens of a session.
type session struct {
	client *Client

	// Methods of the token provider: fmt would show the fields of a provider
	// that is a struct.
	token   func(context.Context) (bearer.Token, error)
	discard func(awstokens.Secret)      // nil if the provider cannot replace a token
	wait    func(context.Context) error // nil if the provider cannot wait
}

func newSession(cfg awstokens.Config, tokens bearer.TokenProvider, o Options) (*session, error) {
	if tokens == nil {
		return nil, errors.New("a token provider is required")
	}
	region, err := sessionRegion(tokens, o.Region)
	if err != nil {
		return nil, err
	}
	cfg.Credentials, cfg.Region = nil, region
	client, err := New(cfg)
	if err != nil {
		return nil, err
	}
	s := &session{client: client, token: tokens.RetrieveBearerToken}
	if d, ok := tokens.(interface{ Discard(awstokens.Secret) }); ok {
		s.discard = d.Discard
	}
	if w, ok := tokens.(interface{ Wait(context.Context) error }); ok {
		s.wait = w.Wait
	}
	return s, nil
}

// use calls the portal with an access token. If the portal refuses it and the token
// provider can replace it, use calls the portal once more. It reports whether there
// was a token for the last call.
func use[T any](ctx context.Context, s *session, call func(awstokens.Secret) (T, error)) (out T, hasToken bool, err error) {
	for replaced := false; ; replaced = true {
		t, err := s.token(ctx)
		if err == nil && t.Value == "" {
			err = errors.New("the access token is empty")
		}
		if err != nil {
			return out, false, err
		}
		token := awstokens.NewSecret(t.Value)
		out, err = call(token)
		var unauthorized *UnauthorizedException
		if replaced || s.discard == nil || !errors.As(err, &unauthorized) {
			return out, true, err
		}
		s.discard(token)
	}
}

// sessionRegion returns the Region of the session, which the option or the token
// provider says.
func sessionRegion(tokens bearer.TokenProvider, option string) (string, error) {
	var region string
	if session, ok := tokens.(interface{ Region() string }); ok {
		region = session.Region()
	}
	switch {
	case region == "" && option == "":
		return "", errors.New("the region of the session is unknown: set Options.Region")
	case region == "":
		return option, nil
	case option != "" && option != region:
		return "", fmt.Errorf("Options.Region is %s, and the region of the session is %s", option, region)
	}
	return region, nil
}
