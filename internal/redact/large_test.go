//go:build linux && !race

package redact_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cpuTime is that of the current thread, which a busy machine does not lengthen
// by much.
func cpuTime(t *testing.T) time.Duration {
	const thread = 1
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(thread, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestLargeTextIsFast: a response of 1 MiB, whatever is in it, against the
// longest token that there is.
func TestLargeTextIsFast(t *testing.T) {
	const size = 1 << 20
	r := rand.New(rand.NewPCG(3, 4))
	token := make([]byte, 4096)
	for i := range token {
		token[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[r.IntN(36)]
	}
	random := make([]byte, size)
	for i := range random {
		random[i] = byte(r.UintN(256))
	}
	s := scrubber(string(token), fakes[0], fakes[1])
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for name, text := range map[string]string{
		"message":         strings.Repeat(messages[0]+" ", size/len(messages[0])),
		"one letter":      strings.Repeat("a", size),
		"its beginning":   strings.Repeat(string(token[:7])+"!", size/8),
		"hex":             hex.EncodeToString(random[:size/2]),
		"hex, spaced":     fmt.Sprintf("% x", random[:size/3]),
		"hex, odd":        strings.Repeat("0123456789abcde ", size/16),
		"hex, then words": strings.Repeat("ab", size/4) + strings.Repeat(" zz", size/6),
		"byte list":       fmt.Sprint(random[:size/4]),
		"escapes":         url.QueryEscape(string(random[:size/3])),
		"backslashes":     strings.Repeat(`\`, size),
		"ampersands":      strings.Repeat(`&#`, size/2),
		"nearly escape":   strings.Repeat(`&`+strings.Repeat("a", 1000), size/1000),
		"JSON":            strings.Repeat(`{"accountId":"111122223333","accountName":"an account"},`, size/56),
		"noise":           string(random),
		"zeros":           strings.Repeat("0 ", size/2),
	} {
		start := cpuTime(t)
		text := s.Text(text)
		took := cpuTime(t) - start
		assert.NotEqual(t, "[redacted]", text, name)
		// A quiet machine takes less than 50 ms.
		assert.Less(t, took, 250*time.Millisecond, name)
		t.Logf("%-14s %s", name, took)
	}
}

// The time does not grow with the number of secrets, such as those of a response.
func TestManySecretsAreFast(t *testing.T) {
	var secrets []string
	for i := range 20_000 {
		secrets = append(secrets, fmt.Sprintf("fake-%08d-%08d", i, i*7919))
	}
	s := scrubber(secrets...)
	text := strings.Repeat(messages[0]+" ", 1<<20/len(messages[0]))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := cpuTime(t)
	shown := s.Text(text)
	took := cpuTime(t) - start
	assert.NotEqual(t, "[redacted]", shown)
	assert.Less(t, took, 250*time.Millisecond)
	for _, secret := range secrets[len(secrets)-100:] {
		assert.Equal(t, "[redacted]", s.Text("a token: "+secret))
	}
}
