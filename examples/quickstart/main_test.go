package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(context.Background(), &out))
	steps := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Len(t, steps, 11)
	assert.Contains(t, steps[3], "authorization_pending")
	assert.Contains(t, steps[7], "assumed-role")
	assert.Contains(t, steps[8], "1 taken")
	assert.Contains(t, steps[10], "0 taken")
	assert.Equal(t, 7, strings.Count(out.String(), "[redacted]"), "every secret is redacted")
}
