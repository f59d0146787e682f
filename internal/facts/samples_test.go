package facts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-25f54b62/awstokens"
)

// sample returns a JSON value that has every member and violates no constraint.
func (n *node) sample(name string) any {
	switch n.Type {
	case "structure":
		value := map[string]any{}
		for _, m := range sorted(n.members) {
			value[m] = n.members[m].sample(m)
		}
		return value
	case "list":
		return slices.Repeat([]any{n.item.sample(name)}, int(max(1, orZero(n.Min))))
	case "integer", "long":
		return float64(max(7, orZero(n.Min)))
	case "boolean":
		return true
	}
	switch {
	case len(n.Enum) > 0:
		return n.Enum[0]
	case n.Pattern != "":
		return patterns[n.Pattern].good[0]
	case n.goType == secretType: // unlike other strings, which would be redacted in errors
		return "fake:" + name
	}
	return "sample-of-" + name
}

// A violation is a violated constraint.
type violation struct {
	Field         string
	Rule          awstokens.Rule
	Limit, Actual int64
	Pattern       string
}

const ruleRequired awstokens.Rule = "required"

// violations returns the constraints of the tables that a value violates. It is
// independent of the library: it counts all runes and uses regular expressions.
func (n *node) violations(value any, field string) (found []violation) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range sorted(n.members) {
			member, path := n.members[name], field+"."+goName(name)
			switch {
			case !member.absent(v[name]):
				found = append(found, member.violations(v[name], path)...)
			case n.requires(name, v) && member.canBeAbsent():
				found = append(found, violation{Field: path, Rule: ruleRequired})
			}
		}
	case []any:
		found = n.limits(field, int64(len(v)), awstokens.RuleMinItems, awstokens.RuleMaxItems)
		for i, item := range v {
			found = append(found, n.item.violations(item, field+"["+strconv.Itoa(i)+"]")...)
		}
	case float64:
		found = n.limits(field, int64(v), awstokens.RuleMinValue, awstokens.RuleMaxValue)
	case string:
		found = n.limits(field, int64(utf8.RuneCountInString(v)), awstokens.RuleMinLength, awstokens.RuleMaxLength)
		if n.Pattern != "" && !matches(n.Pattern, v) {
			found = append(found, violation{Field: field, Rule: awstokens.RulePattern, Pattern: n.Pattern})
		}
		if len(n.Enum) > 0 && !slices.Contains(n.Enum, v) {
			found = append(found, violation{Field: field, Rule: awstokens.RuleEnum, Pattern: strings.Join(slices.Sorted(slices.Values(n.Enum)), "|")})
		}
	}
	return found
}

// requires reports whether a structure with this value requires a member.
func (n *node) requires(member string, value map[string]any) bool {
	grant, _ := value["grantType"].(string)
	return slices.Contains(n.Required, member) || slices.Contains(n.grants[grant], member)
}

// matches reports whether a pattern matches a string. It caches the result, because
// the race detector makes regular expressions slow.
func matches(pattern, s string) bool {
	key := [2]string{pattern, s}
	is, known := matched[key]
	if !known {
		is = patterns[pattern].regexp.MatchString(s)
		matched[key] = is
	}
	return is
}

var matched = map[[2]string]bool{}

func (n *node) limits(field string, actual int64, low, high awstokens.Rule) []violation {
	switch {
	case n.Min != nil && actual < *n.Min:
		return []violation{{Field: field, Rule: low, Limit: *n.Min, Actual: actual}}
	case n.Max != nil && actual > *n.Max:
		return []violation{{Field: field, Rule: high, Limit: *n.Max, Actual: actual}}
	}
	return nil
}

// absent reports whether a member with this value is absent in Go. An empty list is
// present, and so is every item of a list.
func (n *node) absent(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case float64:
		return v == 0 && !n.pointer
	}
	return false
}

// promises returns the members that an output must have.
func (n *node) promises() []string { return union(n.Required, promised[n.goType.String()]) }

// lacks returns the promised members that a response lacks, without members of a
// structure that is absent itself.
func (n *node) lacks(value any) (paths []string) {
	for _, path := range n.promises() {
		member, v := n, value
		names := strings.Split(path, ".")
		for i, name := range names {
			of, _ := v.(map[string]any)
			if member, v = member.members[name], of[name]; member.absent(v) {
				paths = union(paths, []string{strings.Join(names[:i+1], ".")})
				break
			}
		}
	}
	return paths
}

// canBeAbsent reports whether Go distinguishes an absent member: a required boolean is
// always present.
func (n *node) canBeAbsent() bool { return n.Type != "boolean" || n.pointer }

// mutants yields the sample of n with one change at a time, at and around every limit.
func (n *node) mutants(name string, yield func(value any)) {
	switch n.Type {
	case "structure":
		yield(map[string]any{})
		for _, m := range sorted(n.members) {
			with := func(value any) {
				changed := n.sample(name).(map[string]any)
				changed[m] = value
				if value == nil {
					delete(changed, m)
				}
				yield(changed)
			}
			with(nil)
			n.members[m].mutants(m, with)
		}
	case "list":
		good := n.item.sample(name)
		yield([]any{})
		for _, limit := range n.bounds() {
			yield(slices.Repeat([]any{good}, int(limit)))
		}
		n.item.mutants(name, func(item any) {
			yield([]any{item})
			yield([]any{good, item}) // an index other than 0
		})
	case "integer", "long":
		yield(float64(-1))
		yield(float64(0))
		for _, limit := range n.bounds() {
			yield(float64(limit))
		}
	case "string":
		n.eachString(func(s string) { yield(s) })
	}
}

// eachString yields strings at and around every limit of a string.
func (n *node) eachString(yield func(string)) {
	yield("")
	pattern := patterns[n.Pattern]
	for _, limit := range n.bounds() {
		for _, r := range []string{"a", "é", "語", "🔑"} { // 1 to 4 bytes
			yield(strings.Repeat(r, int(limit)))
		}
		if pattern.ofLength != nil {
			yield(pattern.ofLength(int(limit)))
		}
	}
	for _, s := range slices.Concat(pattern.good, pattern.bad) {
		yield(s)
	}
	for _, s := range n.Enum {
		yield(s)
		yield(strings.ToLower(s))
	}
	if len(n.Enum) > 0 {
		yield("ADDED_LATER")
	}
}

// bounds returns each limit and the number beyond it.
func (n *node) bounds() []int64 {
	var all []int64
	if n.Min != nil && *n.Min > 0 {
		all = append(all, *n.Min-1, *n.Min)
	}
	if n.Max != nil {
		all = append(all, *n.Max, *n.Max+1)
	}
	return all
}

// patternSamples is a documented pattern with strings that match and that do not.
type patternSamples struct {
	regexp    *regexp.Regexp
	good, bad []string           // samples have the first good one
	ofLength  func(n int) string // returns a match of n characters; can be nil
}

const (
	arnTail   = `:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$`
	anyARN    = `^arn:aws[a-zA-Z-]*` + arnTail
	strictARN = `^arn:aws(-(cn|us-gov|iso-b|iso-c|iso-d))?` + arnTail
	timestamp = `^(-?(?:[1-9][0-9]*)?[0-9]{4})-(1[0-2]|0[1-9])-(3[0-1]|0[1-9]|[1-2][0-9])T(2[0-3]|[0-1][0-9]):([0-5][0-9]):([0-5][0-9])(\.[0-9]+)?(Z|[+-](?:2[ 0-3]|[0-1][0-9]):[0-5][0-9])+$`
)

