package awstokens

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what a Secret shows of itself.
const redacted = "[redacted]"

// Secret is a text that must not be seen: a token, a client secret, a code.
// Printed with any verb of fmt or logged with slog, by itself or in a struct of
// this module, it shows [redacted]; Reveal returns the text.
//
// As JSON it is plain, because JSON is what goes over the wire. That, and the
// language, set the limits: nothing is hidden in an unexported field of a
// struct of yours, which fmt reads without asking; from slog's JSON handler
// when it meets a list, map or struct of yours; and from fmt.Errorf's %w, which
// is for errors.
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
