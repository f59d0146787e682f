// Package secrets_test tests for the whole module that nothing shows a secret: no
// input or output, nothing else that holds one, no error, log record, span or
// metric. Each is shown in every way that the standard library and the test
// libraries have. internal/peers does the same with other libraries.
//
//	search_test.go    finds secrets in text, however they are written
//	show_test.go      the ways to show a value, and where a program may have it
//	fill_test.go      every input and output, found by reflection, and filled
//	used_test.go      clients, providers, stores and seats, after their use
//	products_test.go  watchers, meters and identity propagation; spans and metrics
//	calls_test.go     errors, logs and spans of calls, of services that quote secrets
//	complete_test.go  whether that is everything, by go/types
//
// A new operation is found automatically. For a new type that may hold a secret,
// TestSecrets fails and names it, until it is shown in used_test.go.
package secrets_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fake returns the n-th fake secret. It has what real ones have, and no run of
// letters and digits in common with another.
func fake(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "fake %d", n))
	return "FAKE" + base64.RawStdEncoding.EncodeToString(sum[:16]) + "/+" + base64.RawURLEncoding.EncodeToString(sum[16:]) + "="
}

// shown has the types of the values that were shown.
type shown struct {
	mu    sync.Mutex
	types map[string]bool
}

// show asserts that no way shows a secret of a value.
func (s *shown) show(t *testing.T, n *needles, name string, value any) {
	t.Helper()
	require.NotNil(t, value, name)
	s.mu.Lock()
	s.types[typeName(reflect.TypeOf(value))] = true
	s.mu.Unlock()
	assertHides(t, n, name, value, ways)
	if err, ok := value.(error); ok {
		for _, reason := range reasons(err) {
			assertHides(t, n, name, reason, quickWays)
		}
	}
}

// reasons returns the errors that an error wraps.
func reasons(err error) []error {
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		if reason := err.Unwrap(); reason != nil {
			return []error{reason}
		}
	case interface{ Unwrap() []error }:
		return err.Unwrap()
	}
	return nil
}

// typeName is the name of a type, or of what a pointer points to.
func typeName(typ reflect.Type) string {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return nameIn(typ.PkgPath(), typ.Name())
}

func TestSecrets(t *testing.T) {
	s := &shown{types: map[string]bool{}}
	// Alone: encoders share caches, and a goroutine outside the bubble must not
	// wait for one inside.
	t.Run("seats", func(t *testing.T) { testSeats(t, s) })
	t.Run("all", func(t *testing.T) { // ends when the parallel tests in it have ended
		t.Run("inputs and outputs", func(t *testing.T) {
			t.Parallel()
			testFilled(t, s)
		})
		t.Run("used", func(t *testing.T) {
			t.Parallel()
			testUsed(t, s)
		})
	})
	if t.Failed() {
		return
	}
	declared := loadModule(t)
	found := declared.secretTypes()
	for name := range found {
		assert.True(t, s.types[name] || inside[name], "%s may hold a secret, and none was shown", name)
	}
	for name := range inside {
		assert.True(t, found[name] && !s.types[name], "%s is no exception", name)
	}
	for name := range declared.clientTypes() {
		called := func(op operation) bool { return typeName(op.client) == name }
		assert.True(t, slices.ContainsFunc(operations, called), "the operations of %s are not called", name)
	}
}
