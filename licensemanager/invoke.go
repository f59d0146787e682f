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
// ListLicenseConfigurations, by its name. Apart from that the call is like any
// other.
//
// The input is a struct, a pointer to one, or a map with strings as its keys, with
// the member names of the API; nil means an empty input. If it has a method
// Validate() error, that is called first. Members that are secret should be of
// type [awstokens.Secret], so that no error or log record shows them. The
// response is decoded into out, which is a pointer to a struct or to a map, or nil
// if it is not needed. For an operation whose response has no body, out must be nil
// or a pointer to a struct without members. After an error, do not use out.
//
// The call is idempotent, and retried after a lost response, if the name of the
// operation begins with Get, List or Describe, or if the input has a ClientToken.
// The client never makes up a ClientToken; see [NewClientToken].
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

// isOperationName reports whether a header can contain the name.
func isOperationName(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == "" && name[0] > '9'
}

func isNil(in any) bool {
	v := reflect.ValueOf(in)
	return in == nil || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Map) && v.IsNil()
}

func isRead(operation string) bool {
	return strings.HasPrefix(operation, "Get") || strings.HasPrefix(operation, "List") || strings.HasPrefix(operation, "Describe")
}

// hasClientToken reports whether the encoded input has a ClientToken.
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
