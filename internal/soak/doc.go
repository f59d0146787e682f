// Package soak is a test that makes thousands of calls to the emulator with every
// fault on. It checks that nothing grows over time: memory, goroutines,
// connections, and the number of tokens for one ClientToken.
//
// The emulator runs in a process of its own, which is the test binary again, so
// that its memory does not hide what a client keeps. SOAK_CALLS sets the number
// of calls, 5000 by default; with far fewer, some faults are not met:
//
//	SOAK_CALLS=200000 go test ./internal/soak -count=1 -v
package soak
