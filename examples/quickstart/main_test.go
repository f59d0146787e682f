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
	assert.Len(t, steps, 8)
	assert.Contains(t, steps[3], "authorization_pending")
	assert.Contains(t, steps[7], "assumed-role")
	assert.Equal(t, 7, strings.Count(out.String(), "[redacted]"), "every secret is redacted")
}
