// Package soak is the test that calls the emulator some thousand times, with
// every fault on, and checks that nothing grows that should not: memory,
// goroutines, connections, and the tokens that stand for a ClientToken.
//
// The emulator runs in a process of its own, which is the test binary once
// more, so that its store does not hide what a client keeps. SOAK_CALLS sets
// the number of calls, 5000 by default; with much fewer, not every fault is met:
//
//	SOAK_CALLS=200000 go test ./internal/soak -count=1 -v
package soak
