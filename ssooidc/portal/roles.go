package portal

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Role is a role in an account, which is assigned to the user of a session.
type Role struct {
	Account  AccountInfo
	RoleName string
}

// Roles iterates over the roles of the user of a session, account by account. It
// uses the configuration, the token provider and the options as [RoleCredentials]
// does, so a token that the portal refuses is replaced. It requests a page when it gets
// there, and ends after an error, which comes with a zero Role.
func Roles(ctx context.Context, cfg awstokens.Config, tokens bearer.TokenProvider, options ...func(*Options)) iter.Seq2[Role, error] {
	return func(yield func(Role, error) bool) {
		var o Options
		for _, change := range options {
			if change != nil {
				change(&o)
			}
		}
		s, err := newSession(cfg, tokens, o)
		if err != nil {
			yield(Role{}, fmt.Errorf("roles: %w", err))
			return
		}
		for account, err := range s.accounts(ctx) {
			if err != nil {
				yield(Role{}, err)
				return
			}
			for role, err := range s.roles(ctx, account.AccountId) {
				if err != nil {
					yield(Role{}, err)
					return
				}
				if !yield(Role{account, role.RoleName}, nil) {
					return
				}
			}
		}
	}
}

func (s *session) accounts(ctx context.Context) iter.Seq2[AccountInfo, error] {
	list := func(ctx context.Context, page *ListAccountsInput) (out *ListAccountsOutput, err error) {
		err = s.list(ctx, func(token awstokens.Secret) (err error) {
			in := *page
			in.AccessToken = token
			out, err = s.client.ListAccounts(ctx, &in)
			return err
		})
		return out, err
	}
	return transport.Pages(ctx, list, nil, accountPage)
}

func (s *session) roles(ctx context.Context, accountID string) iter.Seq2[RoleInfo, error] {
	list := func(ctx context.Context, page *ListAccountRolesInput) (out *ListAccountRolesOutput, err error) {
		err = s.list(ctx, func(token awstokens.Secret) (err error) {
			in := *page
			in.AccessToken = token
			out, err = s.client.ListAccountRoles(ctx, &in)
			return err
		})
		return out, err
	}
	return transport.Pages(ctx, list, &ListAccountRolesInput{AccountId: accountID}, rolePage)
}

func (s *session) list(ctx context.Context, call func(awstokens.Secret) error) error {
	hasToken, err := s.use(ctx, call)
	if err != nil && !hasToken {
		return fmt.Errorf("roles: cannot get the access token of the session: %w", err)
	}
	return err
}
