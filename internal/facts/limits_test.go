package facts

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

type validator interface{ Validate() error }

// TestLimits validates inputs at and around every limit, and compares the violations
// that Validate reports with those that the tables say.
func TestLimits(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		n := op.in
		require.NoError(t, n.validator(n.sample("")).Validate(), "the sample violates no constraint")

		violated := map[awstokens.Rule]bool{}
		n.mutants("", func(value any) {
			want := n.violations(value, n.goType.Name())
			in, same := n.validator(value), n.validator(value)
			err := in.Validate()
			require.Equal(t, same, in, "Validate changes nothing")

			require.ElementsMatch(t, want, reported(t, err), "%s %.300v", n.goType, value)
			for _, v := range want {
				violated[v.Rule] = true
			}
		})
		for _, rule := range n.rules() {
			assert.True(t, violated[rule], "%s of %s is never violated: the test proves nothing", rule, n.goType)
		}
	})
}

// validator returns an input with a value.
func (n *node) validator(value any) validator { return n.new(value).(validator) }

// rules returns the kinds of constraints of a node and its members.
func (n *node) rules() []awstokens.Rule {
	found := map[awstokens.Rule]bool{}
	n.walk(func(n *node) {
		switch n.Type {
		case "string":
			found[awstokens.RuleMaxLength] = found[awstokens.RuleMaxLength] || n.Max != nil
			found[awstokens.RuleMinLength] = found[awstokens.RuleMinLength] || orZero(n.Min) > 1
			found[awstokens.RulePattern] = found[awstokens.RulePattern] || len(patterns[n.Pattern].bad) > 0
			found[awstokens.RuleEnum] = found[awstokens.RuleEnum] || len(n.Enum) > 0
		case "list":
			found[awstokens.RuleMaxItems] = found[awstokens.RuleMaxItems] || n.Max != nil
			found[awstokens.RuleMinItems] = found[awstokens.RuleMinItems] || orZero(n.Min) > 1
		case "integer", "long":
			found[awstokens.RuleMaxValue] = found[awstokens.RuleMaxValue] || n.Max != nil
			found[awstokens.RuleMinValue] = found[awstokens.RuleMinValue] || n.Min != nil
		case "structure":
			found[ruleRequired] = found[ruleRequired] || len(n.Required) > 0
		}
	})
	maps.DeleteFunc(found, func(_ awstokens.Rule, is bool) bool { return !is })
	return slices.Collect(maps.Keys(found))
}

// reported returns the violations in an error of Validate.
func reported(t *testing.T, err error) (found []violation) {
	if err == nil {
		return nil
	}
	require.Equal(t, strings.TrimSpace(err.Error()), err.Error(), "a text without a line break at its end")
	var all smithy.InvalidParamsError
	require.ErrorAs(t, err, &all)
	for _, e := range all.Errs() {
		switch e := e.(type) {
		case *smithy.ParamRequiredError:
			found = append(found, violation{Field: e.Field(), Rule: ruleRequired})
		case *awstokens.ConstraintError:
			v := violation{e.Field(), e.Rule, e.Limit, e.Actual, e.Pattern}
			switch e.Rule {
			case awstokens.RuleEnum: // the order does not matter
				v.Pattern = strings.Join(slices.Sorted(strings.SplitSeq(e.Pattern, "|")), "|")
			case awstokens.RulePattern: // the position is tested in internal/constraint
				v.Actual = 0
			}
			found = append(found, v)
		default:
			require.Fail(t, "neither a ConstraintError nor a ParamRequiredError", "%T", e)
		}
	}
	require.NotEmpty(t, found)
	return found
}

// TestEverythingMissing: Validate of a nil or an empty input reports all required
// members at once.
func TestEverythingMissing(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		var want []violation
		for _, name := range op.in.Required {
			want = append(want, violation{Field: op.name + "Input." + goName(name), Rule: ruleRequired})
		}
		for _, in := range []reflect.Value{reflect.New(op.in.goType), reflect.Zero(reflect.PointerTo(op.in.goType))} {
			assert.ElementsMatch(t, want, reported(t, in.Interface().(validator).Validate()))
		}
	})
}

// TestGrants checks which members each grant type of OIDC requires, that members of
// another grant are no error, and that a grant type of another operation is one.
func TestGrants(t *testing.T) {
	for _, s := range services(t) {
		known := map[string]bool{"password": true, "urn:example:added-later": true}
		for _, grants := range s.table.Grants {
			for grant := range grants {
				known[grant] = true
			}
		}
		for name, grants := range s.table.Grants {
			op := bind(t, s, name)
			validate := func(value map[string]any) []violation { return reported(t, op.in.validator(value).Validate()) }
			all := op.in.sample("").(map[string]any)
			for grant := range known {
				t.Run(name+"/"+grant, func(t *testing.T) {
					if grants[grant] == nil {
						want := []violation{{Field: name + "Input.GrantType", Rule: awstokens.RuleEnum, Pattern: strings.Join(sorted(grants), "|")}}
						assert.Equal(t, want, validate(with(all, "grantType", grant)))
						return
					}
					value := map[string]any{}
					for _, m := range append(grants[grant], op.in.Required...) {
						value[m] = all[m]
					}
					value["grantType"] = grant
					assert.Empty(t, validate(value), "the required members only")
					for _, m := range grants[grant] {
						without := maps.Clone(value)
						delete(without, m)
						want := []violation{{Field: name + "Input." + goName(m), Rule: ruleRequired}}
						assert.Equal(t, want, validate(without), "without %s", m)
					}
					assert.Empty(t, validate(with(all, "grantType", grant)), "with the members of all grants")
				})
			}
		}
	}
}

// TestKnownLimits checks the limits that callers meet first against values in Go, not
// against the tables.
func TestKnownLimits(t *testing.T) {
	const arn = "arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef"
	repeat := strings.Repeat
	secret := awstokens.NewSecret
	type create = licensemanager.CreateTokenInput
	type access = licensemanager.GetAccessTokenInput
	type list = licensemanager.ListTokensInput
	for name, test := range map[string]struct {
		in   validator
		want []violation
	}{
		"60 characters":             {in: &create{ClientToken: repeat("a", 60), LicenseArn: arn}},
		"61 characters":             {&create{ClientToken: repeat("a", 61), LicenseArn: arn}, []violation{{"CreateTokenInput.ClientToken", awstokens.RuleMaxLength, 60, 61, ""}}},
		"60 characters of 4 bytes":  {in: &create{ClientToken: repeat("🔑", 60), LicenseArn: arn}},
		"61 characters of 4 bytes":  {&create{ClientToken: repeat("🔑", 61), LicenseArn: arn}, []violation{{"CreateTokenInput.ClientToken", awstokens.RuleMaxLength, 60, 61, ""}}},
		"a space":                   {&create{ClientToken: "a b", LicenseArn: arn}, []violation{{"CreateTokenInput.ClientToken", awstokens.RulePattern, 0, 0, `\S+`}}},
		"an unlisted partition":     {&create{ClientToken: "a", LicenseArn: "arn:aws-iso:s:::r"}, []violation{{"CreateTokenInput.LicenseArn", awstokens.RulePattern, 0, 0, strictARN}}},
		"the second role":           {&create{ClientToken: "a", LicenseArn: arn, RoleArns: []string{arn, "r"}}, []violation{{"CreateTokenInput.RoleArns[1]", awstokens.RulePattern, 0, 0, strictARN}}},
		"an empty role":             {&create{ClientToken: "a", LicenseArn: arn, RoleArns: []string{""}}, []violation{{"CreateTokenInput.RoleArns[0]", awstokens.RulePattern, 0, 0, strictARN}}},
		"3 properties":              {in: &create{ClientToken: "a", LicenseArn: arn, TokenProperties: []string{"a", "b", "c"}}},
		"4 properties":              {&create{ClientToken: "a", LicenseArn: arn, TokenProperties: []string{"a", "b", "c", "d"}}, []violation{{"CreateTokenInput.TokenProperties", awstokens.RuleMaxItems, 3, 4, ""}}},
		"a token of 4096":           {in: &access{Token: secret(repeat("é", 4096))}},
		"a token of 4097":           {&access{Token: secret(repeat("é", 4097))}, []violation{{"GetAccessTokenInput.Token", awstokens.RuleMaxLength, 4096, 4097, ""}}},
		"100 results":               {in: &list{MaxResults: 100}},
		"101 results":               {&list{MaxResults: 101}, []violation{{"ListTokensInput.MaxResults", awstokens.RuleMaxValue, 100, 101, ""}}},
		"no results is unset":       {in: &list{MaxResults: 0}},
		"-1 results":                {&list{MaxResults: -1}, []violation{{"ListTokensInput.MaxResults", awstokens.RuleMinValue, 1, -1, ""}}},
		"nothing to delete":         {&licensemanager.DeleteTokenInput{}, []violation{{"DeleteTokenInput.TokenId", ruleRequired, 0, 0, ""}}},
		"a device code is missing":  {&ssooidc.CreateTokenInput{ClientId: "c", ClientSecret: secret("s"), GrantType: ssooidc.GrantTypeDeviceCode}, []violation{{"CreateTokenInput.DeviceCode", ruleRequired, 0, 0, ""}}},
		"a code needs no challenge": {in: &ssooidc.CreateTokenInput{ClientId: "c", ClientSecret: secret("s"), GrantType: ssooidc.GrantTypeAuthorizationCode, Code: secret("a"), RedirectUri: "http://127.0.0.1:1/"}},
		"an unknown grant":          {&ssooidc.CreateTokenInput{ClientId: "c", ClientSecret: secret("s"), GrantType: "password"}, []violation{{"CreateTokenInput.GrantType", awstokens.RuleEnum, 0, 0, "authorization_code|refresh_token|urn:ietf:params:oauth:grant-type:device_code"}}},
		"a list without items":      {&licensemanager.CreateGrantVersionInput{ClientToken: "a", GrantArn: arn, AllowedOperations: []licensemanager.AllowedOperation{}}, []violation{{"CreateGrantVersionInput.AllowedOperations", awstokens.RuleMinItems, 1, 0, ""}}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, reported(t, test.in.Validate())) })
	}
}

// TestErrorsHoldNoValue: the error of a violation does not contain the value, which
// may be secret.
func TestErrorsHoldNoValue(t *testing.T) {
	const secret = "not-a-real secret"
	eachOperation(t, func(t *testing.T, op *operation) {
		op.in.mutants("", func(value any) {
			in := op.in.validator(value)
			fillStrings(reflect.ValueOf(in), secret)
			if err := in.Validate(); err != nil {
				var each smithy.InvalidParamError
				require.True(t, errors.As(err, &each))
				assert.False(t, strings.Contains(err.Error(), secret), "%s: %s", op.name, err)
			}
		})
	})
}

// fillStrings sets each string and secret that is not empty to s.
func fillStrings(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fillStrings(v.Elem(), s)
		}
	case reflect.Struct:
		if secret, ok := v.Interface().(awstokens.Secret); ok {
			if !secret.IsZero() {
				v.Set(reflect.ValueOf(awstokens.NewSecret(s)))
			}
			return
		}
		for i := range v.NumField() {
			fillStrings(v.Field(i), s)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fillStrings(v.Index(i), s)
		}
	case reflect.String:
		if v.String() != "" {
			v.SetString(s)
		}
	}
}
