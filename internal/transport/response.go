package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// read reads and decodes a response.
func (a *attempt) read(ctx context.Context, resp *http.Response) error {
	a.status, a.date, a.requestID = resp.StatusCode, dateOf(resp.Header), requestID(resp.Header)
	body, err := readAll(resp, a.cfg.MaxResponseBytes)
	whole := wire.Response{StatusCode: resp.StatusCode, Header: resp.Header, Body: body}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		refusal := a.serviceError(ctx, whole)
		if err != nil {
			a.noResponse = !errors.Is(err, awstokens.ErrResponseTooLarge)
			refusal = fmt.Errorf("%w (%w)", refusal, a.scrubber().Error(err))
		}
		err = refusal
	case errors.Is(err, awstokens.ErrResponseTooLarge):
		a.final, a.mayHaveProcessed = true, true
	case err != nil:
		a.final, a.noResponse, a.mayHaveProcessed = !a.op.idempotent, true, true
		err = &brokenOff{err: a.scrubber().Error(err), idempotent: a.op.idempotent}
	default:
		if err = a.decode(ctx, whole); err == nil {
			a.confirmClock(a.date)
			if len(a.requestID) > uuidLength { // it may quote a token
				a.requestID = a.scrubber().Text(a.requestID)
			}
			return nil
		}
		a.final, a.mayHaveProcessed = true, true
	}
	a.requestID = a.scrubber().Text(a.requestID)
	return &awstokens.ResponseError{
		StatusCode:    resp.StatusCode,
		RequestID:     a.requestID,
		RetryAfter:    retryAfter(resp.Header, cmp.Or(a.date, a.now())),
		AmzRetryAfter: amzRetryAfter(resp.Header),
		Date:          a.date,
		Attempts:      a.number,
		Err:           err,
	}
}

func (a *attempt) decode(ctx context.Context, resp wire.Response) error {
	err := a.deserialize(ctx, resp, a.out)
	if err == nil && a.op.missing != nil {
		if name := a.op.missing(); name != "" {
			err = &smithy.DeserializationError{Err: errors.New("the response has no " + name)}
		}
	}
	return err
}

func (a *attempt) deserialize(ctx context.Context, resp wire.Response, out any) error {
	_, seen := a.telemetry.begin(ctx, deserialization, a.op.Name)
	err := a.format.Decode(resp, out)
	seen.end(err)
	return err
}

// brokenOff is a success whose body did not arrive.
type brokenOff struct {
	err        error
	idempotent bool
}

func (e *brokenOff) Error() string        { return "the response broke off: " + e.err.Error() }
func (e *brokenOff) Unwrap() error        { return e.err }
func (e *brokenOff) RetryableError() bool { return e.idempotent }

// maxIdleReads is how often in a row a read may return nothing at all.
const maxIdleReads = 100

// readAll reads the body to its end, or to one byte beyond the limit.
func readAll(resp *http.Response, limit int64) ([]byte, error) {
	if resp.Body == nil {
		return nil, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 {
		return nil, nil // the "body" of a 101 is the connection, and has no end
	}
	size := int64(512)
	if n := resp.ContentLength; n >= 0 {
		size = min(n, limit, 64<<10) + 1 // one more byte, to meet the end without growing
	}
	body := make([]byte, 0, size)
	r := io.LimitReader(resp.Body, max(limit, limit+1)) // limit+1 may overflow
	for idle := 0; ; idle++ {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if n > 0 {
			idle = 0
		}
		switch {
		case int64(len(body)) > limit:
			return body[:limit], awstokens.ErrResponseTooLarge
		case err == io.EOF:
			return body, nil
		case err != nil:
			return body, err
		case idle > maxIdleReads:
			return body, io.ErrNoProgress
		case len(body) == cap(body):
			body = append(body, 0)[:len(body)]
		}
	}
}

const uuidLength = 36

func requestID(h http.Header) string {
	if id := h.Get("X-Amzn-Requestid"); id != "" {
		return id
	}
	return h.Get("X-Amz-Request-Id")
}

// retryAfter reads the header Retry-After, in seconds or as a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second // out of range, it is the largest there is
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, date.Sub(now))
}

// amzRetryAfter reads the header x-amz-retry-after, in whole milliseconds. What
// cannot be parsed is ignored, by the standard.
func amzRetryAfter(h http.Header) time.Duration {
	ms, err := strconv.ParseInt(h.Get("X-Amz-Retry-After"), 10, 64)
	if err != nil || ms < 0 {
		return 0
	}
	return time.Duration(min(ms, math.MaxInt32)) * time.Millisecond // a retryer waits much less
}
