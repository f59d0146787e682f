package secrets_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// words are in fakes, and in other text.
var words = regexp.MustCompile(`\b[a-z]+\b`)

// run is the number of letters and digits in a row that reveal a secret.
const run = 8

// needles are secrets, prepared to be found in text in one pass: by any 8 letters
// and digits in a row that are not in a word, whatever is written between them,
// by the same in base64, and by any 8 bytes that are written as numbers and are
// not of words.
type needles struct {
	runs    map[uint64]bool    // of letters and digits
	hexRuns map[[2]uint64]bool // of twice as many, if they are hexadecimal digits: half are in every dump by chance
	bytes   map[uint64]bool    // of bytes
	filter  [1 << 12]uint64    // bits of their hashes, because most of a text is in none of the maps
	whole   []string           // secrets that are searched for as a whole
}

func newNeedles(secrets ...string) *needles {
	n := &needles{runs: map[uint64]bool{}, hexRuns: map[[2]uint64]bool{}, bytes: map[uint64]bool{}}
	for _, secret := range secrets {
		n.add(secret)
	}
	return n
}

func (n *needles) add(secret string) {
	if len(secret) < run {
		panic("too short to be told from other text: " + secret)
	}
	if !n.addRuns(words.ReplaceAllString(secret, "-")) {
		n.addWhole(secret)
	}
	for skip := range 3 { // base64 of what precedes the secret may end within three bytes
		whole := (len(secret) - skip) / 3 * 3
		n.addRuns(base64.RawStdEncoding.EncodeToString([]byte(secret[skip : skip+whole])))
	}
	var w window
	for i := range len(secret) {
		if w.add(secret[i]); w.n >= run && !w.isWords() {
			n.bytes[w.last] = true
			n.mark(w.last)
		}
	}
}

// addWhole adds a secret of words, or whose runs are broken.
func (n *needles) addWhole(secret string) {
	n.whole = append(n.whole, secret)
	if quoted := strings.Trim(strconv.Quote(secret), `"`); quoted != secret {
		n.whole = append(n.whole, quoted)
	}
}

// addRuns reports whether a run of the text has nothing between its characters,
// so that no way to quote the text breaks it.
func (n *needles) addRuns(text string) (unbroken bool) {
	var w window
	inARow := 0
	for i := range len(text) {
		if !isAlphanumeric[text[i]] {
			inARow = 0
			continue
		}
		w.add(text[i])
		inARow++
		switch {
		case w.n < run:
		case !w.isHex():
			n.runs[w.last] = true
			n.mark(w.last)
			unbroken = unbroken || inARow >= run
		case w.n >= 2*run:
			n.hexRuns[[2]uint64{w.before, w.last}] = true
			n.mark(w.last)
			unbroken = unbroken || inARow >= 2*run
		}
	}
	return unbroken
}

func (n *needles) mark(piece uint64) {
	word, bit := hash(piece)
	n.filter[word] |= bit
}

func hash(piece uint64) (word, bit uint64) {
	piece *= 0x9e3779b97f4a7c15
	return piece >> 52, 1 << (piece >> 46 & 63)
}

// window is the last 16 bytes of a sequence.
type window struct {
	before, last uint64
	n            int
}

func (w *window) add(b byte) {
	w.before = w.before<<8 | w.last>>56
	w.last = w.last<<8 | uint64(b)
	w.n++
}

// isHex reports whether the last 8 bytes are hexadecimal digits.
func (w *window) isHex() bool {
	for piece := w.last; piece != 0; piece >>= 8 {
		if digit[byte(piece)] > 0xf {
			return false
		}
	}
	return true
}

// isWords reports whether the last 8 bytes are small letters and hyphens.
func (w *window) isWords() bool {
	for piece := w.last; piece != 0; piece >>= 8 {
		if b := byte(piece); b != '-' && (b < 'a' || b > 'z') {
			return false
		}
	}
	return true
}

func (n *needles) maybe(piece uint64) bool {
	word, bit := hash(piece)
	return n.filter[word]&bit != 0
}

// hasRun reports whether b completes a run of a secret's text.
func (n *needles) hasRun(w *window, b byte) bool {
	w.add(b)
	return n.maybe(w.last) && (n.runs[w.last] || n.hexRuns[[2]uint64{w.before, w.last}])
}

// hasByte reports whether b completes a run of a secret's bytes.
func (n *needles) hasByte(w *window, b byte) bool {
	w.add(b)
	return n.maybe(w.last) && n.bytes[w.last]
}

var isAlphanumeric, digit = func() (is [256]bool, digit [256]byte) {
	for i := range digit {
		digit[i] = 0xff
	}
	for i, b := range "0123456789abcdefghijklmnopqrstuvwxyz" {
		is[b], digit[b] = true, byte(i)
		upper := strings.ToUpper(string(b))[0]
		is[upper], digit[upper] = true, byte(i)
	}
	return is, digit
}()

// in returns the surroundings of a secret in the text, or "".
func (n *needles) in(text string) string {
	for _, secret := range n.whole {
		if i := strings.Index(text, secret); i >= 0 {
			return excerpt(text, i)
		}
	}
	var w, even, odd, decimal, octal, binary window
	for i := 0; i < len(text); i++ {
		start, others := i, 0
		for ; i < len(text) && isAlphanumeric[text[i]]; i++ {
			if n.hasRun(&w, text[i]) {
				return excerpt(text, i)
			}
			if digit[text[i]] > 0xf {
				others++
			}
		}
		if start == i || others > 1 {
			continue // no number
		}
		word := withoutPrefix(text[start:i])
		if n.hasNumber(&decimal, word, 10) || n.hasNumber(&octal, word, 8) || n.hasNumber(&binary, word, 2) || n.hasHex(&even, &odd, word) {
			return excerpt(text, i)
		}
	}
	return ""
}

