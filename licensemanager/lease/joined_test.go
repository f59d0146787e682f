package lease

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

type outcome bool

func (outcome) Error() string            { return "a call failed" }
func (o outcome) MayHaveProcessed() bool { return bool(o) }

// An API that retries by itself may join the errors of its calls: one that may
// have been processed is enough, wherever it stands.
func TestJoinedErrorsOfTheAPI(t *testing.T) {
	assert.True(t, mayHaveProcessed(errors.Join(outcome(false), outcome(true))))
	assert.True(t, mayHaveProcessed(errors.Join(outcome(true), outcome(false))))
	assert.False(t, mayHaveProcessed(errors.Join(outcome(false), outcome(false))))
}
