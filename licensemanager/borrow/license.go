package borrow

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/timestamp"
)

// License is a verified borrowed license.
type License struct {
	LicenseARN string

	// NodeID is the machine that the license was borrowed for, or empty if it
	// was borrowed for none.
	NodeID string

	Entitlements []EntitlementData // what was granted
	Expiration   time.Time         // when the license ends, in UTC
	IssuedAt     time.Time         // when it was borrowed, in UTC

	// LicenseConsumptionToken is what CheckInLicense needs to give the license
	// back early.
	LicenseConsumptionToken awstokens.Secret

	// CheckoutMetadata are the names and values that were given when the
	// license was borrowed, or nil if there were none.
	CheckoutMetadata map[string]string
}

// Allows reports whether the license grants at least e: whether it has an
// entitlement with the name and unit of e whose number is at least that of e, or
// for a feature, whose value is that of e, if e has one. Numbers of several
// entitlements are not added up.
func (l *License) Allows(e EntitlementData) bool {
	for _, granted := range l.Entitlements {
		if granted.Name == e.Name && granted.Unit == e.Unit && granted.covers(e) {
			return true
		}
	}
	return false
}

const unitNone = "None"

// EntitlementData is a feature or an amount: the API's shape of that name. It is
// not the type of package licensemanager, so that a program that only verifies
// does not import the client. To convert one that Set.Ask of package entitlements
// has returned:
//
//	borrow.EntitlementData{Name: e.Name, Unit: string(e.Unit), Value: e.Value}
type EntitlementData struct {
	Name  string `json:"name"`
	Unit  string `json:"unit"`  // "None" for a feature, else what is counted: "Count", "Gigabytes", ...
	Value string `json:"value"` // a whole number; for a feature any string, usually empty
}

// Count returns an entitlement to n of something, in the unit Count.
func Count(name string, n int64) EntitlementData {
	return EntitlementData{Name: name, Unit: "Count", Value: strconv.FormatInt(n, 10)}
}

// Feature returns an entitlement that is granted or not: its unit is None.
func Feature(name string) EntitlementData { return EntitlementData{Name: name, Unit: unitNone} }

func (e EntitlementData) covers(want EntitlementData) bool {
	if e.Unit == unitNone {
		return want.Value == "" || want.Value == e.Value
	}
	n, err := strconv.ParseInt(want.Value, 10, 64)
	if err != nil {
		return false
	}
	granted, err := strconv.ParseInt(e.Value, 10, 64)
	return err == nil && granted >= n
}

// parseLicense parses a payload whose signature was verified. It uses the json
// package of go-jose, which distinguishes "nodeId" from "NodeID" and refuses a
// duplicate member: encoding/json would take the last one.
func parseLicense(payload []byte) (*License, *RefusedError) {
	var members map[string]json.RawMessage
	if !utf8.Valid(payload) || json.Unmarshal(payload, &members) != nil || members == nil {
		return nil, &RefusedError{Reason: ErrPayload}
	}
	var l License
	var expiration, issuedAt string
	var metadata map[string]*string
	for _, m := range []struct {
		name     string
		to       any
		optional bool
	}{
		{name: "licenseArn", to: &l.LicenseARN},
		{name: "nodeId", to: &l.NodeID, optional: true}, // Want says whether it is required
		{name: "entitlementsAllowed", to: &l.Entitlements},
		{name: "expiration", to: &expiration},
		{name: "issuedAt", to: &issuedAt},
		{name: "licenseConsumptionToken", to: &l.LicenseConsumptionToken},
		{name: "checkoutMetadata", to: &metadata, optional: true},
	} {
		raw, ok := members[m.name]
		switch {
		case !ok || string(raw) == "null":
			if !m.optional {
				return nil, &RefusedError{Reason: ErrMemberMissing, Member: m.name}
			}
		case json.Unmarshal(raw, m.to) != nil:
			return nil, &RefusedError{Reason: ErrMemberType, Member: m.name}
		}
	}
	for _, e := range l.Entitlements {
		if e.Name == "" || e.Unit == "" {
			return nil, &RefusedError{Reason: ErrMemberMissing, Member: "entitlementsAllowed", detail: "one has no name or no unit"}
		}
	}
	for name, value := range metadata {
		if value == nil {
			return nil, &RefusedError{Reason: ErrMemberType, Member: "checkoutMetadata", detail: "a value is null"}
		}
		if l.CheckoutMetadata == nil {
			l.CheckoutMetadata = make(map[string]string, len(metadata))
		}
		l.CheckoutMetadata[name] = *value
	}
	var refused *RefusedError
	if l.Expiration, refused = parseDate("expiration", expiration); refused != nil {
		return nil, refused
	}
	if l.IssuedAt, refused = parseDate("issuedAt", issuedAt); refused != nil {
		return nil, refused
	}
	return &l, nil
}

func parseDate(member, text string) (time.Time, *RefusedError) {
	t, err := timestamp.Parse(text)
	if err != nil {
		return time.Time{}, &RefusedError{Reason: ErrDate, Member: member}
	}
	return t.UTC(), nil
}
