//go:build race

package emulator

func init() { underRace = true }
