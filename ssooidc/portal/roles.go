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
	list := func(ctx context.Context, in *ListAccountsInput) (*ListAccountsOutput, error) {
		return withToken(ctx, s, func(token awstokens.Secret) (*ListAccountsOutput, error) {
			in.AccessToken = token
			return s.client.ListAccounts(ctx, in)
		})
	}
	return transport.Pages(ctx, list, nil, accountPage)
}

func (s *session) roles(ctx context.Context, accountID string) iter.Seq2[RoleInfo, error] {
	list := func(ctx context.Context, in *ListAccountRolesInput) (*ListAccountRolesOutput, error) {
		return withToken(ctx, s, func(token awstokens.Secret) (*ListAccountRolesOutput, error) {
			in.AccessToken = token
			return s.client.ListAccountRoles(ctx, in)
		})
	}
	return transport.Pages(ctx, list, &ListAccountRolesInput{AccountId: accountID}, rolePage)
}

// withToken gets a page of accounts or roles with an access token of the session.
func withToken[T any](ctx context.Context, s *session, page func(awstokens.Secret) (T, error)) (T, error) {
	out, hasToken, err := use(ctx, s, page)
	if err != nil && !hasToken {
		err = fmt.Errorf("roles: cannot get the access token of the session: %w", err)
	}
	return out, err
}
