// Package constraint checks values against the constraints that AWS documents
// for them: presence, length, pattern, ARN, items, range and enum.
//
// A Validate method is a Checker and one statement a constraint:
//
//	in = constraint.OrEmpty(in)
//	var c constraint.Checker
//	c.Required("LicenseArn", in.LicenseArn != "")
//	c.StrictARN("LicenseArn", in.LicenseArn)
//	return c.Err("CreateTokenInput")
//
// A check of one item of a list takes the item's index as its last argument.
// A check of a value that is absent (an empty string, a nil list) passes:
// whether it may be absent is Required's business. Nothing is allocated until
// a check fails.
package constraint

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
)

// Checker collects violations. Its zero value is ready to use.
type Checker struct {
	found []smithy.InvalidParamError
}

func (c *Checker) add(err smithy.InvalidParamError) { c.found = append(c.found, err) }

// Err returns nil if every check passed, or else an error that errors.As
// finds to be a smithy.InvalidParamsError (or a pointer to one) and each of
// its violations.
func (c *Checker) Err(typeName string) error {
	if len(c.found) == 0 {
		return nil
	}
	v := &violations{smithy.InvalidParamsError{Context: typeName}}
	for _, err := range c.found {
		v.Add(err)
	}
	return v
}

// OrEmpty returns v, or an empty value if it is nil: a Validate method takes a
// nil receiver for an empty one.
func OrEmpty[T any](v *T) *T {
	if v == nil {
		return new(T)
	}
	return v
}

// Required reports a member that must be there and is not.
func (c *Checker) Required(member string, present bool) {
	if !present {
		c.add(smithy.NewErrParamRequired(member))
	}
}

// MaxLength reports a text of more than limit Unicode characters.
func (c *Checker) MaxLength(member, value string, limit int, index ...int) {
	// A character has at least one byte: most values need no counting.
	if len(value) <= limit {
		return
	}
	if n := utf8.RuneCountInString(value); n > limit {
		c.add(&awstokens.ConstraintError{Member: at(member, index), Rule: awstokens.RuleMaxLength, Limit: int64(limit), Actual: int64(n)})
	}
}

// MinLength reports a text of fewer than limit Unicode characters. Absent text
// passes.
func (c *Checker) MinLength(member, value string, limit int) {
	if n := utf8.RuneCountInString(value); n > 0 && n < limit {
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMinLength, Limit: int64(limit), Actual: int64(n)})
	}
}

// Chars reports a text with a byte that is not allowed by the pattern, which
// must be a class of ASCII characters.
func (c *Checker) Chars(member, value, pattern string, allowed func(byte) bool) {
	for i := range len(value) {
		if !allowed(value[i]) {
			c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RulePattern, Pattern: pattern})
			return
		}
	}
}

// NoSpace is the documented pattern \S+, read as a rule for the whole value:
// it reports a text that holds white space, which is space, \t, \n, \v, \f
// and \r, and an empty item of a list.
func (c *Checker) NoSpace(member, value string, index ...int) {
	if value == "" && !absent(value, index) || strings.ContainsAny(value, " \t\n\v\f\r") {
		c.add(&awstokens.ConstraintError{Member: at(member, index), Rule: awstokens.RulePattern, Pattern: `\S+`})
	}
}

// StrictARN reports a text that does not match StrictARNPattern or is longer
// than 2048 characters, as documented for CreateToken.
func (c *Checker) StrictARN(member, value string, index ...int) {
	if !absent(value, index) && !MatchStrictARN(value) {
		c.add(&awstokens.ConstraintError{Member: at(member, index), Rule: awstokens.RulePattern, Pattern: StrictARNPattern,
			Hint: "Config.DisableValidation sends it all the same"})
	}
	c.MaxLength(member, value, maxARNLength, index...)
}

// ARN reports a text that does not match ARNPattern or is longer than 2048
// characters.
func (c *Checker) ARN(member, value string, index ...int) {
	if !absent(value, index) && !MatchARN(value) {
		c.add(&awstokens.ConstraintError{Member: at(member, index), Rule: awstokens.RulePattern, Pattern: ARNPattern})
	}
	c.MaxLength(member, value, maxARNLength, index...)
}

// Timestamp reports a text that does not match TimestampPattern or is longer
// than 50 characters.
func (c *Checker) Timestamp(member, value string) {
	if value != "" && !MatchTimestamp(value) {
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RulePattern, Pattern: TimestampPattern})
	}
	c.MaxLength(member, value, 50)
}

// MaxItems reports a list of more than limit items.
func (c *Checker) MaxItems(member string, items, limit int) {
	if items > limit {
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMaxItems, Limit: int64(limit), Actual: int64(items)})
	}
}

// Range reports a number outside low to high. Zero is absent.
func (c *Checker) Range(member string, value, low, high int64) {
	switch {
	case value == 0:
	case value < low:
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMinValue, Limit: low, Actual: value})
	case value > high:
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMaxValue, Limit: high, Actual: value})
	}
}

// Enum reports a text that is none of the documented values.
func Enum[T ~string](c *Checker, member string, value T, documented []T, index ...int) {
	if absent(string(value), index) || slices.Contains(documented, value) {
		return
	}
	var list []string
	for _, v := range documented {
		list = append(list, string(v))
	}
	c.add(&awstokens.ConstraintError{Member: at(member, index), Rule: awstokens.RuleEnum, Pattern: strings.Join(list, "|")})
}

// Nested adds the violations that a structure's own Validate found, under the
// member that holds the structure.
func (c *Checker) Nested(member string, err error, index ...int) {
	// Not errors.As: it would cost an allocation where there is no error.
	if v, ok := err.(*violations); ok {
		for _, e := range v.Errs() {
			e := e.(smithy.InvalidParamError)
			e.AddNestedContext(at(member, index))
			c.add(e)
		}
	}
}

// absent says whether a member was left out. An empty item of a list was not.
func absent(value string, index []int) bool { return value == "" && len(index) == 0 }

// at is the member, or one item of it.
func at(member string, index []int) string {
	for _, i := range index {
		member += "[" + strconv.Itoa(i) + "]"
	}
	return member
}

// violations is smithy's container, made transparent for errors.As.
type violations struct{ smithy.InvalidParamsError }

// Unwrap returns the single violations.
func (v *violations) Unwrap() []error { return v.Errs() }

// As gives smithy's container, as a value or as a pointer.
func (v *violations) As(target any) bool {
	switch target := target.(type) {
	case *smithy.InvalidParamsError:
		*target = v.InvalidParamsError
	case **smithy.InvalidParamsError:
		*target = &v.InvalidParamsError
	default:
		return false
	}
	return true
}
