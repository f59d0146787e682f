package licensemanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Invoke calls an operation that has no method of its own, such as
// ListLicenseConfigurations, by its name. The call is signed, retried, capped
// and decoded as every other, and its errors are the same.
//
// The input is a struct or a pointer to one, with the API's member names, or a
// map with strings as its keys; nil is an empty input. If it has a method
// Validate() error, that is called first. Mark what is secret as
// [awstokens.Secret]: then no error or log record shows it. The response is
// decoded into out, which is a pointer to a struct or to a map, or nil if it is
// not needed: an operation whose response has no body needs nil or a struct
// without members. What out holds is undefined if Invoke returns an error.
//
// An operation whose name begins with Get, List or Describe, and an input with
// a ClientToken, count as idempotent: the call is retried after a response was
// lost. Any other is not. The client never invents a ClientToken; see
// [NewClientToken].
func (c *Client) Invoke(ctx context.Context, operation string, in, out any) (awstokens.Result, error) {
	if !isOperationName(operation) {
		return awstokens.Result{}, fmt.Errorf("licensemanager: %q is not the name of an operation", operation)
	}
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return awstokens.Result{}, errors.New("licensemanager: the output of Invoke must be nil or a pointer")
	}
	if isNil(in) {
		in = struct{}{}
	}
	return c.transport.Invoke(ctx, operation, isRead(operation) || hasClientToken(in), in, out)
}

// isOperationName reports whether a name can be in a header as it is.
func isOperationName(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == "" && name[0] > '9'
}

func isNil(in any) bool {
	v := reflect.ValueOf(in)
	return in == nil || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Map) && v.IsNil()
}

func isRead(operation string) bool {
	for _, prefix := range []string{"Get", "List", "Describe"} {
		if strings.HasPrefix(operation, prefix) {
			return true
		}
	}
	return false
}

// hasClientToken reports whether the service finds a ClientToken in the input.
func hasClientToken(in any) bool {
	req, err := protocol.Encode(wire.Operation{}, in)
	if err != nil {
		return false // the call reports it
	}
	var members map[string]any
	_ = json.Unmarshal(req.Body, &members)
	token, _ := members["ClientToken"].(string)
	return token != ""
}
