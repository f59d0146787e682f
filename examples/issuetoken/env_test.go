package main

import (
	"os"
	"strings"
)

// The machine's AWS environment has no part in the tests.
func init() {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
}
