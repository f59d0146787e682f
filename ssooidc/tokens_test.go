package ssooidc_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// secret is the value of every secret member.
var secret = awstokens.NewSecret("not-a-real-secret")

// createToken returns an input with the members of all grant types.
func createToken(grant ssooidc.GrantType) *ssooidc.CreateTokenInput {
	return &ssooidc.CreateTokenInput{
		ClientId: "c-1", ClientSecret: secret, GrantType: grant,
		DeviceCode: secret, Code: secret, RedirectUri: "http://127.0.0.1/oauth/callback", RefreshToken: secret,
	}
}

// createTokenWithIAM returns an input with the members of all grant types.
func createTokenWithIAM(grant ssooidc.GrantType) *ssooidc.CreateTokenWithIAMInput {
	return &ssooidc.CreateTokenWithIAMInput{
		ClientId: "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef", GrantType: grant,
		Code: secret, RedirectUri: "http://127.0.0.1/oauth/callback", RefreshToken: secret, Assertion: secret,
		SubjectToken: secret, SubjectTokenType: ssooidc.TokenTypeAccessToken,
	}
}

// violated returns the path of the only violated enum of an input, or "".
func violated(t *testing.T, in interface{ Validate() error }) string {
	t.Helper()
	err := in.Validate()
	if err == nil {
		return ""
	}
	var all smithy.InvalidParamsError
	require.ErrorAs(t, err, &all)
	require.Equal(t, 1, all.Len(), "%v", err)
	var constraint *awstokens.ConstraintError
	require.ErrorAs(t, err, &constraint)
	assert.Equal(t, awstokens.RuleEnum, constraint.Rule)
	return constraint.Field()
}

func TestGrantTypesOfEachOperation(t *testing.T) {
	documented := map[ssooidc.GrantType][2]bool{ // of CreateToken, of CreateTokenWithIAM
		ssooidc.GrantTypeAuthorizationCode: {true, true},
		ssooidc.GrantTypeRefreshToken:      {true, true},
		ssooidc.GrantTypeDeviceCode:        {true, false},
		ssooidc.GrantTypeJWTBearer:         {false, true},
		ssooidc.GrantTypeTokenExchange:     {false, true},
		"password":                         {false, false},
		"Refresh_Token":                    {false, false},
	}
	for _, grant := range ssooidc.GrantType("").Values() {
		require.Contains(t, documented, grant)
	}
	for grant, operations := range documented {
		fields := [2]string{"CreateTokenInput.GrantType", "CreateTokenWithIAMInput.GrantType"}
		for i, isDocumented := range operations {
			if isDocumented {
				fields[i] = ""
			}
		}
		assert.Equal(t, fields[0], violated(t, createToken(grant)), grant)
		assert.Equal(t, fields[1], violated(t, createTokenWithIAM(grant)), grant)
	}
}

func TestTokenTypes(t *testing.T) {
	for _, tokenType := range append(ssooidc.TokenTypeURI("").Values(), "", "urn:ietf:params:oauth:token-type:jwt") {
		isKnown := tokenType == "" || slices.Contains(tokenType.Values(), tokenType)

		in := createTokenWithIAM(ssooidc.GrantTypeTokenExchange)
		in.RequestedTokenType = tokenType
		want := ""
		if !isKnown {
			want = "CreateTokenWithIAMInput.RequestedTokenType"
		}
		assert.Equal(t, want, violated(t, in), tokenType)

		in = createTokenWithIAM(ssooidc.GrantTypeRefreshToken) // does not require SubjectTokenType
		in.SubjectTokenType = tokenType
		want = ""
		if tokenType != "" && tokenType != ssooidc.TokenTypeAccessToken {
			want = "CreateTokenWithIAMInput.SubjectTokenType"
		}
		assert.Equal(t, want, violated(t, in), tokenType)
	}
}

// TestRetriesOfSingleUse: a code or token that is good for one use is sent again only
// if the service itself reports an error that permits it.
func TestRetriesOfSingleUse(t *testing.T) {
	type center = awstokenstest.IdentityCenter
	for name, test := range map[string]struct {
		fault              func(center)
		retried, ambiguous bool
	}{
		"throttled":                     {func(c center) { c.Next(1, "").Refuse("ThrottlingException", "slow", nil) }, true, false},
		"internal error of the service": {func(c center) { c.Next(1, "").Fail(http.StatusInternalServerError) }, true, true},
		"slow down":                     {func(c center) { c.Next(1, "").Throttle() }, false, false},
		"429 of a proxy":                {func(c center) { c.Next(1, "").FailUntyped(http.StatusTooManyRequests) }, false, false},
		"500 of a proxy":                {func(c center) { c.Next(1, "").FailUntyped(http.StatusInternalServerError) }, false, true},
		"502":                           {func(c center) { c.Next(1, "").FailUntyped(http.StatusBadGateway) }, false, true},
		"503":                           {func(c center) { c.Next(1, "").FailUntyped(http.StatusServiceUnavailable) }, false, true},
		"504":                           {func(c center) { c.Next(1, "").FailUntyped(http.StatusGatewayTimeout) }, false, true},
		"lost response":                 {func(c center) { c.Next(1, "").LoseAnswer() }, false, true},
		"broken response":               {func(c center) { c.Next(1, "").Answer(http.StatusOK, nil, "<html>") }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
				client, err := ssooidc.New(server.Config())
				require.NoError(t, err)
				for operation, call := range map[string]func() error{
					"CreateToken": func() error {
						_, err := client.CreateToken(t.Context(), createToken(ssooidc.GrantTypeRefreshToken))
						return err
					},
					"CreateTokenWithIAM": func() error {
						_, err := client.CreateTokenWithIAM(t.Context(), createTokenWithIAM(ssooidc.GrantTypeRefreshToken))
						return err
					},
				} {
					test.fault(server.IdentityCenter())
					err = call()
					require.Error(t, err, "the client and the application are unknown")
					attempts := 1
					if test.retried {
						attempts++
					}
					assert.Equal(t, attempts, server.IdentityCenter().Requests(operation))
					assert.Equal(t, test.ambiguous, awstokens.MayHaveProcessed(err), "%v", err)
				}
			})
		})
	}
}

// TestUnwrittenRequestIsRetried: without a connection, the service has processed
// nothing.
func TestUnwrittenRequestIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		client, err := ssooidc.New(awstokens.Config{Region: "us-east-1", HTTPClient: doFunc(func(*http.Request) (*http.Response, error) {
			attempts++
			return nil, errors.New("no route to host")
		})})
		require.NoError(t, err)
		_, err = client.CreateToken(t.Context(), createToken(ssooidc.GrantTypeAuthorizationCode))
		assert.ErrorContains(t, err, "no route to host")
		assert.Equal(t, 3, attempts)
		assert.False(t, awstokens.MayHaveProcessed(err))
	})
}

type doFunc func(*http.Request) (*http.Response, error)

func (f doFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }
