package borrow

import (
	"cmp"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
)

// maxToken bounds what is parsed before the signature is verified. A real token
// has one or two KiB.
const maxToken = 64 << 10

// Options are the settings of a [Verifier]. Zero values mean the defaults, which
// suit a process that runs for long. One that is started often needs a Mark that
// outlives it.
type Options struct {
	// Grace is how long after its end a license is still accepted. The default
	// is 0.
	Grace time.Duration

	// ClockTolerance is how far the clock may be behind the Mark, and behind the
	// time at which a license was issued, before it is refused as wrong. The
	// default is 5 minutes.
	ClockTolerance time.Duration

	// Mark stores the latest time seen. The default is a [MemoryMark], which
	// detects a clock that is set back while the process runs.
	Mark Mark

	// Now is the clock. The default is [time.Now].
	Now func() time.Time
}

// Verifier verifies borrowed licenses of one issuer. It is immutable and safe
// for concurrent use.
type Verifier struct {
	key     *rsa.PublicKey
	options Options
}

// NewVerifier returns a Verifier for licenses that are signed with key, which
// [ParsePublicKey] parses. It returns an error for an RSA key of less than 2048
// bits and for negative durations. A nil option is ignored.
func NewVerifier(key *rsa.PublicKey, options ...func(*Options)) (*Verifier, error) {
	var o Options
	for _, option := range options {
		if option != nil {
			option(&o)
		}
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if o.Grace < 0 || o.ClockTolerance < 0 {
		return nil, errors.New("borrow: Grace and ClockTolerance must not be negative")
	}
	o.ClockTolerance = cmp.Or(o.ClockTolerance, 5*time.Minute)
	if o.Mark == nil {
		o.Mark = new(MemoryMark)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	// A copy, so that the caller may change its key.
	return &Verifier{&rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}, o}, nil
}

// Want is what the caller requires of a token.
type Want struct {
	// LicenseARN identifies the license. Required: an issuer signs all of its
	// licenses with the same key.
	LicenseARN string

	// NodeID identifies this machine, as it was named when the license was
	// borrowed. Required, unless AnyNode is set.
	NodeID string

	// AnyNode accepts a license that was borrowed for any node, or for none.
	// Then a copy of the token is valid on every machine.
	AnyNode bool

	// Metadata must be in the token, each name with its value.
	Metadata map[string]string

	// ExactMetadata refuses a token with other metadata than Metadata.
	ExactMetadata bool

	// Entitlements must each be granted, by the rules of [License.Allows].
	Entitlements []EntitlementData
}

func (w *Want) validate() error {
	var c constraint.Checker
	c.RequiredString("LicenseARN", w.LicenseARN)
	c.Required("NodeID", w.NodeID != "" || w.AnyNode)
	for i, e := range w.Entitlements {
		path := fmt.Sprintf("Entitlements[%d].", i)
		c.RequiredString(path+"Name", e.Name)
		c.RequiredString(path+"Unit", e.Unit)
		if e.Unit != unitNone {
			c.RequiredString(path+"Value", e.Value)
			c.Chars(path+"Value", e.Value, `[0-9]+`, func(b byte) bool { return '0' <= b && b <= '9' })
		}
	}
	if err := c.Err("Want"); err != nil {
		return err
	}
	if w.NodeID != "" && w.AnyNode {
		return errors.New("borrow: Want has both NodeID and AnyNode")
	}
	return nil
}

// Verify returns the license in a token that CheckoutBorrowLicense returned, if
// it passes every check that the package documentation lists. Otherwise it
// returns a [*RefusedError]. If want is invalid, it returns an error that is not
// a RefusedError: a smithy.InvalidParamsError if a field is missing.
//
// Verify refuses a token if the Mark returns an error. If it ignored the error,
// a user could make the mark unusable and then set the clock back. A product that
// prefers to continue finds the license in a RefusedError with the reason
// [ErrMarkNotWritten]: it has passed all checks.
func (v *Verifier) Verify(token awstokens.Secret, want Want) (*License, error) {
	if err := want.validate(); err != nil {
		return nil, err
	}
	payload, refused := v.verifySignature(token.Reveal())
	if refused != nil {
		return nil, refused
	}
	license, refused := parseLicense(payload)
	if refused != nil {
		return nil, refused
	}
	refused = want.check(license)
	if refused == nil {
		refused = v.checkTime(license)
	}
	if refused != nil {
		refused.License = license
		return nil, refused
	}
	return license, nil
}

// verifySignature returns the payload of a token that the issuer signed. It drops
// the errors of the parsers, because they quote the token.
func (v *Verifier) verifySignature(token string) ([]byte, *RefusedError) {
	if len(token) > maxToken {
		return nil, &RefusedError{Reason: ErrTooLarge}
	}
	token = strings.TrimSpace(strings.TrimPrefix(token, "\ufeff"))
	switch {
	case token == "":
		return nil, &RefusedError{Reason: ErrEmpty}
	case strings.HasPrefix(token, "\xff\xfe"), strings.HasPrefix(token, "\xfe\xff"):
		return nil, &RefusedError{Reason: ErrMalformed, detail: "it is in UTF-16; store it in UTF-8"}
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return nil, &RefusedError{Reason: ErrMalformed}
	}
	for _, part := range parts {
		if !canonical(part) {
			return nil, &RefusedError{Reason: ErrMalformed}
		}
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.PS384})
	var other *jose.ErrUnexpectedSignatureAlgorithm
	switch {
	case errors.As(err, &other):
		return nil, &RefusedError{Reason: refusedAlgorithm(string(other.Got))}
	case err != nil:
		return nil, &RefusedError{Reason: ErrMalformed}
	case extended(parts[0]):
		return nil, &RefusedError{Reason: ErrExtension}
	}
	payload, err := jws.Verify(v.key)
	if err != nil {
		return nil, &RefusedError{Reason: ErrSignature}
	}
	return payload, nil
}

