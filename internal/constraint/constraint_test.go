package constraint

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

const (
	someARN = "arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef"
	secret  = "not-a-real secret" // with a space, so that it breaks patterns
)

type color string

var colors = []color{"RED", "GREEN"}

// violation is a ConstraintError by its exported parts, or a missing member.
type violation struct {
	Field         string
	Rule          awstokens.Rule
	Limit, Actual int64
	Pattern       string
}

func violationsOf(t *testing.T, err error) (all []violation) {
	if err == nil {
		return nil
	}
	var found smithy.InvalidParamsError
	require.ErrorAs(t, err, &found)
	for _, e := range found.Errs() {
		switch e := e.(type) {
		case *smithy.ParamRequiredError:
			all = append(all, violation{Field: e.Field(), Rule: "required"})
		case *awstokens.ConstraintError:
			all = append(all, violation{e.Field(), e.Rule, e.Limit, e.Actual, e.Pattern})
		default:
			require.Fail(t, "unknown violation", "%T", e)
		}
	}
	return all
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func TestChecks(t *testing.T) {
	for name, test := range map[string]struct {
		check func(c *Checker)
		want  *violation // nil: it passes
	}{
		"required, there":  {func(c *Checker) { c.Required("M", true) }, nil},
		"required, absent": {func(c *Checker) { c.Required("M", false) }, &violation{Field: "In.M", Rule: "required"}},

		"required string":          {func(c *Checker) { c.RequiredString("M", "a") }, nil},
		"required string, absent":  {func(c *Checker) { c.RequiredString("M", "") }, &violation{Field: "In.M", Rule: "required"}},
		"required secret":          {func(c *Checker) { c.RequiredSecret("M", awstokens.NewSecret("a")) }, nil},
		"required secret, absent":  {func(c *Checker) { c.RequiredSecret("M", awstokens.Secret{}) }, &violation{Field: "In.M", Rule: "required"}},
		"required ARN":             {func(c *Checker) { c.RequiredARN("M", someARN) }, nil},
		"required ARN, absent":     {func(c *Checker) { c.RequiredARN("M", "") }, &violation{Field: "In.M", Rule: "required"}},
		"required ARN, other":      {func(c *Checker) { c.RequiredARN("M", "arn:x") }, &violation{"In.M", awstokens.RulePattern, 0, 5, ARNPattern}},
		"strict required ARN":      {func(c *Checker) { c.RequiredStrictARN("M", someARN) }, nil},
		"strict required, absent":  {func(c *Checker) { c.RequiredStrictARN("M", "") }, &violation{Field: "In.M", Rule: "required"}},
		"strict required, other":   {func(c *Checker) { c.RequiredStrictARN("M", "arn:aws-iso:s:::r") }, &violation{"In.M", awstokens.RulePattern, 0, 12, StrictARNPattern}},
		"required enum":            {func(c *Checker) { RequiredEnum(c, "M", "RED", colors) }, nil},
		"required enum, absent":    {func(c *Checker) { RequiredEnum(c, "M", "", colors) }, &violation{Field: "In.M", Rule: "required"}},
		"required enum, other":     {func(c *Checker) { RequiredEnum(c, "M", "BLUE", colors) }, &violation{"In.M", awstokens.RuleEnum, 0, 0, "RED|GREEN"}},
		"client token":             {func(c *Checker) { c.RequiredClientToken("a-1", 3) }, nil},
		"client token, absent":     {func(c *Checker) { c.RequiredClientToken("", 3) }, &violation{Field: "In.ClientToken", Rule: "required"}},
		"client token, too long":   {func(c *Checker) { c.RequiredClientToken("a-1b", 3) }, &violation{"In.ClientToken", awstokens.RuleMaxLength, 3, 4, ""}},
		"client token, with space": {func(c *Checker) { c.RequiredClientToken("a 1", 3) }, &violation{"In.ClientToken", awstokens.RulePattern, 0, 0, `\S+`}},

		"token":             {func(c *Checker) { c.RequiredToken("M", awstokens.NewSecret("fake")) }, nil},
		"token, absent":     {func(c *Checker) { c.RequiredToken("M", awstokens.Secret{}) }, &violation{Field: "In.M", Rule: "required"}},
		"token of 4096":     {func(c *Checker) { c.RequiredToken("M", awstokens.NewSecret(long("🔑", 4096))) }, nil},
		"token of 4097":     {func(c *Checker) { c.RequiredToken("M", awstokens.NewSecret(long("x", 4097))) }, &violation{"In.M", awstokens.RuleMaxLength, 4096, 4097, ""}},
		"token with spaces": {func(c *Checker) { c.RequiredToken("M", awstokens.NewSecret("fake\ntoken")) }, &violation{"In.M", awstokens.RulePattern, 0, 0, `\S+`}},

		"secret of 2":         {func(c *Checker) { c.SecretLength("M", awstokens.NewSecret("🔑🔑"), 2, 3) }, nil},
		"secret of 3":         {func(c *Checker) { c.SecretLength("M", awstokens.NewSecret("🔑🔑🔑"), 2, 3) }, nil},
		"secret too short":    {func(c *Checker) { c.SecretLength("M", awstokens.NewSecret("🔑"), 2, 3) }, &violation{"In.M", awstokens.RuleMinLength, 2, 1, ""}},
		"secret too long":     {func(c *Checker) { c.SecretLength("M", awstokens.NewSecret("🔑🔑🔑🔑"), 2, 3) }, &violation{"In.M", awstokens.RuleMaxLength, 3, 4, ""}},
		"secret of 20001":     {func(c *Checker) { c.SecretLength("M", awstokens.NewSecret(long("x", 20001)), 4, 20000) }, &violation{"In.M", awstokens.RuleMaxLength, 20000, 20001, ""}},
		"length of no secret": {func(c *Checker) { c.SecretLength("M", awstokens.Secret{}, 2, 3) }, nil},

		"ARNs":           {func(c *Checker) { c.ARNs("M", []string{someARN, someARN}) }, nil},
		"ARNs, none":     {func(c *Checker) { c.ARNs("M", []string{}) }, nil},
		"ARNs, one bad":  {func(c *Checker) { c.ARNs("M", []string{someARN, "arn:aws:s"}) }, &violation{"In.M[1]", awstokens.RulePattern, 0, 10, ARNPattern}},
		"ARNs, an empty": {func(c *Checker) { c.ARNs("M", []string{someARN, ""}) }, &violation{"In.M[1]", awstokens.RulePattern, 0, 1, ARNPattern}},

		"page size":            {func(c *Checker) { c.PageSize("M", 100) }, nil},
		"page size, absent":    {func(c *Checker) { c.PageSize("M", 0) }, nil},
		"page size, too large": {func(c *Checker) { c.PageSize("M", 101) }, &violation{"In.M", awstokens.RuleMaxValue, 100, 101, ""}},
		"page size, negative":  {func(c *Checker) { c.PageSize("M", -1) }, &violation{"In.M", awstokens.RuleMinValue, 1, -1, ""}},

		"length met":                {func(c *Checker) { c.MaxLength("M", "abc", 3) }, nil},
		"length exceeded":           {func(c *Checker) { c.MaxLength("M", "abcd", 3) }, &violation{"In.M", awstokens.RuleMaxLength, 3, 4, ""}},
		"length met, 4 bytes":       {func(c *Checker) { c.MaxLength("M", "🔑🔑🔑", 3) }, nil},
		"length exceeded, 4 bytes":  {func(c *Checker) { c.MaxLength("M", "🔑🔑🔑🔑", 3) }, &violation{"In.M", awstokens.RuleMaxLength, 3, 4, ""}},
		"length, combining mark":    {func(c *Checker) { c.MaxLength("M", "e\u0301", 1) }, &violation{"In.M", awstokens.RuleMaxLength, 1, 2, ""}},
		"length, not UTF-8":         {func(c *Checker) { c.MaxLength("M", "\xff\xff", 1) }, &violation{"In.M", awstokens.RuleMaxLength, 1, 2, ""}},
		"length of an item":         {func(c *Checker) { c.MaxLength("M", "ab", 1, 2) }, &violation{"In.M[2]", awstokens.RuleMaxLength, 1, 2, ""}},
		"length of an item's item":  {func(c *Checker) { c.MaxLength("M", "ab", 1, 2, 3) }, &violation{"In.M[2][3]", awstokens.RuleMaxLength, 1, 2, ""}},
		"length of an absent value": {func(c *Checker) { c.MaxLength("M", "", 0) }, nil},

		"minimum met":         {func(c *Checker) { c.MinLength("M", "🔑🔑", 2) }, nil},
		"minimum not reached": {func(c *Checker) { c.MinLength("M", "🔑", 2) }, &violation{"In.M", awstokens.RuleMinLength, 2, 1, ""}},
		"minimum, absent":     {func(c *Checker) { c.MinLength("M", "", 2) }, nil},

		"characters":                {func(c *Checker) { c.Chars("M", "019", "[0-9]*", isDigit) }, nil},
		"characters, absent":        {func(c *Checker) { c.Chars("M", "", "[0-9]*", isDigit) }, nil},
		"another character":         {func(c *Checker) { c.Chars("M", "0 x", "[0-9]*", isDigit) }, &violation{"In.M", awstokens.RulePattern, 0, 0, "[0-9]*"}},
		"a digit of another script": {func(c *Checker) { c.Chars("M", "1٣", "[0-9]*", isDigit) }, &violation{"In.M", awstokens.RulePattern, 0, 0, "[0-9]*"}},

		"no space":                {func(c *Checker) { c.NoSpace("M", "a\u00a0\u2003\u0085b") }, nil},
		"no space, absent":        {func(c *Checker) { c.NoSpace("M", "") }, nil},
		"no space, an item":       {func(c *Checker) { c.NoSpace("M", " ", 1) }, &violation{"In.M[1]", awstokens.RulePattern, 0, 0, `\S+`}},
		"no space, an empty item": {func(c *Checker) { c.NoSpace("M", "", 0) }, &violation{"In.M[0]", awstokens.RulePattern, 0, 0, `\S+`}},

		"strict ARN":                {func(c *Checker) { c.StrictARN("M", someARN) }, nil},
		"strict ARN, absent":        {func(c *Checker) { c.StrictARN("M", "") }, nil},
		"strict ARN, other":         {func(c *Checker) { c.StrictARN("M", "arn:aws-iso:s:::r") }, &violation{"In.M", awstokens.RulePattern, 0, 12, StrictARNPattern}},
		"strict ARN, an item":       {func(c *Checker) { c.StrictARN("M", "r", 7) }, &violation{"In.M[7]", awstokens.RulePattern, 0, 1, StrictARNPattern}},
		"strict ARN, an empty item": {func(c *Checker) { c.StrictARN("M", "", 0) }, &violation{"In.M[0]", awstokens.RulePattern, 0, 1, StrictARNPattern}},
		"ARN":                       {func(c *Checker) { c.ARN("M", "arn:aws-iso:s:::r") }, nil},
		"ARN, absent":               {func(c *Checker) { c.ARN("M", "") }, nil},
		"ARN, other":                {func(c *Checker) { c.ARN("M", "arn:azure:s:::r", 0) }, &violation{"In.M[0]", awstokens.RulePattern, 0, 6, ARNPattern}},
		"ARN, an empty item":        {func(c *Checker) { c.ARN("M", "", 0) }, &violation{"In.M[0]", awstokens.RulePattern, 0, 1, ARNPattern}},
		"ARN of 2048":               {func(c *Checker) { c.ARN("M", "arn:aws"+strings.Repeat("x", 2048-13)+":s:::r") }, nil},
		"ARN of 2049":               {func(c *Checker) { c.ARN("M", "arn:aws"+strings.Repeat("x", 2049-13)+":s:::r") }, &violation{"In.M", awstokens.RuleMaxLength, 2048, 2049, ""}},

		"timestamp":         {func(c *Checker) { c.Timestamp("M", "2030-01-02T03:04:05Z") }, nil},
		"timestamp, absent": {func(c *Checker) { c.Timestamp("M", "") }, nil},
		"timestamp, other":  {func(c *Checker) { c.Timestamp("M", "2030-01-02") }, &violation{"In.M", awstokens.RulePattern, 0, 0, TimestampPattern}},
		"timestamp of 50":   {func(c *Checker) { c.Timestamp("M", "2030-01-02T03:04:05."+strings.Repeat("0", 29)+"Z") }, nil},
		"timestamp of 51":   {func(c *Checker) { c.Timestamp("M", "2030-01-02T03:04:05."+strings.Repeat("0", 30)+"Z") }, &violation{"In.M", awstokens.RuleMaxLength, 50, 51, ""}},

		"items met":      {func(c *Checker) { c.MaxItems("M", 3, 3) }, nil},
		"items exceeded": {func(c *Checker) { c.MaxItems("M", 4, 3) }, &violation{"In.M", awstokens.RuleMaxItems, 3, 4, ""}},

		"range, low":       {func(c *Checker) { c.Range("M", 2, 2, 9) }, nil},
		"range, high":      {func(c *Checker) { c.Range("M", 9, 2, 9) }, nil},
		"range, too low":   {func(c *Checker) { c.Range("M", 1, 2, 9) }, &violation{"In.M", awstokens.RuleMinValue, 2, 1, ""}},
		"range, too high":  {func(c *Checker) { c.Range("M", 10, 2, 9) }, &violation{"In.M", awstokens.RuleMaxValue, 9, 10, ""}},
		"range, less than": {func(c *Checker) { c.Range("M", -1, 2, 9) }, &violation{"In.M", awstokens.RuleMinValue, 2, -1, ""}},
		"range, absent":    {func(c *Checker) { c.Range("M", 0, 2, 9) }, nil},

		"enum":                {func(c *Checker) { Enum(c, "M", "GREEN", colors) }, nil},
		"enum, absent":        {func(c *Checker) { Enum(c, "M", "", colors) }, nil},
		"enum, other":         {func(c *Checker) { Enum(c, "M", "green", colors) }, &violation{"In.M", awstokens.RuleEnum, 0, 0, "RED|GREEN"}},
		"enum, an item":       {func(c *Checker) { Enum(c, "M", "BLUE", colors, 1) }, &violation{"In.M[1]", awstokens.RuleEnum, 0, 0, "RED|GREEN"}},
		"enum, an empty item": {func(c *Checker) { Enum(c, "M", "", colors, 1) }, &violation{"In.M[1]", awstokens.RuleEnum, 0, 0, "RED|GREEN"}},

		"nested, fine": {func(c *Checker) { c.Nested("M", nil, 0) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var c Checker
			test.check(&c)
			var want []violation
			if test.want != nil {
				want = []violation{*test.want}
			}
			assert.Equal(t, want, violationsOf(t, c.Err("In")))
		})
	}
}

// TestWhiteSpace: the six characters, wherever they are.
func TestWhiteSpace(t *testing.T) {
	for _, space := range []string{" ", "\t", "\n", "\v", "\f", "\r"} {
		for _, value := range []string{space, space + "a", "a" + space, "a" + space + "b"} {
			var c Checker
			c.NoSpace("M", value)
			assert.Error(t, c.Err("In"), "%q", value)
		}
	}
}

// TestNested builds the path of a violation three structures deep.
func TestNested(t *testing.T) {
	inner := func() error {
		var c Checker
		c.Required("Name", false)
		c.MaxLength("Values", "ab", 1, 4)
		return c.Err("InnerType")
	}
	middle := func() error {
		var c Checker
		c.Nested("One", inner())
		c.Nested("List", inner(), 3)
		c.MaxItems("List", 4, 1)
		return c.Err("MiddleType")
	}
	var c Checker
	c.Required("Own", false)
	c.Nested("Middle", middle(), 1)
	var paths []string
	for _, v := range violationsOf(t, c.Err("In")) {
		paths = append(paths, v.Field)
	}
	assert.Equal(t, []string{
		"In.Own",
		"In.Middle[1].One.Name",
		"In.Middle[1].One.Values[4]",
		"In.Middle[1].List[3].Name",
		"In.Middle[1].List[3].Values[4]",
		"In.Middle[1].List",
	}, paths)
}

func everythingWrong() error {
	var inner, c Checker
	inner.MaxLength("Deep", secret, 1)
	c.MaxLength("M", secret, 1)
	c.MinLength("M", secret, 100)
	c.Chars("M", secret, "[0-9]*", isDigit)
	c.NoSpace("M", secret)
	c.StrictARN("M", secret)
	c.ARN("M", secret)
	c.RequiredToken("M", awstokens.NewSecret(secret))
	c.SecretLength("M", awstokens.NewSecret(secret), 1, 2)
	c.Timestamp("M", secret)
	Enum(&c, "M", color(secret), colors)
	c.Nested("Inner", inner.Err("InnerType"))
	c.Required("R", false)
	return c.Err("In")
}

// TestErrors finds the container, as callers of smithy's clients know it, and each
// violation in one error, also when that is wrapped.
func TestErrors(t *testing.T) {
	for name, err := range map[string]error{
		"itself":  everythingWrong(),
		"wrapped": &smithy.OperationError{ServiceID: "S", OperationName: "O", Err: everythingWrong()},
	} {
		t.Run(name, func(t *testing.T) {
			var byValue smithy.InvalidParamsError
			require.True(t, errors.As(err, &byValue))
			assert.Equal(t, 12, byValue.Len())
			assert.Equal(t, "In", byValue.Context)
			var byPointer *smithy.InvalidParamsError
			require.True(t, errors.As(err, &byPointer))
			assert.Equal(t, 12, byPointer.Len())

			var first *awstokens.ConstraintError
			require.True(t, errors.As(err, &first))
			assert.Equal(t, "In.M", first.Field())
			assert.Equal(t, awstokens.RuleMaxLength, first.Rule)
			var missing *smithy.ParamRequiredError
			require.True(t, errors.As(err, &missing))
			assert.Equal(t, "In.R", missing.Field())
			var either smithy.InvalidParamError
			assert.True(t, errors.As(err, &either))
			var other *smithy.CanceledError
			assert.False(t, errors.As(err, &other))
		})
	}
}

func TestNoValueInAnyText(t *testing.T) {
	err := everythingWrong()
	text := err.Error()
	var all smithy.InvalidParamsError
	require.ErrorAs(t, err, &all)
	for _, e := range all.Errs() {
		text += e.Error() + fmt.Sprintf("%v %+v %#v", e, e, e)
	}
	assert.NotContains(t, text, secret)
}

// The way past the strict rule is named where the ARN is one of a partition that
// the rule does not list, and not where it is no ARN.
func TestStrictARNHint(t *testing.T) {
	for arn, hint := range map[string]bool{
		"arn:aws-iso-e:license-manager::123456789012:license:l-0": true,
		"arn:aws_cn:license-manager::123456789012:license:l-0":    false,
		"arn:bad": false,
	} {
		var c Checker
		c.StrictARN("M", arn)
		err := c.Err("In")
		require.Error(t, err, arn)
		assert.Equal(t, hint, strings.Contains(err.Error(), "DisableValidation"), arn)
	}
}

// TestValidCostsNothing: no allocation until a check fails.
func TestValidCostsNothing(t *testing.T) {
	items := []string{someARN, someARN}
	manyBytes, token := strings.Repeat("🔑", 50), awstokens.NewSecret(strings.Repeat("x", 4096))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		var inner, c Checker
		inner.Required("R", true)
		c.RequiredString("R", manyBytes)
		c.RequiredARN("M", someARN)
		c.RequiredStrictARN("M", someARN)
		c.ARNs("M", items)
		c.RequiredSecret("M", token)
		c.RequiredToken("M", token)
		c.SecretLength("M", token, 4, 20000)
		c.RequiredClientToken(someARN, 2048)
		c.PageSize("M", 100)
		RequiredEnum(&c, "M", "RED", colors)
		c.MaxLength("M", manyBytes, 60)
		c.MinLength("M", manyBytes, 50)
		c.Chars("M", "0123", "[0-9]*", isDigit)
		c.NoSpace("M", manyBytes)
		for i, item := range items {
			c.StrictARN("M", item, i)
			c.ARN("M", item, i)
			c.MaxLength("M", item, 2048, i)
			c.Nested("M", inner.Err("InnerType"), i)
		}
		c.Timestamp("M", "2030-01-02T03:04:05Z")
		c.MaxItems("M", len(items), 3)
		c.Range("M", 5, 1, 100)
		Enum(&c, "M", "RED", colors)
		if c.Err("In") != nil {
			panic("all is well")
		}
	}))
}
