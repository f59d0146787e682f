// Package transport is the one path that every call takes: validate, encode,
// then for each attempt sign, send, read and decode, until it succeeds or is
// given up.
package transport

import (
	"context"
	"net/http"

	"github.com/seed-25f54b62/awstokens"
)

// Auth is how the requests of an operation are authorized.
type Auth int

const (
	Signed   Auth = iota // SigV4; without credentials the call fails
	Unsigned             // never signed
	Optional             // SigV4 if there are credentials
)

// Operation is what tells one API operation from another.
type Operation struct {
	Name   string
	Auth   Auth
	Method string // POST if empty
	Path   string // what follows the endpoint; empty for the endpoint itself
	Query  string // raw query, if the operation has a constant one and no Bind

	// Repeatable says that the operation is safe to send twice: a read, a
	// call with an idempotency token, a delete or a plain update.
	Repeatable bool

	// Bind puts an input into the query and the headers of its request, which
	// then has no body. Nil for an input that is the body.
	Bind func(in any, b *Binding)

	// NoOutput says that the body of a success is empty.
	NoOutput bool

	// Missing returns the name of a member that an answer promises and out
	// lacks, or "". A nil Missing promises nothing.
	Missing func(out any) string
}

// Protocol is a wire format.
type Protocol interface {
	// Encode returns the request body.
	Encode(in any) ([]byte, error)

	// Prepare sets the headers that the wire format wants.
	Prepare(req *http.Request, op *Operation)

	// Decode fills out from the body of a 2xx answer.
	Decode(body []byte, out any) error

	// DecodeError returns the typed exception, or a *smithy.GenericAPIError,
	// that an answer of another status carries; nil if it carries none.
	DecodeError(status int, header http.Header, body []byte) error
}

type input interface{ Validate() error }

type output interface{ Metadata() *awstokens.Result }

// Call makes one call. A nil input is an empty one.
func Call[O, I any, PI interface {
	*I
	input
}, PO interface {
	*O
	output
}](ctx context.Context, c *Client, op *Operation, in PI) (PO, error) {
	if in == nil {
		in = new(I)
	}
	out := PO(new(O))
	if err := c.do(ctx, op, in, out); err != nil {
		return nil, err
	}
	return out, nil
}
