package portal_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/smithy-go/auth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// keptToken is a token provider that caches.
type keptToken struct {
	session
	token     awstokens.Secret
	discarded int
}

func (k *keptToken) RetrieveBearerToken(context.Context) (bearer.Token, error) {
	if k.token.IsZero() {
		k.token = k.server.IdentityCenter().SignIn()
	}
	return bearer.Token{Value: k.token.Reveal()}, nil
}

func (k *keptToken) Discard(token awstokens.Secret) {
	k.discarded++
	if token.Equal(k.token) {
		k.token = awstokens.Secret{}
	}
}

// names lists roles until there is an error.
func names(t *testing.T, server *awstokenstest.Server, tokens bearer.TokenProvider, options ...func(*portal.Options)) (list []string, err error) {
	t.Helper()
	for role, err := range portal.Roles(t.Context(), visitor(server.Config()), tokens, options...) {
		if err != nil {
			assert.Zero(t, role)
			return list, err
		}
		list = append(list, role.Account.AccountName+" "+role.Account.AccountId+" "+role.RoleName)
	}
	return list, nil
}

func TestRoles(t *testing.T) {
	server := awstokenstest.NewServer(t)
	all := []string{"Emulator 111122223333 AdministratorAccess", "Emulator 111122223333 ReadOnlyAccess", "Sandbox 444455556666 PowerUserAccess"}
	tokens := &keptToken{session: session{server: server}}
	list, err := names(t, server, tokens)
	require.NoError(t, err)
	assert.Equal(t, all, list)

	// The portal refuses the token: before the first page, and before the roles of an account.
	for _, operation := range []string{"ListAccounts", "ListAccountRoles"} {
		before := tokens.discarded
		server.IdentityCenter().Next(1, operation).Refuse("UnauthorizedException", "no", nil)
		list, err = names(t, server, tokens)
		require.NoError(t, err)
		assert.Equal(t, all, list)
		assert.Equal(t, before+1, tokens.discarded)
	}

	server.IdentityCenter().OneIn(1, "ListAccountRoles").Refuse("UnauthorizedException", "no", nil)
	before := server.IdentityCenter().Requests("ListAccountRoles")
	list, err = names(t, server, tokens)
	var unauthorized *portal.UnauthorizedException
	assert.ErrorAs(t, err, &unauthorized)
	assert.Empty(t, list)
	assert.Equal(t, 2, server.IdentityCenter().Requests("ListAccountRoles")-before)
	server.ClearFaults()

	for range portal.Roles(t.Context(), visitor(server.Config()), tokens) {
		before = server.IdentityCenter().Requests("ListAccountRoles")
		break
	}
	assert.Equal(t, before, server.IdentityCenter().Requests("ListAccountRoles"), "nothing is requested before it is needed")
}

func TestRolesErrors(t *testing.T) {
	server := awstokenstest.NewServer(t)
	failure := errors.New("log in")
	failing := bearer.TokenProviderFunc(func(context.Context) (bearer.Token, error) { return bearer.Token{}, failure })
	_, err := names(t, server, failing, inRegion("us-east-1"))
	assert.ErrorIs(t, err, failure)
	assert.EqualError(t, err, "roles: cannot get the access token of the session: log in")
	_, err = names(t, server, failing)
	assert.EqualError(t, err, "roles: the region of the session is unknown: set Options.Region")
	_, err = names(t, server, nil)
	assert.EqualError(t, err, "roles: a token provider is required")
	_, err = names(t, server, &session{server: server}, inRegion("us-west-2"), nil)
	assert.ErrorContains(t, err, "the region of the session is us-east-1")

	// Without a Discard, the token is not replaced.
	server.IdentityCenter().Next(1, "ListAccounts").Refuse("UnauthorizedException", "no", nil)
	_, err = names(t, server, &session{server: server})
	assert.Error(t, err)
	assert.Equal(t, 1, server.IdentityCenter().Requests("ListAccounts"))
}
