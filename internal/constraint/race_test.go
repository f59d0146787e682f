//go:build race

package constraint

func init() { underRace = true }
