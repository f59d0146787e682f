// Package transport is the one path that every call takes: validate, encode,
// then for each attempt sign, send, read and decode, until it succeeds or is
// given up.
//
//	operation.go  what an operation is, and how it is called
//	client.go     configuration and the HTTP client
//	call.go       the attempts of a call, and the waits between them
//	attempt.go    one attempt
//	request.go    building and signing a request
//	redirect.go   HTTP clients that may follow redirects or retry by themselves
//	sending.go    whether a request was written
//	response.go   reading and decoding a response
//	failure.go    the error of a failed attempt, and what follows from it
//	clock.go      the service's clock
//	pages.go      iterators over lists
//	telemetry.go  spans and metrics of a call
package transport

import (
	"context"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Auth is how the requests of an operation are authorized.
type Auth int

// The ways to authorize a request.
const (
	Signed   Auth = iota // SigV4; without credentials the call fails
	Unsigned             // never signed
	Optional             // SigV4 if there are credentials
)

// Operation is one API operation with its input and output. *I has a method
// Validate() error, and O embeds awstokens.Result.
type Operation[I, O any] struct {
	Name   string
	Auth   Auth
	Method string // POST if empty
	Path   string // what follows the endpoint, with a constant query

	// Idempotent says that a second request does no more than one: a read, a
	// call with a ClientToken, a delete or a plain update. After a lost
	// response only an idempotent operation is retried.
	Idempotent bool

	// Missing names a promised member that an output lacks, or returns "". It
	// is for promises that the tag wire:"required" cannot express, and nil
	// otherwise.
	Missing func(*O) string
}

// Call makes one call. A nil input is an empty one.
func (op *Operation[I, O]) Call(ctx context.Context, c *Client, in *I) (*O, error) {
	if in == nil {
		in = new(I)
	}
	out := new(O)
	d := description{wire.Operation{Name: op.Name, Method: op.Method, Path: op.Path}, op.Auth, op.Idempotent, nil}
	if op.Missing != nil {
		d.missing = func() string { return op.Missing(out) }
	}
	if err := c.inner().do(ctx, &d, in, out, any(out).(result).Metadata()); err != nil {
		return nil, err
	}
	return out, nil
}

// Invoke makes a signed call of an operation that is known by its name only.
// The response is decoded into what out points to; nil leaves it.
func (c *Client) Invoke(ctx context.Context, name string, idempotent bool, in, out any) (awstokens.Result, error) {
	var result awstokens.Result
	err := c.inner().do(ctx, &description{wire.Operation{Name: name}, Signed, idempotent, nil}, in, out, &result)
	return result, err
}

type result interface{ Metadata() *awstokens.Result }

// description is an Operation without its types.
type description struct {
	wire.Operation
	auth       Auth
	idempotent bool
	missing    func() string // or nil
}

func (c *client) do(ctx context.Context, op *description, in, out any, result *awstokens.Result) error {
	ctx, whole := c.telemetry.begin(ctx, wholeCall, op.Name)
	err := c.call(ctx, whole, op, in, out, result)
	whole.end(err)
	if err != nil {
		return &smithy.OperationError{ServiceID: c.service.ID, OperationName: op.Name, Err: err}
	}
	return nil
}
