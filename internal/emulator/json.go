package emulator

import (
	"encoding/json"
	"errors"
	"iter"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
)

// jsonHandler makes a handler of a function that takes the library's input type.
// The body is decoded and checked against the documented constraints first.
// Undecodable and invalid are the codes of the errors for a body that cannot be
// decoded and for an input that violates a constraint.
func jsonHandler[I any, PI interface {
	*I
	Validate() error
}](undecodable, invalid string, handle func(*request, PI) (any, *failure)) handler {
	return func(r *request) (any, *failure) {
		in := PI(new(I))
		if err := decodeJSON(r.body, in); err != nil {
			return nil, fail(undecodable, "%s", err)
		}
		if err := in.Validate(); err != nil {
			if isAboutGrantType(err) {
				return nil, fail("UnsupportedGrantTypeException", "%s", describe(err))
			}
			return nil, fail(invalid, "%s", describe(err))
		}
		return handle(r, in)
	}
}

// decodeJSON decodes an object as a service does. A member of the wrong type is
// an error, and a member without a field is ignored. Unlike in encoding/json, the
// names of members and fields must be equal in case.
func decodeJSON(body []byte, in any) error {
	if !utf8.Valid(body) {
		return errors.New("the body is not valid UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return errors.New("the body is not a JSON object")
	}
	known := map[string]json.RawMessage{}
	for field := range fields(reflect.TypeOf(in).Elem()) {
		if value, ok := members[field]; ok {
			known[field] = value
		}
	}
	exact, err := json.Marshal(known)
	if err != nil {
		return err
	}
	err = json.Unmarshal(exact, in)
	if mismatch := (*json.UnmarshalTypeError)(nil); errors.As(err, &mismatch) {
		return errors.New("member " + mismatch.Field + " cannot be a JSON " + mismatch.Value)
	}
	return err
}

// fields yields the JSON names of a struct's fields.
func fields(t reflect.Type) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" {
				name = t.Field(i).Name
			}
			if !yield(name) {
				return
			}
		}
	}
}

// isAboutGrantType reports whether OIDC does not know the grant type, for which
// it has an error of its own.
func isAboutGrantType(err error) bool {
	var c *awstokens.ConstraintError
	return errors.As(err, &c) && c.Member == "GrantType" && c.Rule == awstokens.RuleEnum
}

// describe returns the text of a service's error for what Validate found.
func describe(err error) string {
	var found smithy.InvalidParamsError
	if !errors.As(err, &found) {
		return err.Error()
	}
	var text []string
	for _, violation := range found.Errs() {
		if c := (*awstokens.ConstraintError)(nil); errors.As(violation, &c) {
			plain := *c
			plain.Hint = "" // it is about the client
			violation = &plain
		}
		text = append(text, violation.Error())
	}
	return strings.Join(text, " ")
}
