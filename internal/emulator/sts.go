package emulator

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-25f54b62/awstokens/internal/endpoint"
)

const (
	stsVersion   = "2011-06-15"
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

	minSession     = 900
	maxSession     = 43200
	maxRoleSession = 3600 // of the role that License Manager tokens are for; AWS's default for any role
)

// securityTokens is AWS STS. Its only state is the keys that it issues.
type securityTokens struct{ *Server }

func newSTS(s *Server) *service {
	t := &securityTokens{s}
	return &service{
		Service:   endpoint.STS,
		id:        STS,
		result:    queryResult,
		refuse:    queryRefuse,
		shared:    queryCodes,
		throttled: "Throttling",
		internal:  "InternalFailure",
		operations: map[string]operation{
			"AssumeRoleWithWebIdentity": {unsigned, query(t.assumeRoleWithWebIdentity)},
			"AssumeRole":                {signed, query(t.assumeRole)},
			"GetCallerIdentity":         {signed, query(t.getCallerIdentity)},
		},
	}
}

// stsAction returns the operation that a form names.
func stsAction(body []byte) string {
	form, _ := url.ParseQuery(string(body))
	return form.Get("Action")
}

// query makes a handler of a function that takes a form.
func query(handle func(*request, url.Values) (any, *failure)) handler {
	return func(r *request) (any, *failure) {
		form, err := url.ParseQuery(string(r.body))
		switch {
		case err != nil:
			return nil, fail("MalformedQueryString", "The query string is malformed.")
		case form.Get("Version") != stsVersion:
			return nil, fail("NoSuchVersion", "The requested version ( %s ) is not valid.", form.Get("Version"))
		}
		return handle(r, form)
	}
}

// queryCodes are the codes of STS for the errors that all services share.
var queryCodes = map[string]string{
	"ExpiredTokenException":               "ExpiredToken",
	"UnknownOperationException":           "InvalidAction",
	"MissingAuthenticationTokenException": "MissingAuthenticationToken",
	"IncompleteSignatureException":        "IncompleteSignature",
	"UnrecognizedClientException":         "InvalidClientTokenId",
	"InvalidSignatureException":           "SignatureDoesNotMatch",
}

// queryStatus is the HTTP status of an error; 400 if it is not in the table.
var queryStatus = map[string]int{
	"AccessDenied":               http.StatusForbidden,
	"ExpiredToken":               http.StatusForbidden,
	"IDPRejectedClaim":           http.StatusForbidden,
	"InvalidClientTokenId":       http.StatusForbidden,
	"MissingAuthenticationToken": http.StatusForbidden,
	"RegionDisabledException":    http.StatusForbidden,
	"SignatureDoesNotMatch":      http.StatusForbidden,
	"InternalFailure":            http.StatusInternalServerError,
}

type errorResponse struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Error   struct {
		Type    string
		Code    string
		Message string
	}
	RequestId string
}

func queryRefuse(w http.ResponseWriter, r *request, f *failure) {
	status := cmp.Or(f.status, queryStatus[f.code], http.StatusBadRequest)
	response := errorResponse{RequestId: r.id}
	response.Error.Type, response.Error.Code, response.Error.Message = "Sender", f.code, f.message
	if status >= 500 {
		response.Error.Type = "Receiver"
	}
	text, err := xml.Marshal(response)
	if err != nil {
		panic(err) // it is made of strings
	}
	writeXML(w, status, text)
}

// queryResult responds with a result. Its elements are named after the
// operation.
func queryResult(w http.ResponseWriter, r *request, out any) {
	name := r.operation + "Response"
	metadata := struct{ RequestId string }{r.id}
	var b bytes.Buffer
	b.WriteString("<" + name + ` xmlns="` + stsNamespace + `">`)
	e := xml.NewEncoder(&b)
	if err := errors.Join(e.EncodeElement(out, element(r.operation+"Result")), e.EncodeElement(metadata, element("ResponseMetadata"))); err != nil {
		panic(err) // every response is made of strings
	}
	b.WriteString("</" + name + ">")
	writeXML(w, http.StatusOK, b.Bytes())
}

