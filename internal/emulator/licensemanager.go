package emulator

import (
	"net/http"
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const (
	refreshTokenDays  = 365
	accessTokenLife   = time.Hour
	clientTokenWindow = 10 * time.Minute
	maxExpirationDays = 100 * 365 // not published; it keeps years at four digits
)

// licenseManager is the state of AWS License Manager.
type licenseManager struct {
	*Server
	licenses collection[*license] // by ARN
	bySKU    map[string][]*license
	grants   collection[*grant] // by ARN
	granted  map[grantKey][]*grant
	seats    seats
	calls    store[callName, call]
	tokens   collection[*refreshToken] // by ID
	sweepAt  int                       // how many tokens there are when expired ones are looked for
	minted   map[string]int            // by ClientToken
}

// refreshToken is what CreateToken made.
type refreshToken struct {
	id      string
	account string // that made it
	text    string
	input   licensemanager.CreateTokenInput
	expires time.Time
	deleted bool
}

func newLicenseManager(s *Server) *service {
	l := &licenseManager{
		Server:  s,
		bySKU:   map[string][]*license{},
		granted: map[grantKey][]*grant{},
		seats:   seats{byToken: map[string]*checkout{}},
		minted:  map[string]int{},
	}
	s.licenses = l
	operations := map[string]operation{
		"CreateToken":    {signed, awsJSON(l.createToken)},
		"GetAccessToken": {optional, awsJSON(l.getAccessToken)},
		"ListTokens":     {signed, awsJSON(l.listTokens)},
		"DeleteToken":    {signed, awsJSON(l.deleteToken)},

		"CreateLicense":        {signed, awsJSON(l.createLicense)},
		"CreateLicenseVersion": {signed, awsJSON(l.createLicenseVersion)},
		"DeleteLicense":        {signed, awsJSON(l.deleteLicense)},
		"GetLicense":           {signed, awsJSON(l.getLicense)},
		"GetLicenseUsage":      {signed, awsJSON(l.getLicenseUsage)},
		"ListLicenses":         {signed, awsJSON(l.listLicenses)},
		"ListLicenseVersions":  {signed, jsonHandler("SerializationException", "InvalidParameterValueException", l.listLicenseVersions)}, // publishes no ValidationException
		"ListReceivedLicenses": {signed, awsJSON(l.listReceivedLicenses)},

		"CreateGrant":           {signed, awsJSON(l.createGrant)},
		"CreateGrantVersion":    {signed, awsJSON(l.createGrantVersion)},
		"AcceptGrant":           {signed, awsJSON(l.acceptGrant)},
		"RejectGrant":           {signed, awsJSON(l.rejectGrant)},
		"DeleteGrant":           {signed, awsJSON(l.deleteGrant)},
		"GetGrant":              {signed, awsJSON(l.getGrant)},
		"ListDistributedGrants": {signed, awsJSON(l.listDistributedGrants)},
		"ListReceivedGrants":    {signed, awsJSON(l.listReceivedGrants)},

		"CheckoutLicense":          {signed, awsJSON(l.checkoutLicense)},
		"CheckoutBorrowLicense":    {signed, awsJSON(l.checkoutBorrowLicense)},
		"CheckInLicense":           {signed, awsJSON(l.checkInLicense)},
		"ExtendLicenseConsumption": {signed, awsJSON(l.extendLicenseConsumption)},

		"TagResource":         {signed, awsJSON(l.tagResource)},
		"UntagResource":       {signed, awsJSON(l.untagResource)},
		"ListTagsForResource": {signed, awsJSON(l.listTagsForResource)},
	}
	for name, op := range operations {
		operations[name] = operation{op.auth, l.guarded(op.handle)}
	}
	return &service{
		Service:    endpoint.LicenseManager,
		id:         LicenseManager,
		result:     awsJSONResult,
		refuse:     awsJSONRefuse,
		throttled:  "RateLimitExceededException",
		internal:   "ServerInternalException",
		operations: operations,
	}
}

func awsJSON[I any, PI interface {
	*I
	Validate() error
}](handle func(*request, PI) (any, *failure)) handler {
	return jsonHandler[I, PI]("SerializationException", "ValidationException", handle)
}

const awsJSONType = "application/x-amz-json-1.1"

// awsJSONResult writes a response. DeleteToken and CheckInLicense are documented
// to have an empty body; their handlers return nil.
func awsJSONResult(w http.ResponseWriter, _ *request, out any) {
	if out == nil {
		w.Header().Set("Content-Type", awsJSONType)
		w.WriteHeader(http.StatusOK)
		return
	}
	writeJSONAs(w, awsJSONType, http.StatusOK, out)
}

// awsJSONRefuse responds with an error. All errors of the service are 400,
// but for its own.
func awsJSONRefuse(w http.ResponseWriter, r *request, f *failure) {
	status := f.status
	switch {
	case status != 0:
	case f.code == "ServerInternalException":
		status = http.StatusInternalServerError
	default:
		status = http.StatusBadRequest
	}
	if !r.omitErrorHeader {
		w.Header().Set("X-Amzn-Errortype", f.code)
	}
	body := object{"__type": f.code, "Message": f.message}
	for name, value := range f.members {
		body[name] = value
	}
	writeJSONAs(w, awsJSONType, status, body)
}

// createToken makes a refresh token. A ClientToken stands for one token for
// 10 minutes. With other parameters it is refused, by the only published
// exception that fits: ConflictException is not one of this operation's.
func (l *licenseManager) createToken(r *request, in *licensemanager.CreateTokenInput) (any, *failure) {
	days := int32(refreshTokenDays)
	if in.ExpirationInDays != nil {
		days = *in.ExpirationInDays
	}
	switch {
	case days < 1 || days > maxExpirationDays:
		return nil, fail("ValidationException", "ExpirationInDays must be positive and at most %d.", maxExpirationDays)
	case !l.mayMint(r, in.LicenseArn):
		return nil, fail("ResourceNotFoundException", "License %s does not exist.", in.LicenseArn)
	}
	token, refusal := once(l, r, in.ClientToken, in, nil, func() (*refreshToken, *failure) {
		token, refusal := l.mint(r, in, int(days))
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

// keepToken keeps a token, and forgets those that expired more than a day ago,
// which it looks for whenever there are twice as many.
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

// mayMint says whether the caller's account may make tokens for a license: one
// that it issued or has a grant for.
func (l *licenseManager) mayMint(r *request, arn string) bool {
	of := l.find(arn)
	return of != nil && of.deleted.IsZero() &&
		(of.account == r.account() || l.activeGrant(r.account(), of, licensemanager.AllowedOperationCreateToken) != nil)
}

func (l *licenseManager) mint(r *request, in *licensemanager.CreateTokenInput, days int) (*refreshToken, *failure) {
	token := &refreshToken{
		id:      randomHex(16),
		account: r.account(),
		input:   *in,
		expires: r.now.Truncate(time.Second).AddDate(0, 0, days),
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

// issuerAccount is the property that the service adds to those of the caller:
// the trust policy of the consumption role asks for it among the amr.
func issuerAccount(account string) string {
	return "aws:license-manager:token-issuer-account-id:" + account
}

// getAccessToken exchanges a refresh token. What is no refresh token of this
// service is invalid; one that has expired or was deleted, or does not have
// the properties asked for, is denied. Which of its exceptions the real
// service chooses is not published.
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

// asValidationError gives a refusal the only code for it that ListTokens
// publishes.
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

// deleteToken deletes a token. From then on GetAccessToken denies it; access
// tokens made from it before stay good until they expire, since nobody
// publishes that they would not.
func (l *licenseManager) deleteToken(r *request, in *licensemanager.DeleteTokenInput) (any, *failure) {
	token := l.tokens.get(in.TokenId)
	if token == nil || token.deleted || token.account != r.account() {
		return nil, fail("ResourceNotFoundException", "Token %s does not exist.", in.TokenId)
	}
	token.deleted = true
	return nil, nil
}