// canonical reports whether part is the canonical base64url of its bytes. The
// decoder of go-jose ignores line breaks and unused bits, so that one signed
// token could be written in many ways.
func canonical(part string) bool {
	_, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return err == nil && !strings.ContainsAny(part, "\r\n")
}

func refusedAlgorithm(name string) Reason {
	switch {
	case strings.EqualFold(name, "none"):
		return ErrUnsigned
	case strings.HasPrefix(name, "HS"):
		return ErrSymmetric
	}
	return ErrAlgorithm
}

// extended reports whether a header has crit or b64, which change what is signed.
// go-jose supports b64, but no borrowed license has it. The header is parsed
// again because go-jose drops a member that is null.
func extended(header string) bool {
	data, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return true
	}
	_, crit := members["crit"]
	_, b64 := members["b64"]
	return crit || b64
}

// check compares a license with what the caller requires.
func (w *Want) check(l *License) *RefusedError {
	if l.LicenseARN != w.LicenseARN {
		return &RefusedError{Reason: ErrOtherLicense, detail: fmt.Sprintf("%q where %q is required", l.LicenseARN, w.LicenseARN)}
	}
	if !w.AnyNode {
		switch l.NodeID {
		case w.NodeID:
		case "":
			return &RefusedError{Reason: ErrMemberMissing, Member: "nodeId"}
		default:
			return &RefusedError{Reason: ErrOtherNode, detail: fmt.Sprintf("%q where %q is required", l.NodeID, w.NodeID)}
		}
	}
	// Sorted, so that one token always gets the same error.
	for _, name := range slices.Sorted(maps.Keys(w.Metadata)) {
		switch found, ok := l.CheckoutMetadata[name]; {
		case !ok:
			return &RefusedError{Reason: ErrMetadataMissing, Member: name}
		case found != w.Metadata[name]:
			return &RefusedError{Reason: ErrMetadataDiffers, Member: name}
		}
	}
	if w.ExactMetadata {
		for _, name := range slices.Sorted(maps.Keys(l.CheckoutMetadata)) {
			if _, ok := w.Metadata[name]; !ok {
				return &RefusedError{Reason: ErrMetadataUnexpected, Member: name}
			}
		}
	}
	for _, e := range w.Entitlements {
		if !l.Allows(e) {
			return &RefusedError{Reason: ErrNotEntitled, Member: e.Name}
		}
	}
	return nil
}

// checkTime compares a license with the clock and raises the mark.
func (v *Verifier) checkTime(l *License) *RefusedError {
	// The mark is read before the clock, which then is not behind what another
	// call or process writes in between.
	mark, err := v.options.Mark.Load()
	if err != nil {
		return &RefusedError{Reason: ErrMarkUnreadable, Err: err}
	}
	// UTC drops the monotonic reading, which would be compared instead of the
	// time that the user can set.
	now := v.options.Now().UTC()
	tolerated := now.Add(v.options.ClockTolerance)
	if tolerated.Before(mark) {
		return &RefusedError{Reason: ErrClockWentBack, detail: fmt.Sprintf("it is at %s and was at %s", date(now), date(mark))}
	}
	if tolerated.Before(l.IssuedAt) {
		return &RefusedError{Reason: ErrIssuedInFuture, detail: fmt.Sprintf("at %s, and it is %s", date(l.IssuedAt), date(now))}
	}

	// None of the three is ahead of the real time, so the latest is closest to it.
	latest := now
	for _, t := range []time.Time{mark, l.IssuedAt} {
		if t.After(latest) {
			latest = t
		}
	}
	end := l.Expiration.Add(v.options.Grace)
	if !latest.Before(end) {
		refused := &RefusedError{Reason: ErrExpired, detail: fmt.Sprintf("at %s, and it is %s", date(l.Expiration), date(latest))}
		// The mark rises as far as keeps this license expired, and no further: the
		// clock may be wrong.
		refused.Err = v.raise(mark, end)
		return refused
	}
	if err := v.raise(mark, latest); err != nil {
		return &RefusedError{Reason: ErrMarkNotWritten, Err: err}
	}
	return nil
}

// raise raises the mark if it is lower.
func (v *Verifier) raise(mark, to time.Time) error {
	if !to.After(mark) {
		return nil
	}
	return v.options.Mark.Raise(to)
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }
