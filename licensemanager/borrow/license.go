package borrow

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// License is a borrowed license that was verified.
type License struct {
	LicenseArn string

	// NodeId is the machine that the license was borrowed for, or empty if it
	// was borrowed for none.
	NodeId string

	// Entitlements are what was granted.
	Entitlements []Entitlement

	// Expiration is the moment at which the license ends, and ExpirationText
	// the same as the service wrote it.
	Expiration     time.Time
	ExpirationText string

	// IssuedAt is when the license was borrowed, and IssuedAtText the same as
	// the service wrote it.
	IssuedAt     time.Time
	IssuedAtText string

	// LicenseConsumptionToken is what CheckInLicense takes to give the license
	// back early.
	LicenseConsumptionToken awstokens.Secret

	// CheckoutMetadata are the names and values that were given when the
	// license was borrowed. Nil if there were none.
	CheckoutMetadata map[string]string
}

// LogValue hides the consumption token and the metadata from slog.
func (l License) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("LicenseArn", l.LicenseArn),
		slog.String("NodeId", l.NodeId),
		slog.Any("Entitlements", l.Entitlements),
		slog.Time("Expiration", l.Expiration),
		slog.Time("IssuedAt", l.IssuedAt),
	)
}

// Format hides the consumption token from fmt.
func (l License) Format(f fmt.State, _ rune) { redact.Format(f, l) }

// Allows says whether the license grants at least e: an entitlement of the
// same name and unit that is as large or, for a feature, has the same value if
// e has one. Entitlements are not added up.
func (l *License) Allows(e Entitlement) bool {
	for _, granted := range l.Entitlements {
		if granted.Name == e.Name && granted.Unit == e.Unit && granted.covers(e) {
			return true
		}
	}
	return false
}

const unitNone = "None"

// Entitlement is a feature or an amount.
type Entitlement struct {
	Name  string `json:"name"`
	Unit  string `json:"unit"`  // "None" for a feature, else what is counted: "Count", "Gigabytes", ...
	Value string `json:"value"` // a whole number; for a feature any text, mostly empty
}

// Count is an entitlement to n of something, in the unit "Count".
func Count(name string, n int64) Entitlement {
	return Entitlement{Name: name, Unit: "Count", Value: strconv.FormatInt(n, 10)}
}

// Feature is an entitlement that is there or not: its unit is "None".
func Feature(name string) Entitlement { return Entitlement{Name: name, Unit: unitNone} }

func (e Entitlement) covers(want Entitlement) bool {
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

// parseLicense reads a payload whose signature was verified. The json package
// is go-jose's, which tells "nodeId" from "NodeID" and refuses a member that
// is there twice: encoding/json would take the last of either.
func parseLicense(payload []byte) (*License, *RefusedError) {
	var members map[string]json.RawMessage
	if !utf8.Valid(payload) || json.Unmarshal(payload, &members) != nil || members == nil {
		return nil, &RefusedError{Reason: ErrPayload}
	}
	var l License
	var metadata map[string]*string
	for _, m := range []struct {
		name     string
		to       any
		optional bool
	}{
		{name: "licenseArn", to: &l.LicenseArn},
		{name: "nodeId", to: &l.NodeId, optional: true}, // whether it must be there is the caller's to say
		{name: "entitlementsAllowed", to: &l.Entitlements},
		{name: "expiration", to: &l.ExpirationText},
		{name: "issuedAt", to: &l.IssuedAtText},
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
	var ok bool
	if l.Expiration, ok = parseDate(l.ExpirationText); !ok {
		return nil, &RefusedError{Reason: ErrDate, Member: "expiration"}
	}
	if l.IssuedAt, ok = parseDate(l.IssuedAtText); !ok {
		return nil, &RefusedError{Reason: ErrDate, Member: "issuedAt"}
	}
	return &l, nil
}

// parseDate reads RFC 3339, or the same without a zone, which the service
// writes and means as UTC.
func parseDate(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
