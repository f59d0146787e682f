// Package redact keeps the secrets of a call, and characters that forge or
// break a line, out of text that comes from outside: messages of a service,
// errors of an HTTP client.
package redact

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-25f54b62/awstokens"
)

const redacted = "[redacted]"

const (
	minLength = 4 // of a secret that is searched for: a shorter one would be found by chance
	runLength = 8 // letters and digits that may give a secret away; twice as many always count
	maxLayers = 3 // escapings that are undone: JSON in a URL in HTML
)

// Scrubber withholds text that shows a secret. A secret can be written in more
// ways than anybody lists, so it is searched for by its letters and digits, in
// runs, and where one shows, the whole text is withheld. The time is that of a
// few passes over the text, however many secrets there are.
type Scrubber struct {
	short []string // secrets without a run
	runs  map[uint64]struct{}
}

// Add makes the Scrubber know a secret.
func (s *Scrubber) Add(secret awstokens.Secret) {
	text := secret.Reveal()
	if len(text) < minLength {
		return
	}
	if s.runs == nil {
		s.runs = map[uint64]struct{}{}
	}
	short := true
	for end, run := range runs(text) {
		if end%runLength == 0 {
			s.runs[run] = struct{}{}
			short = false
		}
	}
	if short {
		s.short = append(s.short, text)
	}
}

// runs returns the runs of runLength letters and digits in text, whatever else
// is between them, and how many letters and digits there are to the run's end.
func runs(text string) iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		n, run := 0, uint64(0)
		for i := range len(text) {
			if c := text[i]; isAlphanumeric(rune(c)) {
				run = run<<8 | uint64(c)
				if n++; n >= runLength && !yield(n, run) {
					return
				}
			}
		}
	}
}

func isAlphanumeric(r rune) bool { return '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z' }

// AddFrom adds every Secret in a value, however deep.
func (s *Scrubber) AddFrom(v any) {
	walk(reflect.ValueOf(v), func(v reflect.Value) {
		if v.Type() == secretType && v.CanInterface() {
			s.Add(v.Interface().(awstokens.Secret))
		}
	})
}

// Strings passes every string that v points to through Text.
func (s *Scrubber) Strings(v any) {
	walk(reflect.ValueOf(v), func(v reflect.Value) {
		if v.Kind() == reflect.String && v.CanSet() {
			v.SetString(s.Text(v.String()))
		}
	})
}

var secretType = reflect.TypeFor[awstokens.Secret]()

// walk visits v and all that is in it.
func walk(v reflect.Value, visit func(reflect.Value)) {
	if !v.IsValid() {
		return // what a nil holds
	}
	visit(v)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		walk(v.Elem(), visit)
	case reflect.Struct:
		for i := 0; i < v.NumField() && v.Type() != secretType; i++ {
			walk(v.Field(i), visit)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Map:
		for item := v.MapRange(); item.Next(); {
			walk(item.Value(), visit)
		}
	}
}

// Shows reports whether text shows a known secret or a telling part of one: as
// it stands, escaped for JSON, a URL or HTML, in base64, or as numbers, which is
// how Go prints bytes.
func (s *Scrubber) Shows(text string) bool {
	if s.runs == nil {
		return false
	}
	for _, reading := range numbers(text) {
		if s.showsPlain(string(reading)) {
			return true
		}
	}
	return slices.ContainsFunc(layers(text), func(text string) bool {
		return s.showsPlain(text) || s.showsPlain(fromBase64(text))
	})
}

// layers returns text and what it is without its escapings.
func layers(text string) []string {
	readings := []string{text}
	for n := 0; n < maxLayers && strings.ContainsAny(text, `\%&`); n++ {
		text = unescape(text)
		readings = append(readings, text)
	}
	return readings
}

func (s *Scrubber) showsPlain(text string) bool {
	if slices.ContainsFunc(s.short, func(secret string) bool { return strings.Contains(text, secret) }) {
		return true
	}
	for _, run := range runs(text) {
		if _, ok := s.runs[run]; ok {
			return true
		}
	}
	return false
}

