package borrow

import "strconv"

// Reason is a short code for why a token was refused. It is an error, so that
// errors.Is finds it in what [Verifier.Verify] returns.
type Reason string

// The reasons, in the order in which Verify checks for them.
const (
	ErrEmpty     Reason = "empty"
	ErrTooLarge  Reason = "too_large"
	ErrMalformed Reason = "malformed" // cut off, JSON serialization, detached payload

	ErrUnsigned  Reason = "unsigned"         // algorithm none
	ErrSymmetric Reason = "symmetric"        // HS256 and so on, with the public key as the shared secret
	ErrAlgorithm Reason = "wrong_algorithm"  // any other than PS384
	ErrExtension Reason = "header_extension" // crit or b64
	ErrSignature Reason = "wrong_signature"

	ErrPayload       Reason = "bad_payload"
	ErrMemberMissing Reason = "member_missing"
	ErrMemberType    Reason = "member_type"
	ErrDate          Reason = "bad_date"

	ErrOtherLicense       Reason = "other_license"
	ErrOtherNode          Reason = "other_node"
	ErrMetadataMissing    Reason = "metadata_missing"
	ErrMetadataDiffers    Reason = "metadata_differs"
	ErrMetadataUnexpected Reason = "metadata_unexpected" // only with Want.ExactMetadata
	ErrNotEntitled        Reason = "not_entitled"

	ErrMarkUnreadable Reason = "mark_unreadable" // RefusedError.Err says why
	ErrClockWentBack  Reason = "clock_went_back"
	ErrIssuedInFuture Reason = "issued_in_future"
	ErrExpired        Reason = "expired"
	ErrMarkNotWritten Reason = "mark_not_written" // RefusedError.Err says why
)

var sentences = map[Reason]string{
	ErrEmpty:              "the token is empty",
	ErrTooLarge:           "the token is larger than 64 KiB",
	ErrMalformed:          "the token is not a compact JWS with one signature",
	ErrUnsigned:           "the token is not signed",
	ErrSymmetric:          "the token's algorithm uses a shared secret",
	ErrAlgorithm:          "the token's algorithm is not PS384",
	ErrExtension:          "the token's header requires an extension",
	ErrSignature:          "the signature is not the issuer's",
	ErrPayload:            "the payload is not a JSON object with distinct members",
	ErrMemberMissing:      "a member of the payload is missing",
	ErrMemberType:         "a member of the payload has the wrong type",
	ErrDate:               "a date in the payload cannot be parsed",
	ErrOtherLicense:       "the token is for another license",
	ErrOtherNode:          "the token is for another node",
	ErrMetadataMissing:    "metadata are missing",
	ErrMetadataDiffers:    "metadata have another value",
	ErrMetadataUnexpected: "there are unexpected metadata",
	ErrNotEntitled:        "an entitlement is missing or too small",
	ErrMarkUnreadable:     "the latest time seen cannot be read",
	ErrClockWentBack:      "the clock went back",
	ErrIssuedInFuture:     "the license was issued in the future: the clock is wrong",
	ErrExpired:            "the license has expired",
	ErrMarkNotWritten:     "the latest time seen cannot be stored",
}

// Error returns the reason as a sentence.
func (r Reason) Error() string {
	if sentence, ok := sentences[r]; ok {
		return sentence
	}
	return string(r)
}

// RefusedError says that a token is not a valid license, and why. It never
// contains the token. Its text may name the license, the node and the dates of
// a token that the issuer signed: they are not secret, and a user needs them to
// get help. It never contains a value of the metadata.
type RefusedError struct {
	Reason Reason

	// Member is what the reason is about: a member of the payload, or the name
	// of the metadata or the entitlement. It is empty for other reasons.
	Member string

	// License is what the issuer signed, or nil if the token was refused before
	// that was known. It has not passed the check that Reason names, nor those
	// after it. Use it in messages, or to keep running for a while after the end
	// of the license.
	License *License

	// Err is the error of the Mark, or nil.
	Err error

	detail string
}

// Error returns the reason and what it is about.
func (e *RefusedError) Error() string {
	text := "borrowed license refused: " + e.Reason.Error()
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

// Is reports whether target is the reason.
func (e *RefusedError) Is(target error) bool { return target == error(e.Reason) }

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }
