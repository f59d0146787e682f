//go:build race

package secrets_test

// The print of a configuration copies the transport of its HTTP client, whose
// goroutines use it meanwhile. Its own locks do not help: a print takes none.
func init() { hasRaceDetector = true }
