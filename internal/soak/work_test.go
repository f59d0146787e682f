package soak_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// worker calls one operation after the other, as a program does that retries until
// it succeeds.
type worker struct {
	*soak
	clients
	random *rand.Rand
	client *ssooidc.RegisterClientOutput // the registration in use
}

// oneIn returns true once in n times on average.
func (w *worker) oneIn(n int) bool { return w.random.IntN(n) == 0 }

// work goes on until enough calls were made.
func (w *worker) work() {
	for w.calls.Load() < w.goal && !w.t.Failed() {
		if w.oneIn(4) {
			w.login()
		} else {
			w.license()
		}
	}
}

// call makes one call. Some calls are canceled before they end. The context of the
// others does not end: that would free what the client forgot to free.
func call[I, O any](w *worker, do func(context.Context, *I) (*O, error), in *I) (*O, error) {
	ctx, cancel := w.t.Context(), func() {}
	patience := time.Duration(w.random.IntN(int(2 * time.Millisecond)))
	switch w.random.IntN(80) {
	case 0:
		ctx, cancel = context.WithCancel(ctx)
		defer time.AfterFunc(patience, cancel).Stop()
	case 1:
		ctx, cancel = context.WithTimeout(ctx, patience)
	}
	defer cancel()
	out, err := do(ctx, in)
	w.calls.Add(1)
	w.ended(ctx, err)
	return out, err
}

// tries is how often a call is retried. It does not happen that all of them meet a
// fault.
const tries = 100

// until retries a call until it succeeds, or returns an error that shows that an
// earlier one was processed.
func until[I, O any](w *worker, do func(context.Context, *I) (*O, error), in *I, over ...func(error) bool) (out *O, ok bool) {
	var err error
	for range tries {
		if out, err = call(w, do, in); err == nil {
			return out, true
		}
		if len(over) > 0 && over[0](err) {
			return nil, false
		}
	}
	w.t.Errorf("%d calls in a row failed, the last one with: %v", tries, err)
	return nil, false
}

// redemption is the exchange of a code or of a refresh token that rotates, either
// of which can be used once.
type redemption struct {
	*worker
	in *ssooidc.CreateTokenInput

	closed bool // an earlier call ended with its connection, before a response
	lost   bool // an earlier call ended in another way that leaves it open
}

// call fails the test if the code is reported as used although all earlier calls
// had a response: one call must have sent it twice.
func (r *redemption) call(ctx context.Context, in *ssooidc.CreateTokenInput) (*ssooidc.CreateTokenOutput, error) {
	out, err := r.oidc.CreateToken(ctx, in)
	switch spent := isA[*ssooidc.InvalidGrantException](err); {
	case spent && !r.closed && !r.lost:
		r.t.Errorf("sent twice by one call: %v", err)
	case spent && !r.lost:
		r.saw("code used after no response")
	case err == nil && r.closed:
		r.saw("code valid after no response")
	case isA[*awstokens.SendError](err) && errors.Is(err, io.EOF):
		r.closed = true
	case err != nil && !isA[smithy.APIError](err):
		r.lost = true
	}
	return out, err
}

// poll asks twice while the user has not decided: the second time is too soon.
func (r *redemption) poll() {
	for range 2 {
		_, _ = call(r.worker, r.call, r.in)
	}
}

// finish calls until the code is exchanged or invalid. Only from here on does a
// closed connection tell a cut from a lost response.
func (r *redemption) finish() (*ssooidc.CreateTokenOutput, bool) {
	r.closed, r.lost = false, r.closed || r.lost
	return until(r.worker, r.call, r.in, func(err error) bool {
		return isA[*ssooidc.InvalidGrantException](err) || isA[*ssooidc.AccessDeniedException](err)
	})
}

