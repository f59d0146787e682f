// Package restjson is the wire format restJson 1 as IAM Identity Center speaks
// it: an operation is a path, a body is JSON, and an error is named by a
// header or by the OAuth error in the body.
package restjson

import (
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Protocol is restJson 1 for one service.
type Protocol struct {
	// Exception returns a new, empty exception for a code, or nil for a code
	// that the service does not publish.
	Exception func(code string) smithy.APIError

	// OAuth returns the code that an error's body stands for when no header
	// names one, or "". Nil for a service that is not OAuth.
	OAuth func(body []byte) string
}

var contentType = []string{"application/json"}

// Prepare sets the headers.
func (p *Protocol) Prepare(req *http.Request, _ *transport.Operation) {
	if req.Body != nil {
		req.Header["Content-Type"] = contentType
	}
}

// Encode encodes an input.
func (p *Protocol) Encode(in any) ([]byte, error) { return transport.EncodeJSON(in) }

// Decode decodes an output.
func (p *Protocol) Decode(body []byte, out any) error { return transport.DecodeJSON(body, out) }

// DecodeError finds the code in the header X-Amzn-Errortype or the body's
// __type or code, else in what OAuth makes of the body.
func (p *Protocol) DecodeError(status int, header http.Header, body []byte) error {
	return transport.DecodeJSONError(status, header, body, p.Exception, p.OAuth)
}
