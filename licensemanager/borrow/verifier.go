package borrow

import (
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

// maxToken bounds what is parsed before the signature is known to be good. A
// real token has one or two KiB.
const maxToken = 64 << 10

const defaultClockTolerance = 5 * time.Minute

// Options are the settings of a Verifier. The zero value is a good one for a
// process that runs for long; one that is started often needs a Mark that
// outlives it.
type Options struct {
	// Leeway is how long after its end a license is still accepted. 0 means
	// not at all: at the very moment of its end a license has ended.
	Leeway time.Duration

	// ClockTolerance is how far the clock may be behind the Mark, and behind
	// the time at which a license was issued, before it is taken to be wrong.
	// 0 means 5 minutes.
	ClockTolerance time.Duration

	// Mark keeps the latest time seen. Nil means a MemoryMark, which notices a
	// clock that is set back while the process runs.
	Mark Mark

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Verifier verifies borrowed licenses of one issuer. It does not change, and
// is safe for concurrent use.
type Verifier struct {
	key       *rsa.PublicKey
	leeway    time.Duration
	tolerance time.Duration
	mark      Mark
	now       func() time.Time
}

// NewVerifier returns a Verifier for licenses that are signed with key, which
// ParsePublicKey reads. It refuses an RSA key of less than 2048 bits and
// negative durations.
func NewVerifier(key *rsa.PublicKey, o Options) (*Verifier, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if o.Leeway < 0 || o.ClockTolerance < 0 {
		return nil, errors.New("Options.Leeway and Options.ClockTolerance must not be negative")
	}
	v := &Verifier{
		// A copy: what the caller does to its key later changes nothing here.
		key:       &rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E},
		leeway:    o.Leeway,
		tolerance: o.ClockTolerance,
		mark:      o.Mark,
		now:       o.Now,
	}
	if v.tolerance == 0 {
		v.tolerance = defaultClockTolerance
	}
	if v.mark == nil {
		v.mark = new(MemoryMark)
	}
	if v.now == nil {
		v.now = time.Now
	}
	return v, nil
}

// Want is what the caller wants a token to be.
type Want struct {
	// LicenseArn is the license. Required: an issuer signs every one of its
	// licenses with the same key.
	LicenseArn string

	// NodeId is this machine, as it was named when the license was borrowed.
	// Required, unless AnyNode is set.
	NodeId string

	// AnyNode accepts a license that was borrowed for any node, or for none.
	// Whoever copies such a token has a license.
	AnyNode bool

	// Metadata must be in the token, each name with this value.
	Metadata map[string]string

	// ExactMetadata refuses a token with other metadata beside those.
	ExactMetadata bool

	// Entitlements must each be granted, see License.Allows.
	Entitlements []Entitlement
}

func (w *Want) validate() error {
	var c constraint.Checker
	c.Required("LicenseArn", w.LicenseArn != "")
	c.Required("NodeId", w.NodeId != "" || w.AnyNode)
	for i, e := range w.Entitlements {
		path := fmt.Sprintf("Entitlements[%d].", i)
		c.Required(path+"Name", e.Name != "")
		c.Required(path+"Unit", e.Unit != "")
		if e.Unit != unitNone {
			c.Required(path+"Value", e.Value != "")
			c.Chars(path+"Value", e.Value, `[0-9]+`, func(b byte) bool { return '0' <= b && b <= '9' })
		}
	}
	if err := c.Err("Want"); err != nil {
		return err
	}
	if w.NodeId != "" && w.AnyNode {
		return errors.New("Want has both NodeId and AnyNode")
	}
	return nil
}

// Verify returns the license in a token that CheckoutBorrowLicense returned,
// if every check that the package describes is passed. Otherwise it returns a
// *RefusedError, or, if want itself is wrong, the error that says so: a
// smithy.InvalidParamsError for what is missing in it.
//
// A failure of the Mark is a refusal too. If a mark that cannot be read or
// written were passed over, then making it so would be all it takes to set the
// clock back. A product that would rather go on finds the license, verified
// but for the mark, in a RefusedError with the reason ErrMarkNotWritten.
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

// verifySignature returns the payload of a token that the issuer signed. The
// errors of the parsers stay here: they quote what they were given.
func (v *Verifier) verifySignature(token string) ([]byte, *RefusedError) {
	if len(token) > maxToken {
		return nil, &RefusedError{Reason: ErrTooLarge}
	}
	token = strings.TrimSpace(token)
	if token == "" {
		return nil, &RefusedError{Reason: ErrEmpty}
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

// canonical says whether part is the one way to write its bytes as base64url.
// The lenient decoder passes over line breaks and unused bits, so that one
// signed token could be written in many ways.
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

// extended says whether a header has crit, or b64, which changes what is
// signed. go-jose understands b64; no borrowed license has it. The header is
// read here once more because go-jose hides a member that is null.
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

// check compares a license with what is wanted.
func (w *Want) check(l *License) *RefusedError {
	if l.LicenseArn != w.LicenseArn {
		return &RefusedError{Reason: ErrOtherLicense, detail: fmt.Sprintf("%q where %q is wanted", l.LicenseArn, w.LicenseArn)}
	}
	if !w.AnyNode {
		switch l.NodeId {
		case w.NodeId:
		case "":
			return &RefusedError{Reason: ErrMemberMissing, Member: "nodeId"}
		default:
			return &RefusedError{Reason: ErrOtherNode, detail: fmt.Sprintf("%q where %q is wanted", l.NodeId, w.NodeId)}
		}
	}
	// In the order of their names, so that the same token gets the same error.
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
	// The mark first: read after it, the clock is not behind what another call
	// or process just wrote.
	mark, err := v.mark.Load()
	if err != nil {
		return &RefusedError{Reason: ErrMarkUnreadable, Err: err}
	}
	// UTC takes the monotonic clock out of the time. It does not go back when
	// the user sets the clock, and would win the comparison.
	now := v.now().UTC()
	behind := now.Add(v.tolerance)
	if behind.Before(mark) {
		return &RefusedError{Reason: ErrClockWentBack, detail: fmt.Sprintf("it is at %s and was at %s", date(now), date(mark))}
	}
	if behind.Before(l.IssuedAt) {
		return &RefusedError{Reason: ErrIssuedInFuture, detail: fmt.Sprintf("at %s, and it is %s", date(l.IssuedAt), date(now))}
	}

	// All three have been, so the latest of them is nearest to the truth.
	latest := now
	for _, t := range []time.Time{mark, l.IssuedAt} {
		if t.After(latest) {
			latest = t
		}
	}
	end := l.Expiration.Add(v.leeway)
	if !latest.Before(end) {
		refused := &RefusedError{Reason: ErrExpired, detail: fmt.Sprintf("at %s, and it is %s", date(l.Expiration), date(latest))}
		// The mark goes as far as this license stays ended, and no farther, in
		// case it is the clock that is wrong.
		refused.Err = v.raise(mark, end)
		return refused
	}
	if err := v.raise(mark, latest); err != nil {
		return &RefusedError{Reason: ErrMarkNotWritten, Err: err}
	}
	return nil
}

// raise does not write a mark that is high enough.
func (v *Verifier) raise(mark, to time.Time) error {
	if !to.After(mark) {
		return nil
	}
	return v.mark.Raise(to)
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }
