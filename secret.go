package awstokens

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// redacted stands for a Secret wherever one is shown.
const redacted = "[redacted]"

// Secret is a string that must not be seen: a token, a client secret, a code.
// Make one with [NewSecret]; the zero value is the empty secret. A Secret is
// immutable and safe for concurrent use.
//
// Only [Secret.Reveal] and [Secret.AppendReveal] return the string. Every
// encoder, logger and formatter that calls a method of the value shows
// [redacted]: encoding/json, XML, YAML, log/slog, and fmt with every verb. One
// that reads the memory of the value instead, as fmt does with the unexported
// fields of a struct, does not find the string, because it is masked there.
//
// Secrets do not compare with ==: use [Secret.Equal]. [reflect.DeepEqual]
// compares them by value.
type Secret struct {
	_      [0]func() // not comparable: == would compare pointers
	masked *[]byte   // the string, combined with pad; nil if empty
}

// pad masks every Secret of the process. It is as long as the longest token
// that either service documents; for a longer string it repeats.
var pad = func() (p [4096]byte) {
	_, _ = rand.Read(p[:]) // never fails
	return p
}()

// mask combines text with pad, in place. Doing so twice gives the text again.
func mask(text []byte) {
	for len(text) > 0 {
		text = text[subtle.XORBytes(text, text, pad[:]):]
	}
}

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret { return newSecret([]byte(text)) }

// newSecret masks text in place and keeps it.
func newSecret(text []byte) Secret {
	if len(text) == 0 {
		return Secret{}
	}
	mask(text)
	return Secret{masked: &text}
}

// Reveal returns the string in plain text.
func (s Secret) Reveal() string {
	if s.masked == nil {
		return ""
	}
	var buffer [1024]byte // enough for most, so that only the string is allocated
	return string(s.AppendReveal(buffer[:0]))
}

// AppendReveal appends the string to b in plain text. It is Reveal for encoders,
// which write into a buffer of their own.
func (s Secret) AppendReveal(b []byte) []byte {
	if s.masked == nil {
		return b
	}
	start := len(b)
	b = append(b, *s.masked...)
	mask(b[start:])
	return b
}

// IsZero reports whether the secret is empty. By the option omitzero,
// encoding/json omits an empty secret.
func (s Secret) IsZero() bool { return s.masked == nil }

// Equal reports whether two secrets are the same string. The time that it takes
// does not depend on where they differ.
func (s Secret) Equal(other Secret) bool {
	if s.masked == nil || other.masked == nil {
		return s.masked == other.masked
	}
	return subtle.ConstantTimeCompare(*s.masked, *other.masked) == 1
}

// String returns [redacted].
func (Secret) String() string { return redacted }

// GoString returns [redacted].
func (Secret) GoString() string { return redacted }

// Format writes [redacted] for every verb.
func (Secret) Format(f fmt.State, verb rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns [redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns [redacted], or nothing for the empty secret. To store a
// secret, store the result of Reveal.
func (s Secret) MarshalText() ([]byte, error) {
	if s.IsZero() {
		return nil, nil
	}
	return []byte(redacted), nil
}

// UnmarshalText sets the secret to text. It returns an error if text is
// [redacted], which an encoder wrote in place of a secret.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == redacted {
		return errors.New("the text is " + redacted + ", which an encoder wrote in place of a secret: store the result of Secret.Reveal")
	}
	*s = newSecret(slices.Clone(text))
	return nil
}
