package emulator

import (
	"cmp"
	"net/http"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/endpoint"
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

// awsJSONResult writes a response. Handlers of operations that are documented to
// have an empty body, such as DeleteToken, return nil.
func awsJSONResult(w http.ResponseWriter, _ *request, out any) {
	if out == nil {
		w.Header().Set("Content-Type", awsJSONType)
		w.WriteHeader(http.StatusOK)
		return
	}
	writeJSONAs(w, awsJSONType, http.StatusOK, out)
}

// awsJSONRefuse responds with an error. The status is 400, except for the
// service's internal error.
func awsJSONRefuse(w http.ResponseWriter, r *request, f *failure) {
	status := cmp.Or(f.status, http.StatusBadRequest)
	if f.status == 0 && f.code == "ServerInternalException" {
		status = http.StatusInternalServerError
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

// stamp writes a date as the API does.
func (l *licenseManager) stamp(t time.Time) string {
	if l.options.ZonelessTimes {
		return t.Format(zonelessFormat)
	}
	return t.Format("2006-01-02T15:04:05Z")
}

const zonelessFormat = "2006-01-02T15:04:05"
