package constraint

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"regexp/syntax"
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

// begins returns an expression for what a string can begin with that matches a
// pattern.
func begins(t testing.TB, re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpEndText:
		return ""
	case syntax.OpLiteral:
		expression := ""
		for i := len(re.Rune) - 1; i >= 0; i-- {
			expression = "(?:" + regexp.QuoteMeta(string(re.Rune[i])) + expression + ")?"
		}
		return expression
	case syntax.OpCharClass:
		return re.String() + "?"
	case syntax.OpCapture, syntax.OpQuest:
		return begins(t, re.Sub[0])
	case syntax.OpStar:
		return re.String() // of single characters
	case syntax.OpRepeat:
		return fmt.Sprintf("%s{0,%d}", re.Sub[0], re.Max) // of single characters
	case syntax.OpAlternate, syntax.OpConcat:
		before, alternatives := "", []string{}
		for _, sub := range re.Sub {
			alternatives = append(alternatives, before+begins(t, sub))
			if re.Op == syntax.OpConcat {
				before += "(?:" + sub.String() + ")"
			}
		}
		return "(?:" + strings.Join(alternatives, "|") + ")"
	}
	require.Fail(t, "not in any documented pattern", "%v", re.Op)
	return ""
}

// An oracle is a documented pattern beside the function that stands for it.
type oracle struct {
	pattern *regexp.Regexp
	match   func(string) bool
}

// A position is an oracle that tells where a string stops to match.
type position struct {
	oracle
	begins   *regexp.Regexp
	mismatch func(string) int
}

func newPosition(t testing.TB, pattern string, mismatch func(string) int) position {
	compiled := compile(t, pattern)
	parsed, err := syntax.Parse(compiled.String(), syntax.Perl)
	require.NoError(t, err)
	return position{
		oracle{compiled, func(s string) bool { return mismatch(s) < 0 }},
		regexp.MustCompile("^(?:" + begins(t, parsed) + ")$"),
		mismatch,
	}
}

// check compares with the pattern: what is before the mismatch can begin a
// match, and what has one more byte cannot.
func (p position) check(t testing.TB, s string) {
	i := p.mismatch(s)
	switch {
	case (i < 0) != p.pattern.MatchString(s):
		t.Errorf("%q: %d, and the pattern says %t", s, i, p.pattern.MatchString(s))
	case i < 0:
	case i > len(s) || !p.begins.MatchString(s[:i]):
		t.Errorf("%q stops to match before %d", s, i)
	case i < len(s) && p.begins.MatchString(s[:i+1]):
		t.Errorf("%q does not stop to match at %d", s, i)
	}
}

func arnOracles(t testing.TB) map[string]position {
	return map[string]position{
		"strict": newPosition(t, StrictARNPattern, mismatchStrictARN),
		"any":    newPosition(t, ARNPattern, mismatchARN),
	}
}

// seedARNs are real ones, and edge cases.
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
		for _, o := range oracles {
			o.check(t, s)
		}
	})
}

// TestARNAgreesWithPattern compares on many generated strings: valid ARNs of
// all lengths at the limits, and the same with something wrong in one place.
func TestARNAgreesWithPattern(t *testing.T) {
	for name, o := range arnOracles(t) {
		r := rand.New(rand.NewPCG(1, 2)) // the same strings in every run
		agree(t, name, o.oracle, 100_000, func() string { return generateARN(r) })
		for range sample(5_000) {
			s := generateARN(r)
			if len(s) < 200 { // the pattern is slow on long ones
				o.check(t, s)
			}
		}
		for _, s := range seedARNs {
			o.check(t, s)
		}
	}
}

// TestWhereAnARNStopsToMatch has examples.
func TestWhereAnARNStopsToMatch(t *testing.T) {
	for s, at := range map[string][2]int{ // the strict pattern, the other
		someARN:                            {-1, -1},
		"":                                 {0, 0},
		"arn:aws:s3":                       {10, 10}, // the end, where something is missing
		"arn:azure:s:::r":                  {5, 5},
		"arn:aws-iso:s:::r":                {11, -1},
		"arn:aws-us-gob:s:::r":             {13, -1},
		"arn:aws-:s:::r":                   {8, -1},
		"arn:aws1:s:::r":                   {7, 7},
		" arn:aws:s:::r":                   {0, 0},
		"arn:aws:iam::123 456:role/x":      {16, 16},
		"arn:aws:iam::123456:":             {20, 20},
		"arn:aws:iam::123456:role x":       {24, 24},
		"arn:aws:iam::123456:rolé":         {23, 23},
		"arn:aws:iam:123456:role/x":        {25, 25}, // a field is missing, and the rest is the account
		"arn:aws:s:::" + long("x", 1025):   {12 + 1024, 12 + 1024},
		"arn:aws:" + long("s", 64) + ":::": {8 + 63, 8 + 63},
	} {
		assert.Equal(t, at, [2]int{mismatchStrictARN(s), mismatchARN(s)}, "%.60q", s)
	}
}

func long(s string, n int) string { return strings.Repeat(s, n) }

// underRace says that the race detector is on, which finds nothing in this
// package and makes a regular expression fifty times slower.
var underRace bool

// sample returns how many of n strings to compare: all only with
// AWSTOKENS_EXHAUSTIVE.
func sample(n int) int {
	switch {
	case underRace:
		return n / 20
	case os.Getenv("AWSTOKENS_EXHAUSTIVE") == "1":
		return n
	}
	return n / 4
}

// agree compares a function with its pattern on n strings, and checks that enough
// of them match and enough do not.
func agree(t *testing.T, name string, o oracle, n int, generate func() string) {
	n = sample(n)
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
	assert.Greater(t, matches, n/5, "%s: too few strings match", name)
	assert.Less(t, matches, n*4/5, "%s: too few strings do not match", name)
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
	if r.IntN(24) == 0 { // the pattern is slow on long strings
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

// mutate changes a string in one place.
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
