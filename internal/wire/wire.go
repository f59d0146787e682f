// Package wire holds the wire formats: how an input becomes an HTTP request,
// and how a response becomes an output or an error.
//
// [AWSJSON] is awsJson 1.1, which License Manager speaks; [RESTJSON] is
// restJson 1, which IAM Identity Center speaks; [Query] is awsQuery, which AWS
// STS speaks. Each is about 40 lines over the JSON encoder (encode.go) and
// decoder (decode.go, over the syntax in scan.go), which need no code per type:
// what they know of a type is its plan (plan.go).
package wire

import (
	"errors"
	"net/http"

	"github.com/aws/smithy-go"
)

// Operation is what a format has to know of an operation.
type Operation struct {
	Name   string
	Method string // POST if empty
	Path   string // what follows the endpoint, with a constant query
}

// Request is an HTTP request without host and signature.
type Request struct {
	Method string
	Path   string // what follows the endpoint
	Query  string // raw
	Body   []byte
	Header [2]HeaderField // those without a name are not there
}

// HeaderField is a header in canonical form. Requests share its values: they
// are never written into.
type HeaderField struct {
	Name   string
	Values []string
}

// Response is a whole HTTP response.
type Response struct {
	StatusCode int
	Header     http.Header
	Body       []byte
}

// Format is a wire format.
type Format interface {
	// Encode returns the request for an input, which is a pointer to a struct;
	// [AWSJSON] takes anything that is a JSON object.
	Encode(op Operation, in any) (Request, error)

	// Decode fills out from a response with a 2xx status, or returns a
	// [*smithy.DeserializationError]. For any other status it returns the typed
	// exception that the response carries, a [*smithy.GenericAPIError] for an
	// unknown code, or [ErrNoCode].
	Decode(resp Response, out any) error
}

// ErrNoCode says that an error response names no error.
var ErrNoCode = errors.New("the response names no error")

// Fault is whose fault an HTTP error status is.
func Fault(status int) smithy.ErrorFault {
	if status >= 500 {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

func success(status int) bool { return status >= 200 && status <= 299 }
