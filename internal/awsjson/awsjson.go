// Package awsjson is the wire format awsJson 1.1: every operation is a POST to
// the endpoint itself, named by a header, with JSON both ways.
package awsjson

import (
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Protocol is awsJson 1.1 for one service.
type Protocol struct {
	// TargetPrefix is what X-Amz-Target has before the operation's name.
	TargetPrefix string

	// Exception returns a new, empty exception for a code, or nil for a code
	// that the service does not publish.
	Exception func(code string) smithy.APIError
}

var contentType = []string{"application/x-amz-json-1.1"}

// Prepare sets the headers.
func (p *Protocol) Prepare(req *http.Request, op *transport.Operation) {
	req.Header["Content-Type"] = contentType
	req.Header["X-Amz-Target"] = []string{p.TargetPrefix + "." + op.Name}
}

// Encode encodes an input.
func (p *Protocol) Encode(in any) ([]byte, error) { return transport.EncodeJSON(in) }

// Decode decodes an output.
func (p *Protocol) Decode(body []byte, out any) error { return transport.DecodeJSON(body, out) }

// DecodeError finds the code in the header X-Amzn-Errortype or the body's
// __type or code.
func (p *Protocol) DecodeError(status int, header http.Header, body []byte) error {
	return transport.DecodeJSONError(status, header, body, p.Exception, nil)
}
