package awstokens

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what a Secret shows of itself.
const redacted = "[redacted]"

// Secret is a text that must not be seen: a token, a client secret, a code.
// However it is printed, with any verb of fmt or any handler of slog, it shows
// [redacted]; Reveal returns the text. As JSON it is plain, because JSON is
// what goes over the wire, so a struct of this module that holds a Secret
// also implements slog.LogValuer: slog's JSON handler then redacts it too.
type Secret string

// Reveal returns the secret text.
func (s Secret) Reveal() string { return string(s) }

// String returns [redacted].
func (Secret) String() string { return redacted }

// GoString returns [redacted].
func (Secret) GoString() string { return redacted }

// Format writes [redacted] for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns [redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
