//go:build !linux

package emulator

import "time"

var processStart = time.Now()

// cpuTime returns the time since a fixed moment, where there is no simple way
// to the CPU time of a thread.
func cpuTime() time.Duration { return time.Since(processStart) }