// withoutPrefix returns the digits of 0b1, 0o7, 0xf, \xf, \u000f, U+000f, without
// zeros in front that no byte has.
func withoutPrefix(word string) string {
	if len(word) > 2 && word[0] == '0' && strings.IndexByte("boxX", word[1]) >= 0 {
		word = word[2:]
	} else if strings.IndexByte("xuU", word[0]) >= 0 {
		word = word[1:]
	}
	for len(word) > 2 && word[:2] == "00" {
		word = word[2:]
	}
	return word
}

// hasNumber reads a word as one byte.
func (n *needles) hasNumber(w *window, word string, base byte) bool {
	if len(word) == 0 || len(word) > 9 {
		return false
	}
	value := 0
	for i := range len(word) {
		if digit[word[i]] >= base {
			return false
		}
		value = value*int(base) + int(digit[word[i]])
	}
	return value < 256 && n.hasByte(w, byte(value))
}

// hasHex reads a word as bytes, from its first and from its second digit on.
func (n *needles) hasHex(even, odd *window, word string) bool {
	for i := range len(word) {
		if digit[word[i]] > 0xf {
			return false
		}
	}
	for i := 0; i+1 < len(word); i++ {
		w := even
		if i%2 == 1 {
			w = odd
		}
		if n.hasByte(w, digit[word[i]]<<4|digit[word[i+1]]) {
			return true
		}
	}
	return false
}

func excerpt(text string, i int) string {
	return fmt.Sprintf("%q", text[max(0, i-80):min(len(text), i+60)])
}

// forms are the ways in which a secret may be written.
var forms = map[string]func(string) string{
	"plain":        func(s string) string { return s },
	"quoted":       strconv.Quote,
	"ASCII":        strconv.QuoteToASCII,
	"JSON":         func(s string) string { b, _ := json.Marshal(s); return string(b) },
	"wrapped":      func(s string) string { return s[:3] + "\r\n\t" + s[3:] },
	"characters":   bytesAs("%c", " "),
	"runes":        bytesAs("%q", " "),
	"hex":          bytesAs("%02x", ""),
	"upper hex":    bytesAs("%02X", ""),
	"odd hex":      func(s string) string { return fmt.Sprintf("f%xf", s) },
	"spaced hex":   bytesAs("%02x", " "),
	"prefixed hex": bytesAs("0x%02X", ", "),
	"one prefix":   func(s string) string { return fmt.Sprintf("%#x", s) },
	"dump":         func(s string) string { return hex.Dump([]byte(s)) },
	"escapes":      bytesAs(`\x%02x`, ""),
	"JSON escapes": bytesAs(`\u%04x`, ""),
	"Unicode":      bytesAs("U+%04X", " "),
	"decimal":      bytesAs("%d", " "),
	"numbers":      bytesAs("%d", ","),
	"bad verb":     bytesAs("%%!z(uint8=%d)", " "),
	"octal":        bytesAs("%o", " "),
	"0 octal":      bytesAs("%#o", " "),
	"0o octal":     bytesAs("%O", " "),
	"binary":       bytesAs("%b", " "),
	"0b binary":    bytesAs("%#b", " "),
	"base64":       base64After(base64.StdEncoding, ""),
	"base64, 1":    base64After(base64.StdEncoding, "1"),
	"base64, 2":    base64After(base64.StdEncoding, "12"),
	"base64url":    base64After(base64.URLEncoding, ""),
	"base64url, 1": base64After(base64.RawURLEncoding, "1"),
	"base64url, 2": base64After(base64.RawURLEncoding, "12"),
}

func bytesAs(format, separator string) func(string) string {
	return func(s string) string {
		var all []string
		for i := range len(s) {
			all = append(all, fmt.Sprintf(format, s[i]))
		}
		return strings.Join(all, separator)
	}
}

func base64After(encoding *base64.Encoding, before string) func(string) string {
	return func(s string) string { return encoding.EncodeToString([]byte(before + s + "after")) }
}

// The search finds a secret, and each telling part of it, in every form.
func TestSearch(t *testing.T) {
	text, binary := fake(1), "\x00\xff\x80fake\xfe \"signing\"\x01key \x9b\\\xed"
	n := newNeedles(text, binary)
	for name, form := range forms {
		assert.NotEmpty(t, n.in("before "+form(text)+" after"), name)
		if name != "wrapped" && name != "characters" && name != "runes" && name != "JSON" {
			assert.NotEmpty(t, n.in("before "+form(binary)+" after"), name)
		}
		assert.Empty(t, n.in("before "+form(fake(2)[5:])+" after"), "%s of another", name)
	}
	require.Len(t, n.whole, 2, "only the binary one is searched for as a whole")
	for i := range len(text) - 2*run {
		part := text[i : i+2*run] // which has 8 letters and digits, and in base64 too
		for name, form := range forms {
			assert.NotEmpty(t, n.in("before "+form(part)+" after"), "%s of %s", name, part)
		}
	}
	assert.Empty(t, n.in("[redacted] 0xc000123456 FAKE "+strings.Repeat("A", 100)))
	hexadecimal := newNeedles("0123456789abcdef0123456789abcdef")
	assert.NotEmpty(t, hexadecimal.in("0123456789abcdef"))
	assert.Empty(t, hexadecimal.in("01234567 9abcdef0 23456789"))
}
