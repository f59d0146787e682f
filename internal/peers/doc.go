// Package peers holds awstokens against aws-sdk-go-v2: what both send, read
// and sign for the same call, what either makes of the emulator, and what a
// call costs. It is a module of its own, so that the SDK never enters the
// library's dependencies. The directory secrets has what internal/secrets proves
// for zap, zerolog, logrus, spew and go-cmp.
//
// The script compare runs the benchmarks, builds the programs, and prints the
// README's tables.
package peers