func isA[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func clientToken(n int) string { return fmt.Sprintf("soak-%d", n) }

// license mints a token, uses it and deletes it.
func (w *worker) license() {
	n := int(w.clientTokens.Add(1)) - 1
	mint := &licensemanager.CreateTokenInput{
		ClientToken: clientToken(n), LicenseArn: w.emulated.LicenseManager().LicenseARN(),
		RoleArns: []string{w.emulated.LicenseManager().RoleARN()}, TokenProperties: []string{clientToken(n)},
	}
	if w.oneIn(20) {
		_, _ = call(w, w.tokens.CreateToken, mint) // without looking at the result
		return
	}
	token, ok := until(w, w.tokens.CreateToken, mint)
	if !ok {
		return
	}
	if _, err := hex.Decode(w.tokenIDs[n][:], []byte(token.TokenId)); err != nil {
		w.t.Error(err)
	}
	if w.oneIn(4) {
		if again, ok := until(w, w.tokens.CreateToken, mint); ok && again.TokenId != token.TokenId {
			w.t.Errorf("%s stands for two tokens", mint.ClientToken)
		}
	}
	until(w, w.tokens.GetAccessToken, &licensemanager.GetAccessTokenInput{Token: token.Token, TokenProperties: mint.TokenProperties})
	if list, ok := until(w, w.tokens.ListTokens, &licensemanager.ListTokensInput{TokenIds: []string{token.TokenId}}); ok && len(list.Tokens) != 1 {
		w.t.Errorf("%d tokens of one ID", len(list.Tokens))
	}
	if w.oneIn(4) {
		_, _ = call(w, w.somePages, &licensemanager.ListTokensInput{MaxResults: 5})
	}
	if w.oneIn(2) {
		w.seat(token.Token)
	}
	gone := isA[*licensemanager.ResourceNotFoundException]
	for range 1 + w.random.IntN(2) { // the second time, the service itself refuses it
		until(w, w.tokens.DeleteToken, &licensemanager.DeleteTokenInput{TokenId: token.TokenId}, gone)
	}
}

// somePages stops the iteration on the third page.
func (w *worker) somePages(ctx context.Context, in *licensemanager.ListTokensInput) (*licensemanager.TokenData, error) {
	tokens := 0
	for token, err := range w.tokens.Tokens(ctx, in) {
		if tokens++; err != nil || tokens > 10 {
			return &token, err
		}
	}
	return nil, nil
}

// seat takes a seat of the license, sometimes with credentials made from the
// token, extends it twice and gives it back.
func (w *worker) seat(token awstokens.Secret) {
	tokens := w.tokens
	if w.oneIn(10) {
		creds, err := tokencreds.New(w.config, tokencreds.Token(token), func(o *tokencreds.Options) { o.RoleARN, o.Patience = w.emulated.LicenseManager().RoleARN(), -1 })
		if err == nil {
			tokens, err = tokens.With(func(c *awstokens.Config) { c.Credentials = creds })
		}
		if err != nil {
			w.t.Error(err)
			return
		}
	}
	seat, ok := until(w, tokens.CheckoutLicense, &licensemanager.CheckoutLicenseInput{
		CheckoutType: licensemanager.CheckoutTypeProvisional, ClientToken: licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
		KeyFingerprint: w.emulated.LicenseManager().KeyFingerprint(), ProductSKU: w.emulated.LicenseManager().ProductSKU(),
	})
	if !ok {
		return
	}
	if !strings.HasSuffix(seat.Expiration, "Z") {
		w.saw("time without a zone")
	}
	if _, err := seat.Expires(); err != nil {
		w.t.Error(err)
	}
	gone := isA[*licensemanager.ResourceNotFoundException]
	consumption := seat.LicenseConsumptionToken
	for range 2 {
		extended, ok := until(w, tokens.ExtendLicenseConsumption, &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: consumption}, gone)
		if !ok {
			return // the new consumption token was lost
		}
		if !extended.LicenseConsumptionToken.Equal(consumption) {
			w.saw("consumption token changed")
		}
		consumption = extended.LicenseConsumptionToken
	}
	until(w, tokens.CheckInLicense, &licensemanager.CheckInLicenseInput{LicenseConsumptionToken: consumption}, gone)
}

// login logs in by device, uses the login at the portal, and logs out.
func (w *worker) login() {
	if w.client == nil || w.oneIn(4) {
		w.client, _ = until(w, w.oidc.RegisterClient, &ssooidc.RegisterClientInput{ClientName: "soak", ClientType: ssooidc.ClientTypePublic})
	}
	if w.client == nil {
		return
	}
	device, ok := until(w, w.oidc.StartDeviceAuthorization, &ssooidc.StartDeviceAuthorizationInput{
		ClientId: w.client.ClientId, ClientSecret: w.client.ClientSecret, StartUrl: "https://soak.example.com/start",
	})
	if !ok {
		return
	}
	login := redemption{worker: w, in: &ssooidc.CreateTokenInput{
		ClientId: w.client.ClientId, ClientSecret: w.client.ClientSecret,
		GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: device.DeviceCode,
	}}
	if w.oneIn(3) {
		login.poll()
	}
	w.decide(device)
	token, ok := login.finish()
	if !ok {
		return
	}
	if exchanged, ok := until(w, w.oidc.CreateTokenWithIAM, &ssooidc.CreateTokenWithIAMInput{
		ClientId: "arn:aws:sso::111122223333:application/ssoins-soak/apl-soak", GrantType: ssooidc.GrantTypeTokenExchange,
		SubjectToken: token.AccessToken, SubjectTokenType: ssooidc.TokenTypeAccessToken,
	}); ok && exchanged.AwsAdditionalDetails == nil {
		w.saw("no identity context")
	}
	for !token.RefreshToken.IsZero() && !w.oneIn(3) {
		refresh := redemption{worker: w, in: &ssooidc.CreateTokenInput{
			ClientId: w.client.ClientId, ClientSecret: w.client.ClientSecret,
			GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: token.RefreshToken,
		}}
		next, ok := refresh.finish()
		if !ok {
			break // the new refresh token was lost
		}
		if !next.RefreshToken.IsZero() && !next.RefreshToken.Equal(token.RefreshToken) {
			w.saw("refresh token rotated")
		}
		token = next
	}
	until(w, w.portal.ListAccounts, &portal.ListAccountsInput{AccessToken: token.AccessToken})
	until(w, w.portal.GetRoleCredentials, &portal.GetRoleCredentialsInput{
		AccessToken: token.AccessToken, AccountId: "111122223333", RoleName: "ReadOnlyAccess",
	})
	until(w, w.portal.Logout, &portal.LogoutInput{AccessToken: token.AccessToken}, isA[*portal.UnauthorizedException])
}

// decide plays the user, who approves most devices.
func (w *worker) decide(device *ssooidc.StartDeviceAuthorizationOutput) {
	form := url.Values{"user_code": {device.UserCode.Reveal()}}
	if w.oneIn(10) {
		form.Set("decision", "deny")
	}
	for range tries { // the page has no faults, but may be too slow
		if resp, err := w.browser.PostForm(device.VerificationUri, form); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			return
		}
	}
}
