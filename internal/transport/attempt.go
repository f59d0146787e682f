package transport

import (
	"context"
	"errors"
	"time"

	"github.com/aws/smithy-go/rand"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// attempt is the state of a call that its attempts share.
type attempt struct {
	*client
	whole      *observation // of the call
	op         *description
	in, out    any
	request    wire.Request
	invocation string

	// Of the call.
	number           int
	creds            awstokens.Credentials
	mayHaveProcessed bool // an attempt so far
	clockCorrected   bool // which is done once
	credsRenewed     bool // which is done once

	// Of the last attempt.
	signedWith time.Duration // the skew
	requestID  string
	status     int
	date       time.Time // the service's clock
	took       time.Duration
	unsent     bool // the attempt failed before anything was sent
	final      bool // the failure must not be retried, whatever a Retryer says
	noResponse bool // the failure is no whole response of the service
	repaired   bool // the cause of the failure is gone: a clock was corrected, or credentials were renewed
	scrub      *redact.Scrubber
}

// reset forgets the last attempt.
func (a *attempt) reset() {
	a.requestID, a.status, a.date = "", 0, time.Time{}
	a.unsent, a.final, a.noResponse, a.repaired, a.scrub = false, false, false, false, nil
}

// withhold marks a failure for which no request was sent, and that is not to
// be retried.
func (a *attempt) withhold(err error) error {
	a.unsent, a.final, a.noResponse = true, true, true
	return err
}

// NewUUID returns a random UUID, version 4.
func NewUUID() string {
	id, _ := rand.NewUUID(rand.Reader).GetUUID() // never fails
	return id
}

// run makes one attempt.
func (a *attempt) run(ctx context.Context) error {
	a.signedWith = a.skew()
	var sent sending
	req := a.newRequest(ctx, &sent)
	if err := a.authorize(ctx, req); err != nil {
		return a.withhold(err)
	}
	if err := ctx.Err(); err != nil {
		return a.withhold(err)
	}
	do := a.http.Do
	if a.mayRedirect {
		do = a.doWatched
	}
	req, seen := a.beginRequest(req)
	resp, err := do(req)
	if err == nil && resp == nil {
		err = errors.New("the HTTP client returned no response")
	}
	seen.endRequest(resp, err)
	if err != nil {
		return a.sendError(err, sent.giveUp())
	}
	return a.read(ctx, resp)
}
