// Package constraint checks values against the constraints that AWS documents
// for them: presence, length, pattern, ARN, items, range and enum.
//
// A Validate method is a Checker and one statement for each constraint:
//
//	in = constraint.OrEmpty(in)
//	var c constraint.Checker
//	c.RequiredARN("LicenseArn", in.LicenseArn)
//	c.PageSize("MaxResults", in.MaxResults)
//	return c.Err("ListLicenseVersionsInput")
//
// A check of one item of a list takes the item's index as its last argument. A
// check of an absent value (an empty string, a nil list) passes, unless its
// name begins with Required. Nothing is allocated until a check fails.
package constraint

import (
	"bytes"
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

// Err returns nil if every check passed. Otherwise errors.As finds in the error a
// smithy.InvalidParamsError, or a pointer to one, and each violation.
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

// OrEmpty returns v, or an empty value if it is nil. A Validate method treats a
// nil input as an empty one.
func OrEmpty[T any](v *T) *T {
	if v == nil {
		return new(T)
	}
	return v
}

// Required reports a member that must be present and is not.
func (c *Checker) Required(member string, present bool) {
	if !present {
		c.add(smithy.NewErrParamRequired(member))
	}
}

// RequiredString reports an empty string.
func (c *Checker) RequiredString(member, value string) { c.Required(member, value != "") }

// RequiredSecret reports an empty secret.
func (c *Checker) RequiredSecret(member string, value awstokens.Secret) {
	c.Required(member, !value.IsZero())
}

// MaxLength reports a string of more than limit Unicode characters.
func (c *Checker) MaxLength(member, value string, limit int, index ...int) {
	// A character has at least one byte: most values need no counting.
	if len(value) <= limit {
		return
	}
	if n := utf8.RuneCountInString(value); n > limit {
		c.add(&awstokens.ConstraintError{Member: at(member, index), Rule: awstokens.RuleMaxLength, Limit: int64(limit), Actual: int64(n)})
	}
}

// MinLength reports a string of fewer than limit Unicode characters.
func (c *Checker) MinLength(member, value string, limit int) {
	if n := utf8.RuneCountInString(value); n > 0 && n < limit {
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMinLength, Limit: int64(limit), Actual: int64(n)})
	}
}

// Chars reports a string with a byte that is not allowed. The pattern must be a
// class of ASCII characters.
func (c *Checker) Chars(member, value, pattern string, allowed func(byte) bool) {
	for i := range len(value) {
		if !allowed(value[i]) {
			c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RulePattern, Pattern: pattern})
			return
		}
	}
}

const whiteSpace = " \t\n\v\f\r" // what \s matches

// NoSpace is the documented pattern \S+, applied to the whole value: it reports a
// string that contains white space, and an empty item of a list.
func (c *Checker) NoSpace(member, value string, index ...int) {
	if value == "" && !absent(value, index) || strings.ContainsAny(value, whiteSpace) {
		c.add(&awstokens.ConstraintError{Member: at(member, index), Rule: awstokens.RulePattern, Pattern: `\S+`})
	}
}

// SecretLength is MinLength and MaxLength for a secret.
func (c *Checker) SecretLength(member string, secret awstokens.Secret, low, high int) {
	var buffer [4096]byte // enough for most, so that nothing is allocated
	n := utf8.RuneCount(secret.AppendReveal(buffer[:0]))
	switch {
	case n > 0 && n < low:
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMinLength, Limit: int64(low), Actual: int64(n)})
	case n > high:
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMaxLength, Limit: int64(high), Actual: int64(n)})
	}
}

// RequiredToken is the shape TokenString: it reports a secret that is empty, is
// longer than 4096 characters, or contains white space.
func (c *Checker) RequiredToken(member string, token awstokens.Secret) {
	const limit = 4096
	c.RequiredSecret(member, token)
	var buffer [limit]byte
	text := token.AppendReveal(buffer[:0])
	if n := utf8.RuneCount(text); n > limit {
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMaxLength, Limit: limit, Actual: int64(n)})
	}
	if bytes.ContainsAny(text, whiteSpace) {
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RulePattern, Pattern: `\S+`})
	}
}

