package clock_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens/internal/clock"
)

func TestSystemInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		start := c.Now()
		assert.NoError(t, c.Sleep(t.Context(), time.Hour))
		assert.Equal(t, time.Hour, c.Now().Sub(start))
		assert.InDelta(t, time.Hour, c.Elapsed(), float64(time.Second))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.ErrorIs(t, c.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		assert.ErrorIs(t, c.Sleep(ctx, -1), context.DeadlineExceeded)
		assert.NoError(t, c.Sleep(t.Context(), -1))
		assert.InDelta(t, time.Hour+time.Minute, c.Elapsed(), float64(time.Second))
	})
}
