package login

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNilOptionIsIgnored(t *testing.T) {
	store := NewMemoryStore()
	_, err := NewProvider(mySSO, nil, func(o *ProviderOptions) { o.Store = store }, nil)
	require.NoError(t, err)
	assert.NoError(t, Logout(t.Context(), mySSO, nil, func(o *Options) { o.Store = store }))
}
