package borrow

import "strconv"

// Reason is why a token was refused. It is an error, so that errors.Is finds
// it in what Verify returns.
type Reason string

// Error returns the reason in words.
func (r Reason) Error() string { return string(r) }

// The reasons, in the order in which Verify checks for them.
const (
	ErrEmpty     Reason = "the token is empty"
	ErrTooLarge  Reason = "the token is larger than 64 KiB"
	ErrMalformed Reason = "the token is not a compact JWS with one signature" // cut, JSON serialization, detached payload

	ErrUnsigned  Reason = "the token is not signed"                       // algorithm none
	ErrSymmetric Reason = "the token's algorithm is one of shared secret" // HS256 and so on: the public key is no secret
	ErrAlgorithm Reason = "the token's algorithm is not PS384"
	ErrExtension Reason = "the token's header asks for an extension" // crit or b64
	ErrSignature Reason = "the signature is not the issuer's"

	ErrPayload       Reason = "the payload is not a JSON object with distinct members"
	ErrMemberMissing Reason = "a member of the payload is missing"
	ErrMemberType    Reason = "a member of the payload has the wrong type"
	ErrDate          Reason = "a date of the payload cannot be read"

	ErrOtherLicense       Reason = "the token is for another license"
	ErrOtherNode          Reason = "the token is for another node"
	ErrMetadataMissing    Reason = "metadata are missing"
	ErrMetadataDiffers    Reason = "metadata have another value"
	ErrMetadataUnexpected Reason = "there are metadata that are not expected" // only with Want.ExactMetadata
	ErrNotEntitled        Reason = "an entitlement is missing or too small"

	ErrMarkUnreadable Reason = "the latest time seen cannot be read" // RefusedError.Err says why
	ErrClockWentBack  Reason = "the clock went back"
	ErrIssuedInFuture Reason = "the license was issued in the future: the clock is wrong"
	ErrExpired        Reason = "the license has ended"
	ErrMarkNotWritten Reason = "the latest time seen cannot be kept" // RefusedError.Err says why
)

// RefusedError says that a token is no valid license, and why. It never holds
// the token. Its text may name the license, the node ID and the dates in a
// token that the issuer signed: none of them is secret, anybody who has the
// token can read them, and nobody can help a user without them. It never has a
// value of the metadata.
type RefusedError struct {
	// Reason is why. errors.Is finds it too.
	Reason Reason

	// Member is what the reason is about: the member of the payload, or the
	// name of the metadata or of the entitlement. Empty for other reasons.
	Member string

	// License is what the issuer signed, or nil if the refusal came before
	// that was known. It is for messages, and for a product that decides to
	// run on for a while after the end of its license. It has not passed the
	// check that Reason names, nor those after it.
	License *License

	// Err is the error of the Mark, or nil.
	Err error

	detail string
}

// Error gives the reason and what it is about.
func (e *RefusedError) Error() string {
	text := "borrowed license refused: " + string(e.Reason)
	if e.Member != "" {
		text += ": " + strconv.Quote(e.Member)
	}
	if e.detail != "" {
		text += ": " + e.detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is says whether target is the reason.
func (e *RefusedError) Is(target error) bool { return target == error(e.Reason) }

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }
