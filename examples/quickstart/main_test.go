package main

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, &out, io.Discard))
	steps := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, steps, 11)
	assert.Contains(t, steps[3], "authorization_pending")
	assert.Contains(t, steps[7], "role/AWSLicenseManagerConsumptionRole: access key ASIA")
	assert.Contains(t, steps[8], "1 taken")
	assert.Contains(t, steps[10], "0 taken")
	assert.Equal(t, 7, strings.Count(out.String(), "[redacted]"), "every secret is redacted")
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"surplus"}, {"-surplus"}} {
		var out strings.Builder
		assert.ErrorContains(t, run(t.Context(), args, &out, io.Discard), "surplus")
		assert.Empty(t, out.String())
	}
	var help strings.Builder
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, io.Discard, &help), flag.ErrHelp)
	assert.Contains(t, help.String(), "It has no flags.")
}