func element(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }

func writeXML(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

type sessionCredentials struct {
	AccessKeyId     string
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRoleUser struct {
	AssumedRoleId string
	Arn           string
}

type assumedRole struct {
	Credentials     sessionCredentials
	AssumedRoleUser assumedRoleUser
}

type webIdentityRole struct {
	assumedRole
	SubjectFromWebIdentityToken string
	Provider                    string
	Audience                    string
}

type callerIdentity struct {
	Arn     string
	UserId  string
	Account string
}

// assumeRoleWithWebIdentity issues credentials for an access token of License
// Manager and a role that the token embeds, or for a user's JWT and any role.
func (t *securityTokens) assumeRoleWithWebIdentity(r *request, form url.Values) (any, *failure) {
	check := formCheck{form: form}
	role, name, seconds := check.session()
	token := check.text("WebIdentityToken", true, 4, 20000, nil)
	check.text("ProviderId", false, 4, 2048, nil)
	check.text("Policy", false, 1, 2048, nil)
	if check.found != nil {
		return nil, check.found
	}
	access, err := t.issuer.verify(token)
	switch {
	case err != nil:
		return nil, fail("InvalidIdentityToken", "The web identity token that was passed could not be validated: %s.", err)
	case access.isRefreshToken():
		return nil, fail("InvalidIdentityToken", "The web identity token that was passed is a refresh token.")
	case !r.now.Before(access.Expires):
		return nil, fail("ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d",
			r.now.Unix(), access.Expires.Unix())
	case access.Issuer != userIssuer && !slices.Contains(access.Roles, role.arn):
		return nil, fail("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	key := t.assume(r.now, role, name, seconds)
	if access.Issuer != userIssuer {
		key.licenseARN = access.LicenseArn
	}
	return webIdentityRole{
		assumedRole:                 assumed(key),
		SubjectFromWebIdentityToken: access.Subject,
		Provider:                    access.Issuer,
		Audience:                    access.LicenseArn,
	}, nil
}

// assumeRole issues credentials for any role: of trust policies, the emulator
// knows only that of Behavior.DenySetContext. A context of trusted identity
// propagation must be one that CreateTokenWithIAM returned.
func (t *securityTokens) assumeRole(r *request, form url.Values) (any, *failure) {
	check := formCheck{form: form}
	role, name, seconds := check.session()
	check.text("ExternalId", false, 2, 1224, nil)
	check.text("SourceIdentity", false, 2, 64, sessionName)
	var contexts []providedContext
	for i := 1; i <= 6; i++ {
		member := "ProvidedContexts.member." + strconv.Itoa(i)
		if !form.Has(member+".ProviderArn") && !form.Has(member+".ContextAssertion") {
			break
		}
		if i == 6 {
			check.refuse("providedContexts", "have length less than or equal to 5")
		}
		contexts = append(contexts, providedContext{
			provider:  check.text(member+".ProviderArn", true, 20, 2048, nil),
			assertion: check.text(member+".ContextAssertion", true, 4, 2048, nil),
		})
	}
	if check.found != nil {
		return nil, check.found
	}
	if len(contexts) > 0 && t.options.DenySetContext {
		return nil, fail("AccessDenied", "User: %s is not authorized to perform: sts:SetContext on resource: %s", r.caller.arn, role.arn)
	}
	for _, context := range contexts {
		if refusal := t.identity.checkContext(r.now, context); refusal != nil {
			return nil, refusal
		}
	}
	key := t.assume(r.now, role, name, seconds)
	if len(contexts) > 0 {
		key.user = portalUser
	}
	return assumed(key), nil
}

func (t *securityTokens) getCallerIdentity(r *request, _ url.Values) (any, *failure) {
	return callerIdentity{Arn: r.caller.arn, UserId: r.caller.userID, Account: r.account()}, nil
}

// assume makes temporary credentials, which can sign requests from then on.
func (s *Server) assume(now time.Time, role roleARN, session string, seconds int) *accessKey {
	expires := now.Truncate(time.Second).Add(time.Duration(seconds) * time.Second)
	key := &accessKey{
		id:           "ASIA" + rand.Text()[:16],
		secret:       "emulated-sk-" + randomHex(12),
		sessionToken: sessionTokenPrefix + strconv.FormatInt(expires.Unix(), 10) + "-" + randomHex(32),
		expires:      expires,
		arn:          "arn:" + role.partition + ":sts::" + role.account + ":assumed-role/" + role.name + "/" + session,
		userID:       "AROAEMULATEDROLE00000:" + session,
	}
	s.keys.put(now, key.id, key, key.expires)
	return key
}

func assumed(key *accessKey) assumedRole {
	return assumedRole{
		Credentials: sessionCredentials{
			AccessKeyId:     key.id,
			SecretAccessKey: key.secret,
			SessionToken:    key.sessionToken,
			Expiration:      key.expires.Format("2006-01-02T15:04:05Z"),
		},
		AssumedRoleUser: assumedRoleUser{AssumedRoleId: key.userID, Arn: key.arn},
	}
}

// roleARN is the ARN of an IAM role and its parts.
type roleARN struct{ arn, partition, account, name string }

var (
	rolePattern = regexp.MustCompile(`^arn:(aws[a-zA-Z-]*):iam::([0-9]{12}):role/(?:[^\s/]+/)*([\w+=,.@-]{1,64})$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]*$`)
)

// formCheck checks the parameters of a form and keeps the first violation.
type formCheck struct {
	form  url.Values
	found *failure
}

func (c *formCheck) refuse(member, rule string) {
	if c.found == nil {
		c.found = fail("ValidationError", "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must %s", member, rule)
	}
}

// text returns a parameter, which must have from low to high characters and
// match the pattern, if there is one.
func (c *formCheck) text(name string, required bool, low, high int, pattern *regexp.Regexp) string {
	value := c.form.Get(name)
	member := strings.ToLower(name[:1]) + name[1:]
	switch length := utf8.RuneCountInString(value); {
	case !c.form.Has(name) && !required:
	case !c.form.Has(name):
		c.refuse(member, "not be null")
	case length < low:
		c.refuse(member, "have length greater than or equal to "+strconv.Itoa(low))
	case length > high:
		c.refuse(member, "have length less than or equal to "+strconv.Itoa(high))
	case pattern != nil && !pattern.MatchString(value):
		c.refuse(member, "satisfy regular expression pattern: "+strings.Trim(pattern.String(), "^$"))
	}
	return value
}

// session returns the parameters that both operations that assume a role have.
func (c *formCheck) session() (role roleARN, name string, seconds int) {
	arn := c.text("RoleArn", true, 20, 2048, nil)
	name = c.text("RoleSessionName", true, 2, 64, sessionName)
	seconds = maxRoleSession
	if c.form.Has("DurationSeconds") {
		var err error
		seconds, err = strconv.Atoi(c.form.Get("DurationSeconds"))
		switch {
		case err != nil:
			c.refuse("durationSeconds", "be an integer")
		case seconds < minSession:
			c.refuse("durationSeconds", "have value greater than or equal to "+strconv.Itoa(minSession))
		case seconds > maxSession:
			c.refuse("durationSeconds", "have value less than or equal to "+strconv.Itoa(maxSession))
		case seconds > maxRoleSession && c.found == nil:
			c.found = fail("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
		}
	}
	match := rolePattern.FindStringSubmatch(arn)
	if match == nil {
		if c.found == nil {
			c.found = fail("ValidationError", "%s is invalid", arn)
		}
		return role, name, seconds
	}
	return roleARN{arn: arn, partition: match[1], account: match[2], name: match[3]}, name, seconds
}
