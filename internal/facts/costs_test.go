package facts

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// TestValidateAllocatesNothing: Validate of a valid input allocates nothing.
func TestValidateAllocatesNothing(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		v := op.in.validator(op.in.sample(""))
		assert.Zero(t, testing.AllocsPerRun(100, func() { _ = v.Validate() }), "%T", v)
	})
}

// TestEncodingAllocatesOnce: encoding any input allocates as often as an empty one.
func TestEncodingAllocatesOnce(t *testing.T) {
	format := new(wire.AWSJSON)
	allocs := func(in any) float64 {
		return testing.AllocsPerRun(100, func() {
			_, err := format.Encode(wire.Operation{}, in)
			require.NoError(t, err)
		})
	}
	empty := allocs(new(struct{})) // whose body has the two bytes {}
	eachOperation(t, func(t *testing.T, op *operation) {
		assert.Equal(t, empty, allocs(op.in.new(op.in.sample(""))))
	})
}