// words returns the parts of a text that consist of letters, digits and others.
func words(text, others string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start := 0
		for i := 0; i <= len(text); i++ {
			if i < len(text) && (isAlphanumeric(rune(text[i])) || strings.IndexByte(others, text[i]) >= 0) {
				continue
			}
			if start < i && !yield(text[start:i]) {
				return
			}
			start = i + 1
		}
	}
}

const hexDigits = "0123456789abcdefABCDEF"

// numbers reads the words of a text as bytes: in hex from the first or from the
// second digit on, and in decimal.
func numbers(text string) (readings [3][]byte) {
	for word := range words(text, "") {
		if len(word) <= 3 { // an error of ParseUint allocates
			if n, err := strconv.ParseUint(word, 10, 8); err == nil {
				readings[2] = append(readings[2], byte(n))
			}
		}
		word = strings.TrimLeft(word, "0xuU") // 0x66, \x66, \u0066, U+0066
		for i := range min(2, len(word)) {
			digits := word[i : len(word)-(len(word)-i)%2]
			if strings.Trim(digits, hexDigits) == "" { // what AppendDecode refuses, it copies first
				readings[i], _ = hex.AppendDecode(readings[i], []byte(digits))
			}
		}
	}
	return readings
}

// fromBase64 reads the words of a text as base64, of either alphabet.
func fromBase64(text string) string {
	var read []byte
	for word := range words(text, "+/-_") {
		if len(word)%4 == 1 {
			word = word[:len(word)-1]
		}
		encoding := base64.RawStdEncoding
		if strings.ContainsAny(word, "-_") {
			encoding, word = base64.RawURLEncoding, base64URL.Replace(word)
		}
		read, _ = encoding.AppendDecode(read, []byte(word)) // every such word is valid
	}
	return string(read)
}

var base64URL = strings.NewReplacer("+", "-", "/", "_") // a path may have both

// unescape undoes one escaping of HTML, URLs, JSON or Go, so far as that reveals
// letters and digits or another escaping.
func unescape(text string) string {
	text = strings.ReplaceAll(text, "&amp;", "&")
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c, digits := text[i], 0
		switch {
		case c == '&':
			i += max(0, strings.IndexByte(text[i:min(i+12, len(text))], ';'))
		case c == '%':
			digits = 2
		case c == '\\' && i+1 < len(text):
			i++
			if c = text[i]; c == 'x' {
				digits = 2
			} else if c == 'u' {
				digits = 4
			}
		}
		if end := i + digits; digits > 0 && end < len(text) {
			if code, err := hex.DecodeString(text[i+1 : end+1]); err == nil {
				c, i = code[len(code)-1], end
			}
		}
		b = append(b, c)
	}
	return string(b)
}

// Text returns the text on one line, or [redacted] if it shows a secret.
func (s *Scrubber) Text(text string) string {
	if s.Shows(text) {
		return redacted
	}
	return Line(text)
}

// Line returns the text as valid UTF-8 on one line: it replaces line breaks,
// control characters and characters that change the direction of writing by
// spaces, so that the text can neither forge a line of a log nor command a
// terminal.
func Line(text string) string {
	if !strings.ContainsFunc(text, isUnprintable) {
		return text
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if isUnprintable(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD")))
}

// isUnprintable is also true of an invalid byte, which is read as U+FFFD.
func isUnprintable(r rune) bool {
	return unicode.IsControl(r) || r >= utf8.RuneSelf && (unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar)
}

// Error returns an error with the text that Text returns for that of err. If
// that is another, errors.Is still takes the error for err, but nothing else
// can be found in it.
func (s *Scrubber) Error(err error) error {
	clean := s.Text(err.Error())
	if clean == err.Error() {
		return err
	}
	return &scrubbed{clean, func(target error) bool { return errors.Is(err, target) }}
}

// scrubbed has no Unwrap, because what it stands for may show a secret, and
// holds it in a function, because fmt looks into every field of a struct.
type scrubbed struct {
	text string
	is   func(error) bool
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Is(target error) bool { return e.is(target) }
