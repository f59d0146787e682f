package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
)

func (c *client) call(ctx context.Context, whole *observation, op *description, in, out any, result *awstokens.Result) error {
	if ctx == nil {
		return errors.New("the context is nil")
	}
	if in, ok := in.(interface{ Validate() error }); ok && !c.cfg.DisableValidation {
		if err := in.Validate(); err != nil {
			return err
		}
	}
	_, encoding := c.telemetry.begin(ctx, serialization, op.Name)
	req, err := c.format.Encode(op.Operation, in)
	encoding.end(err)
	if err != nil {
		return &smithy.SerializationError{Err: err}
	}
	a := attempt{client: c, whole: whole, op: op, in: in, out: out, request: req, invocation: NewUUID()}
	if err := c.attempts(ctx, &a); err != nil {
		return &callError{err, a.mayHaveProcessed}
	}
	*result = awstokens.Result{RequestID: a.requestID, Attempts: a.number, Date: a.date}
	return nil
}

// callError is the error of a call that came as far as an attempt.
type callError struct {
	error
	mayHaveProcessed bool
}

func (e *callError) Unwrap() error { return e.error }

// MayHaveProcessed is what awstokens.MayHaveProcessed finds.
func (e *callError) MayHaveProcessed() bool { return e.mayHaveProcessed }

// attempts makes attempts until one succeeds or the call is given up.
func (c *client) attempts(ctx context.Context, a *attempt) error {
	release := keepToken
	if c.limiter == nil { // its token of the first attempt is the initial one
		release = c.cfg.Retryer.GetInitialToken()
	}
	var failure error // of the attempt before
	for {
		a.number++
		attemptCtx, seen := a.beginAttempt(ctx)
		err := c.try(attemptCtx, a)
		a.endAttempt(seen, err)
		if a.unsent && failure != nil {
			err = notRetried(failure, err)
		}
		failure = err
		_ = release(err)
		if err == nil {
			return nil
		}
		if a.repaired {
			release = keepToken
			continue
		}
		if release, err = c.next(ctx, a, err); err != nil {
			return err
		}
	}
}

// try makes an attempt, after asking a retryer that limits attempts too.
func (c *client) try(ctx context.Context, a *attempt) error {
	a.reset()
	release := keepToken
	if c.limiter != nil {
		var err error
		if release, err = c.limiter.GetAttemptToken(ctx); err != nil {
			return a.withhold(err)
		}
	}
	began := time.Now()
	err := a.run(ctx)
	a.took = time.Since(began)
	_ = release(err)
	c.log(ctx, a, err)
	return err
}

// next waits before the retry of a failure, throttling included. It returns an error
// if there is no retry: the failure itself, or the context's end.
func (c *client) next(ctx context.Context, a *attempt, failure error) (func(error) error, error) {
	retryer := c.cfg.Retryer
	retry := !a.final && retryer.IsErrorRetryable(failure)
	if ctx.Err() != nil && (retry || a.noResponse) {
		return nil, canceled(ctx, failure)
	}
	if limit := retryer.MaxAttempts(); !retry || limit > 0 && a.number >= limit {
		return nil, failure
	}
	release, err := retryer.GetRetryToken(ctx, failure)
	if err != nil {
		return nil, notRetried(failure, err)
	}
	delay, err := retryer.RetryDelay(a.number, failure)
	if err != nil {
		_ = release(err)
		return nil, notRetried(failure, err)
	}
	if a.tooLate(ctx, delay) {
		_ = release(errTooLate)
		return nil, notRetried(failure, errTooLate)
	}
	if err := Sleep(ctx, delay); err != nil {
		_ = release(err)
		return nil, canceled(ctx, failure)
	}
	return release, nil
}

var errTooLate = errors.New("the context ends too soon")

// tooLate reports whether the end of the context is likely to cut off an
// attempt that begins after a delay, because the last one took longer than what
// is left then. It could spend what an operation that is not idempotent sends.
func (a *attempt) tooLate(ctx context.Context, delay time.Duration) bool {
	deadline, ok := ctx.Deadline()
	left := time.Until(deadline) - delay
	return ok && !a.op.idempotent && 0 < left && left < a.took
}

// notRetried is the failure of an attempt that something kept from being
// retried.
func notRetried(failure, reason error) error {
	return fmt.Errorf("%w (not retried: %w)", failure, reason)
}

func canceled(ctx context.Context, failure error) error {
	return &smithy.CanceledError{Err: fmt.Errorf("%w: %w", ctx.Err(), failure)}
}

func keepToken(error) error { return nil }

// Sleep waits for d, or until the context ends, whose error it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) log(ctx context.Context, a *attempt, err error) {
	if c.cfg.Logger == nil || !c.cfg.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("service", c.service.ID),
		slog.String("operation", a.op.Name),
		slog.Int("attempt", a.number),
		slog.Int("status", a.status),
		slog.String("request_id", a.scrubber().Text(a.requestID)),
		slog.Duration("duration", a.took),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	c.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "awstokens: attempt", attrs...)
}
