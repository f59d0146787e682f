package constraint

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compile compiles a documented pattern. Go refuses repetitions of more than
// 1000, so the one that has more is split, in a way that lets the engine know
// at once which part it is in.
func compile(t testing.TB, pattern string) *regexp.Regexp {
	long := regexp.MustCompile(`(\[[^\]]*\])\{0,1023\}`)
	require.Regexp(t, long, pattern)
	return regexp.MustCompile(long.ReplaceAllString(pattern, `(?:$1{0,23}|$1{24}$1{0,999})`))
}

// An oracle is a documented pattern beside the function that stands for it.
type oracle struct {
	pattern *regexp.Regexp
	match   func(string) bool
}

func arnOracles(t testing.TB) map[string]oracle {
	return map[string]oracle{
		"strict": {compile(t, StrictARNPattern), MatchStrictARN},
		"any":    {compile(t, ARNPattern), MatchARN},
	}
}

// seedARNs are real ones, and some that are nasty.
var seedARNs = []string{
	someARN,
	"arn:aws-us-gov:iam::123456789012:role/AWSLicenseManagerConsumptionRole",
	"arn:aws-cn:sso:::instance/ssoins-0123456789abcdef",
	"arn:aws-iso-b:s3:::bucket/a+b=c,d@e",
	"arn:aws-iso:s:::r", "arn:aws-iso-e:s:::r", "arn:aws-iso-f:s:::r", "arn:aws-eusc:s:::r", "arn:awsX:s:::r", "arn:aws-:s:::r", "arn:aws1:s:::r",
	"arn:aws:s:_/.-:_/.-:0:_/+=,@.-", "arn:aws:s:::r:", "arn:aws:s:::r::",
	"", "arn", "arn:", "arn:aws", "arn:aws:", "arn:aws::::", "arn:aws::::r", "arn:aws:s::r", "arn:aws:s:::", "arn:aws:s:::-", "arn:aws:-:::r",
	"arn:aws:s:::r\n", "arn:aws:s:::r\x00", "arn:aws:s:::\xff", "arn:aws:s:é::r", "arn:aws:s:::r\u2028", "\narn:aws:s:::r", "ARN:aws:s:::r", "arn:AWS:s:::r",
	"arn:aws:s\\:::r", "arn:aws:s]:::r", "arn:aws:s[:::r", "arn:aws:s^:::r", "arn:aws:s:::r`", "arn:aws:s:::r{",
	"arn:aws:" + strings.Repeat("s", 63) + ":" + strings.Repeat("r", 63) + ":" + strings.Repeat("1", 63) + ":" + strings.Repeat("x", 1024),
	"arn:aws:s:::" + strings.Repeat("x", 1025),
}

func FuzzARN(f *testing.F) {
	for _, s := range seedARNs {
		f.Add(s)
	}
	oracles := arnOracles(f)
	f.Fuzz(func(t *testing.T, s string) {
		for name, o := range oracles {
			if got, want := o.match(s), o.pattern.MatchString(s); got != want {
				t.Errorf("%s: %q: %t, and the pattern says %t", name, s, got, want)
			}
		}
	})
}

// TestARNAgreesWithPattern compares on many generated texts: valid ARNs of all
// lengths at the limits, and the same with something wrong in one place.
func TestARNAgreesWithPattern(t *testing.T) {
	for name, o := range arnOracles(t) {
		r := rand.New(rand.NewPCG(1, 2)) // the same texts in every run
		agree(t, name, o, 100_000, func() string { return generateARN(r) })
	}
}

// underRace says that the race detector is on, which finds nothing in this
// package and makes a regular expression fifty times slower.
var underRace bool

// agree compares a function with its pattern on n texts, and makes sure that
// they were worth it.
func agree(t *testing.T, name string, o oracle, n int, generate func() string) {
	if underRace {
		n /= 20
	}
	matches := 0
	for range n {
		s := generate()
		want := o.pattern.MatchString(s)
		if got := o.match(s); got != want {
			t.Fatalf("%s: %q: %t, and the pattern says %t", name, s, got, want)
		}
		if want {
			matches++
		}
	}
	assert.Greater(t, matches, n/5, "%s: too few texts match", name)
	assert.Less(t, matches, n*4/5, "%s: too few texts do not match", name)
}

const (
	alphanumeric = "ABCXYZabcxyz019"
	nameChars    = alphanumeric + "_/.-"
	resourceChar = nameChars + ":+=,@"
)

var strangeChars = []string{
	" ", "\n", "\r", "\t", "\x00", "\x7f", "\xff", "\xc3", "é", "語", "🔑", "\u2028",
	":", "+", "=", ",", "@", "-", "_", "*", "?", "#", "%", "(", ")", "[", "]", "^", "$", "\\", "{", "`", "~", "!", ";", "<", "'", "\"", "|",
}

// lengths are at the limits more often than elsewhere.
func lengths(r *rand.Rand, limits ...int) int {
	if r.IntN(8) == 0 {
		return limits[r.IntN(len(limits))]
	}
	return r.IntN(20)
}

func chars(r *rand.Rand, from string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[r.IntN(len(from))]
	}
	return string(b)
}

// starting is chars with a first character of another kind.
func starting(r *rand.Rand, first, from string, n int) string {
	return chars(r, first, min(n, 1)) + chars(r, from, max(0, n-1))
}

func generateARN(r *rand.Rand) string {
	if r.IntN(20) == 0 {
		return chars(r, "arnws:-cnisogv1/\x00\xff \n", r.IntN(40))
	}
	partitions := []string{"", "-cn", "-us-gov", "-iso-b", "-iso-c", "-iso-d", "", "-cn", "-us-gov", "-iso", "-iso-e", "-eusc", "-", "X", "-CN", "1", "_", "-cn-"}
	resource := r.IntN(20)
	if r.IntN(24) == 0 { // long texts take the pattern long
		resource = []int{0, 1, 1000, 1001, 1022, 1023, 1024, 1025, 2048}[r.IntN(9)]
	}
	s := "arn:aws" + partitions[r.IntN(len(partitions))] +
		":" + starting(r, alphanumeric, nameChars, 1+lengths(r, -1, 0, 61, 62, 63)) +
		":" + chars(r, nameChars, lengths(r, 0, 62, 63, 64)) +
		":" + chars(r, nameChars, lengths(r, 0, 62, 63, 64)) +
		":" + starting(r, alphanumeric, resourceChar, resource)
	if r.IntN(2) == 0 {
		return s
	}
	return mutate(r, s)
}

// mutate changes a text in one place.
func mutate(r *rand.Rand, s string) string {
	strange := strangeChars[r.IntN(len(strangeChars))]
	at := r.IntN(len(s) + 1)
	switch r.IntN(6) {
	case 0: // insert
		return s[:at] + strange + s[at:]
	case 1: // overwrite
		return s[:at] + strange + s[min(len(s), at+1):]
	case 2: // delete
		return s[:at] + s[min(len(s), at+1):]
	case 3: // cut
		return s[:at]
	case 4: // repeat a part
		from := r.IntN(at + 1)
		return s[:at] + s[from:at] + s[at:]
	default: // around it
		return []string{s + "\n", s + strange, strange + s, strings.ToUpper(s), s + s}[r.IntN(5)]
	}
}