// RequiredClientToken reports a ClientToken that is empty, is longer than limit
// characters, or contains white space.
func (c *Checker) RequiredClientToken(value string, limit int) {
	c.RequiredString("ClientToken", value)
	c.MaxLength("ClientToken", value, limit)
	c.NoSpace("ClientToken", value)
}

// RequiredStrictARN is StrictARN, and reports an empty value as well.
func (c *Checker) RequiredStrictARN(member, value string) {
	c.RequiredString(member, value)
	c.StrictARN(member, value)
}

// StrictARN reports a string that does not match StrictARNPattern or is longer
// than 2048 characters, as documented for CreateToken.
func (c *Checker) StrictARN(member, value string, index ...int) {
	c.arn(member, value, StrictARNPattern, mismatchStrictARN, "Config.DisableValidation sends it nevertheless", index)
}

// RequiredARN is ARN, and reports an empty value as well.
func (c *Checker) RequiredARN(member, value string) {
	c.RequiredString(member, value)
	c.ARN(member, value)
}

// ARN reports a string that does not match ARNPattern or is longer than 2048
// characters.
func (c *Checker) ARN(member, value string, index ...int) {
	c.arn(member, value, ARNPattern, mismatchARN, "", index)
}

// ARNs is ARN for every item of a list.
func (c *Checker) ARNs(member string, values []string) {
	for i, value := range values {
		c.ARN(member, value, i)
	}
}

func (c *Checker) arn(member, value, pattern string, mismatch func(string) int, hint string, index []int) {
	if !absent(value, index) {
		if i := mismatch(value); i >= 0 {
			if mismatchARN(value) >= 0 {
				hint = "" // it is no ARN in any partition
			}
			c.add(&awstokens.ConstraintError{Member: at(member, index), Rule: awstokens.RulePattern, Pattern: pattern, Actual: int64(i) + 1, Hint: hint})
		}
	}
	c.MaxLength(member, value, maxARNLength, index...)
}

// Timestamp reports a string that does not match TimestampPattern or is longer
// than 50 characters.
func (c *Checker) Timestamp(member, value string) {
	if value != "" && !matchTimestamp(value) {
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

// MinItems reports a list of fewer than limit items. A nil list is absent, and
// passes; an empty one is present.
func MinItems[T any](c *Checker, member string, list []T, limit int) {
	if list != nil && len(list) < limit {
		c.add(&awstokens.ConstraintError{Member: member, Rule: awstokens.RuleMinItems, Limit: int64(limit), Actual: int64(len(list))})
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

// PageSize reports a MaxResults outside 1 to 100. Zero is absent.
func (c *Checker) PageSize(member string, value int32) { c.Range(member, int64(value), 1, 100) }

// RequiredEnum is Enum, and reports an empty value as well.
func RequiredEnum[T ~string](c *Checker, member string, value T, documented []T) {
	c.RequiredString(member, string(value))
	Enum(c, member, value, documented)
}

// Enum reports a string that is not one of the documented values.
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

// absent reports whether a member is absent. An empty item of a list is not.
func absent(value string, index []int) bool { return value == "" && len(index) == 0 }

// at returns the name of the member, or of one item of it.
func at(member string, index []int) string {
	for _, i := range index {
		member += "[" + strconv.Itoa(i) + "]"
	}
	return member
}

// violations is smithy's container, made transparent for errors.As.
type violations struct{ smithy.InvalidParamsError }

// Error returns smithy's text, a violation a line, without its final line break.
func (v *violations) Error() string {
	return strings.TrimSuffix(v.InvalidParamsError.Error(), "\n")
}

// Unwrap returns the single violations.
func (v *violations) Unwrap() []error { return v.Errs() }

// As sets target to smithy's container, as a value or as a pointer.
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
