package emulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// roleCredentialsLife is the default session duration of a permission set.
const roleCredentialsLife = time.Hour

// portalUser is the name of the one user there is.
const portalUser = "emulated-user"

// Account is an account that is assigned to the user.
type Account struct {
	ID, Name, EmailAddress string
	Roles                  []string // that the user may have in it
}

// accessPortal is the state of the AWS access portal. The access tokens are
// those of the identityCenter.
type accessPortal struct {
	*Server
	accounts []Account
}

func newPortal(s *Server) *service {
	p := &accessPortal{
		Server: s,
		accounts: []Account{
			{s.options.AccountID, "Emulator", "emulator@example.com", []string{"AdministratorAccess", "ReadOnlyAccess"}},
			{"444455556666", "Sandbox", "sandbox@example.com", []string{"PowerUserAccess"}},
		},
	}
	s.access = p
	return &service{
		Service:   endpoint.Portal,
		id:        IdentityCenter,
		result:    portalResult,
		refuse:    portalRefuse,
		throttled: "TooManyRequestsException",
		internal:  "InternalServerException", // not published
		operations: map[string]operation{
			"GetRoleCredentials": {unsigned, bound(p, func(q url.Values, token awstokens.Secret, _ int32) *portal.GetRoleCredentialsInput {
				return &portal.GetRoleCredentialsInput{RoleName: q.Get("role_name"), AccountId: q.Get("account_id"), AccessToken: token}
			}, p.getRoleCredentials)},
			"ListAccounts": {unsigned, bound(p, func(q url.Values, token awstokens.Secret, most int32) *portal.ListAccountsInput {
				return &portal.ListAccountsInput{NextToken: q.Get("next_token"), MaxResults: most, AccessToken: token}
			}, p.listAccounts)},
			"ListAccountRoles": {unsigned, bound(p, func(q url.Values, token awstokens.Secret, most int32) *portal.ListAccountRolesInput {
				return &portal.ListAccountRolesInput{NextToken: q.Get("next_token"), MaxResults: most, AccessToken: token, AccountId: q.Get("account_id")}
			}, p.listAccountRoles)},
			"Logout": {unsigned, bound(p, func(_ url.Values, token awstokens.Secret, _ int32) *portal.LogoutInput {
				return &portal.LogoutInput{AccessToken: token}
			}, p.logout)},
		},
	}
}

// portalOperation returns the operation that a method and a path stand for.
func portalOperation(method, path string) (string, bool) {
	name, ok := map[string]string{
		"GET /federation/credentials": "GetRoleCredentials",
		"GET /assignment/accounts":    "ListAccounts",
		"GET /assignment/roles":       "ListAccountRoles",
		"POST /logout":                "Logout",
	}[method+" "+path]
	return name, ok
}

// bound makes a handler of a function that takes the library's input type, which
// read makes of the query, the access token and the size of a page. The input is
// checked against the documented constraints, then the token.
func bound[I interface{ Validate() error }](p *accessPortal, read func(url.Values, awstokens.Secret, int32) I, handle func(*request, I) (any, *failure)) handler {
	return func(r *request) (any, *failure) {
		query := r.URL.Query()
		var most int64
		if query.Has("max_result") {
			var err error
			if most, err = strconv.ParseInt(query.Get("max_result"), 10, 32); err != nil || most == 0 {
				return nil, fail("InvalidRequestException", "max_result is not a whole number of at least 1.")
			}
		}
		token := r.Header.Get("X-Amz-Sso_bearer_token")
		in := read(query, awstokens.NewSecret(token), int32(most))
		if err := in.Validate(); err != nil {
			return nil, fail("InvalidRequestException", "%s", describe(err))
		}
		if known := p.identity.accessToken(r.now, token); known == nil || !r.now.Before(known.expires) {
			return nil, fail("UnauthorizedException", "Session token not found or invalid")
		}
		return handle(r, in)
	}
}