var patterns = map[string]patternSamples{
	// White space differs between regular expression engines. It is the six
	// characters of most of them, and no other: what the service accepts must not
	// be an error.
	`\S+`: {
		regexp: regexp.MustCompile(`^[^ \t\n\v\f\r]+$`),
		good:   []string{"no-space", "🔑", "\u00a0", "a\u0085b", "a\u2003b", "a\u2028b", "\u3000", "a\u200bb"},
		bad: func() (all []string) {
			for _, space := range []string{" ", "\t", "\n", "\v", "\f", "\r"} {
				all = append(all, space, space+"a", "a"+space, "a"+space+"b")
			}
			return all
		}(),
	},
	anyARN: {
		regexp: compile(anyARN),
		good: append(arns("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-e", "aws-iso-f", "aws-eusc", "awsX", "aws-"),
			longestARN),
		bad: append(badARNs, arns("", "aw", "azure", "aws1", "aws_cn", "aws é")...),
		// Only the partition has no maximum length.
		ofLength: func(n int) string { return "arn:aws" + strings.Repeat("x", n-len("arn:aws:s:::r")) + ":s:::r" },
	},
	strictARN: {
		regexp: compile(strictARN),
		good: append(arns("aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-iso-c", "aws-iso-d"),
			longestARN),
		bad: append(badARNs, arns("", "aws-iso", "aws-iso-e", "aws-iso-f", "aws-eusc", "awsX", "aws-", "aws-CN")...),
	},
	timestamp: {
		regexp: regexp.MustCompile(timestamp),
		good:   []string{"2030-01-02T03:04:05Z", "2030-12-31T23:59:59.123+14:00", "-12030-01-02T03:04:05Z", "2030-02-31T00:00:00-23:59Z"},
		bad:    []string{"2030-01-02T03:04:05", "2030-01-02 03:04:05Z", "2030-13-02T03:04:05Z", "2030-01-02T24:00:00Z", "2030-01-02T03:04:05z", "tomorrow", "2030-01-02T03:04:05Z\n"},
		ofLength: func(n int) string {
			return "2030-01-02T03:04:05." + strings.Repeat("9", n-len("2030-01-02T03:04:05.Z")) + "Z"
		},
	},
	// Without anchors, it matches any string that is not empty.
	`[\s\S]+`: {regexp: regexp.MustCompile(`[\s\S]+`), good: []string{"any text", " \n"}},
	`^lct-[a-zA-Z0-9]*`: {
		regexp: regexp.MustCompile(`^lct-[a-zA-Z0-9]*`),
		good:   []string{"lct-1a", "lct-", "lct-1_"}, // no anchor at the end
		bad:    []string{"lct", "LCT-1", " lct-1"},
	},
	`^[A-Za-z0-9]{1,25}$`: {
		regexp: regexp.MustCompile(`^[A-Za-z0-9]{1,25}$`),
		good:   []string{"Ab1", strings.Repeat("a", 25)},
		bad:    []string{strings.Repeat("a", 26), "a-b", "é"},
	},
}

// compile compiles a documented pattern. Go does not permit repetitions of more than
// 1000, so that they are split.
func compile(pattern string) *regexp.Regexp {
	long := regexp.MustCompile(`(\[[^\]]*\])\{0,1023\}`)
	return regexp.MustCompile(long.ReplaceAllString(pattern, `(?:$1{0,23}|$1{24}$1{0,999})`))
}

func arns(partitions ...string) (all []string) {
	for _, p := range partitions {
		all = append(all, "arn:"+p+":license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef")
	}
	return all
}

var (
	longestARN = "arn:aws:" + strings.Repeat("s", 63) + ":" + strings.Repeat("/", 63) + ":" + strings.Repeat(".", 63) + ":" + strings.Repeat("r", 1024)

	badARNs = []string{
		"arn", "arn:aws:s::r", "arn:aws::::r", "arn:aws:s:::", "arn:aws:s:::-r", "ARN:aws:s:::r", " arn:aws:s:::r", "arn:aws:s:::r\n",
		"arn:aws:s:::r s", "arn:aws:s:::é", "arn:aws:-s:::r", "arn:aws:s:r@:1:r", longestARN + "r",
		"arn:aws:" + strings.Repeat("s", 64) + ":::r", "arn:aws:s:" + strings.Repeat("r", 64) + "::r", "arn:aws:s::" + strings.Repeat("1", 64) + ":r",
	}
)
