package emulator

import (
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const (
	refreshTokenDays  = 365
	accessTokenLife   = time.Hour
	clientTokenWindow = 10 * time.Minute
	maxYear           = 9999 // dates have no more digits
)

// refreshToken is a token of CreateToken.
type refreshToken struct {
	id      string
	account string // that made it
	text    string
	input   licensemanager.CreateTokenInput
	expires time.Time
	deleted bool
}

// createToken makes a refresh token. A ClientToken stands for one token for
// 10 minutes.
func (l *licenseManager) createToken(r *request, in *licensemanager.CreateTokenInput) (any, *failure) {
	days := int32(refreshTokenDays)
	if in.ExpirationInDays != nil {
		days = *in.ExpirationInDays
	}
	expires := time.Unix(r.now.Unix()+24*60*60*int64(days), 0).UTC() // AddDate overflows an int of 32 bits
	switch {
	case days < 1 || expires.Year() > maxYear: // the service's limits are not published
		return nil, fail("ValidationException", "ExpirationInDays must be positive and end by the year %d.", maxYear)
	case !l.mayMint(r, in.LicenseArn):
		return nil, fail("ResourceNotFoundException", "License %s does not exist.", in.LicenseArn)
	}
	token, refusal := once(l, r, in.ClientToken, in, nil, func() (*refreshToken, *failure) {
		token, refusal := l.mint(r, in, expires)
		if refusal != nil {
			return nil, refusal
		}
		l.keepToken(r.now, token)
		l.minted[in.ClientToken]++
		return token, nil
	})
	if refusal != nil {
		return nil, refusal
	}
	return object{"Token": token.text, "TokenId": token.id, "TokenType": licensemanager.TokenTypeRefreshToken}, nil
}

// keepToken keeps a token. When there are twice as many as after the last time,
// it forgets those that expired more than a day ago.
func (l *licenseManager) keepToken(now time.Time, token *refreshToken) {
	if len(l.tokens.items) >= l.sweepAt {
		all := l.tokens.items
		l.tokens = collection[*refreshToken]{}
		for _, t := range all {
			if now.Before(t.expires.Add(keepExpired)) {
				l.tokens.add(t.id, t)
			}
		}
		l.sweepAt = max(64, 2*len(l.tokens.items))
	}
	l.tokens.add(token.id, token)
}

// mayMint reports whether the caller's account may make tokens for a license,
// because it issued the license or has a grant.
func (l *licenseManager) mayMint(r *request, arn string) bool {
	of := l.find(arn)
	return of != nil && of.deleted.IsZero() &&
		(of.account == r.account() || l.activeGrant(r.account(), of, licensemanager.AllowedOperationCreateToken) != nil)
}

func (l *licenseManager) mint(r *request, in *licensemanager.CreateTokenInput, expires time.Time) (*refreshToken, *failure) {
	token := &refreshToken{
		id:      randomHex(16),
		account: r.account(),
		input:   *in,
		expires: expires,
	}
	var err error
	token.text, err = l.issuer.sign(claims{
		ID:         token.id,
		Subject:    token.id,
		LicenseArn: in.LicenseArn,
		Properties: append(slices.Clone(in.TokenProperties), issuerAccount(r.account())),
		Roles:      in.RoleArns,
		IssuedAt:   r.now,
		Expires:    token.expires,
	})
	switch {
	case err != nil:
		return nil, fail("ServerInternalException", "%s", err)
	case len(token.text) > maxTokenLength:
		// GetAccessToken could not take it back.
		return nil, fail("ValidationException", "The token would be longer than %d characters.", maxTokenLength)
	}
	return token, nil
}

// issuerAccount is the property that the service adds to those of the caller.
// The trust policy of the consumption role requires it in the claim amr.
func issuerAccount(account string) string {
	return "aws:license-manager:token-issuer-account-id:" + account
}

// getAccessToken exchanges a refresh token. Anything but a refresh token of this
// service is invalid. A refresh token that has expired, was deleted, or does not
// have the properties of the request is denied. Which exception the real service
// returns is not published.
func (l *licenseManager) getAccessToken(r *request, in *licensemanager.GetAccessTokenInput) (any, *failure) {
	refresh, err := l.issuer.verify(in.Token.Reveal())
	if err != nil {
		return nil, fail("ValidationException", "Token is not valid: %s.", err)
	}
	token := l.tokens.get(refresh.ID)
	switch {
	case !refresh.isRefreshToken():
		return nil, fail("ValidationException", "Token is not valid: it is not a refresh token.")
	case token != nil && token.deleted:
		return nil, fail("AccessDeniedException", "The token was deleted.")
	case token == nil || !r.now.Before(token.expires):
		return nil, fail("AccessDeniedException", "The token has expired.")
	}
	for _, property := range in.TokenProperties {
		if !slices.Contains(refresh.Properties, property) {
			return nil, fail("AccessDeniedException", "The token does not have all the TokenProperties of the request.")
		}
	}
	access := refresh
	access.ID = randomHex(16)
	access.IssuedAt = r.now
	access.Expires = r.now.Add(accessTokenLife)
	text, err := l.issuer.sign(access)
	if err != nil {
		return nil, fail("ServerInternalException", "%s", err)
	}
	return object{"AccessToken": text}, nil
}

// listTokens returns a page of the tokens that the caller's account made,
// deleted ones too, oldest first.
func (l *licenseManager) listTokens(r *request, in *licensemanager.ListTokensInput) (any, *failure) {
	filters, refusal := parseFilters(in.Filters, "LicenseArns")
	if refusal != nil {
		return nil, asValidationError(refusal)
	}
	account, id := r.account(), func(t *refreshToken) string { return t.id }
	tokens, next, refusal := pageOf(l.tokens.of(in.TokenIds), id, func(t *refreshToken) bool {
		return t.account == account && filters.admit(map[string]string{"LicenseArns": t.input.LicenseArn})
	}, in.MaxResults, in.NextToken)
	if refusal != nil {
		return nil, asValidationError(refusal)
	}
	list := []licensemanager.TokenData{} // of the page alone: there may be very many tokens
	for _, token := range tokens {
		list = append(list, l.describe(token))
	}
	return object{"Tokens": list, "NextToken": next}, nil
}

// asValidationError gives a refusal the only code that ListTokens publishes for
// it.
func asValidationError(refusal *failure) *failure {
	refusal.code = "ValidationException"
	return refusal
}

func (l *licenseManager) describe(t *refreshToken) licensemanager.TokenData {
	status := "AVAILABLE"
	if t.deleted {
		status = "DELETED"
	}
	return licensemanager.TokenData{
		ExpirationTime:  l.stamp(t.expires),
		LicenseArn:      t.input.LicenseArn,
		RoleArns:        t.input.RoleArns,
		Status:          status,
		TokenId:         t.id,
		TokenProperties: t.input.TokenProperties,
		TokenType:       string(licensemanager.TokenTypeRefreshToken),
	}
}

// deleteToken deletes a token. GetAccessToken denies it then. Access tokens made
// from it before stay valid until they expire: nothing else is published.
func (l *licenseManager) deleteToken(r *request, in *licensemanager.DeleteTokenInput) (any, *failure) {
	token := l.tokens.get(in.TokenId)
	if token == nil || token.deleted || token.account != r.account() {
		return nil, fail("ResourceNotFoundException", "Token %s does not exist.", in.TokenId)
	}
	token.deleted = true
	return nil, nil
}

// Minted returns how many refresh tokens were made for a ClientToken.
func (s *Server) Minted(clientToken string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.licenses.minted[clientToken]
}