func portalResult(w http.ResponseWriter, _ *request, out any) {
	if out == nil { // of Logout
		w.WriteHeader(http.StatusOK)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

// portalStatus is the HTTP status of an error; 400 if it is not in the table.
var portalStatus = map[string]int{
	"ForbiddenException":        http.StatusForbidden,
	"InternalServerException":   http.StatusInternalServerError,
	"ResourceNotFoundException": http.StatusNotFound,
	"TooManyRequestsException":  http.StatusTooManyRequests,
	"UnauthorizedException":     http.StatusUnauthorized,
}

func portalRefuse(w http.ResponseWriter, r *request, f *failure) {
	status := cmp.Or(f.status, portalStatus[f.code], http.StatusBadRequest)
	body := object{"message": f.message, "__type": "com.amazonaws.switchboard.portal#" + f.code}
	for name, value := range f.members {
		body[name] = value
	}
	if !r.omitErrorHeader {
		w.Header().Set("X-Amzn-Errortype", f.code)
	}
	writeJSON(w, status, body)
}

func (p *accessPortal) getRoleCredentials(r *request, in *portal.GetRoleCredentialsInput) (any, *failure) {
	account, refusal := p.account(in.AccountId)
	if refusal != nil {
		return nil, refusal
	}
	if !slices.Contains(account.Roles, in.RoleName) {
		return nil, noAccess()
	}
	// AWS makes a role of the permission set, with a suffix that only it knows.
	suffix := sha256.Sum256([]byte(account.ID + "/" + in.RoleName))
	role := roleARN{partition: "aws", account: account.ID, name: "AWSReservedSSO_" + in.RoleName + "_" + hex.EncodeToString(suffix[:8])}
	key := p.assume(r.now, role, portalUser, int(roleCredentialsLife/time.Second))
	return object{"roleCredentials": object{
		"accessKeyId":     key.id,
		"secretAccessKey": key.secret,
		"sessionToken":    key.sessionToken,
		"expiration":      key.expires.UnixMilli(),
	}}, nil
}

func (p *accessPortal) listAccounts(_ *request, in *portal.ListAccountsInput) (any, *failure) {
	return portalPage("accountList", p.accounts, func(a Account) string { return a.ID }, in.MaxResults, in.NextToken, func(a Account) any {
		return portal.AccountInfo{AccountId: a.ID, AccountName: a.Name, EmailAddress: a.EmailAddress}
	})
}

func (p *accessPortal) listAccountRoles(_ *request, in *portal.ListAccountRolesInput) (any, *failure) {
	account, refusal := p.account(in.AccountId)
	if refusal != nil {
		return nil, refusal
	}
	return portalPage("roleList", account.Roles, func(role string) string { return role }, in.MaxResults, in.NextToken, func(role string) any {
		return portal.RoleInfo{RoleName: role, AccountId: account.ID}
	})
}

// portalPage returns a page of a list in the portal's format.
func portalPage[T any](member string, list []T, id func(T) string, maxResults int32, nextToken string, describe func(T) any) (any, *failure) {
	some, next, refusal := pageOf(list, id, every, maxResults, nextToken)
	if refusal != nil {
		return nil, fail("InvalidRequestException", "next_token is not valid.")
	}
	items := []any{}
	for _, item := range some {
		items = append(items, describe(item))
	}
	return object{member: items, "nextToken": next}, nil
}

// account returns an account that is assigned to the user.
func (p *accessPortal) account(id string) (Account, *failure) {
	i := slices.IndexFunc(p.accounts, func(a Account) bool { return a.ID == id })
	if i < 0 {
		return Account{}, noAccess()
	}
	return p.accounts[i], nil
}

// noAccess is the refusal for what is not assigned to the user. AWS does not
// publish that exception.
func noAccess() *failure { return fail("ForbiddenException", "No access") }

// logout ends the login of an access token with all its tokens. As at AWS,
// credentials that were issued for it stay valid.
func (p *accessPortal) logout(r *request, in *portal.LogoutInput) (any, *failure) {
	p.identity.accessToken(r.now, in.AccessToken.Reveal()).login.ended = true
	return nil, nil
}

// SignIn returns an access token for the portal, as a login does.
func (s *Server) SignIn() awstokens.Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	response := s.identity.issue(s.clock.now(), "", []string{"sso:account:access"}, &login{})
	return awstokens.NewSecret(response["accessToken"].(string))
}

// SetAccounts replaces the accounts and roles that are assigned to the user.
func (s *Server) SetAccounts(accounts ...Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access.accounts = slices.Clone(accounts)
}
