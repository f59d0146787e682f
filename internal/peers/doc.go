// Package peers compares awstokens with aws-sdk-go-v2: what both send, decode and
// sign for the same call, how each works with the emulator, and what a call costs.
// It is a module of its own, so that the SDK is no dependency of the library. The
// directory secrets has the tests of internal/secrets for zap, zerolog, logrus,
// spew and go-cmp.
//
// The script compare runs the benchmarks, builds the programs, and prints the
// README's tables.
package peers
