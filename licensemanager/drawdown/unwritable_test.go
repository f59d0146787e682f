package drawdown

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// counting charges everything. It calls before first, if that is set.
type counting struct {
	tokens []string
	before func()
}

func (c *counting) CheckoutLicense(_ context.Context, in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
	if c.before != nil {
		c.before()
	}
	c.tokens = append(c.tokens, in.ClientToken)
	return &licensemanager.CheckoutLicenseOutput{EntitlementsAllowed: in.Entitlements}, nil
}

// full makes the journal behave as on a full disk: it can be read, not written.
func (j *journal) full(t *testing.T) {
	t.Helper()
	j.close()
	var err error
	j.file, err = os.Open(j.path)
	require.NoError(t, err)
}

func TestJournalThatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	api := &counting{}
	open := func() *Meter {
		m, err := New(api, Request{ProductSKU: "sku"}, path, func(o *Options) { o.Interval = -1 })
		require.NoError(t, err)
		return m
	}
	m := open()
	require.NoError(t, m.Add("n", 7))
	m.journal.full(t)
	for range 2 {
		var problem *JournalError
		require.ErrorAs(t, m.Flush(t.Context()), &problem)
		assert.Equal(t, JournalUnwritable, problem.Problem)
		assert.Empty(t, api.tokens, "nothing is sent")
		assert.Equal(t, Total{Owed: 7}, m.Totals()["n"])
	}
	m.journal.close()
	require.NoError(t, m.journal.reopen())
	require.NoError(t, m.Flush(t.Context()))
	assert.Len(t, api.tokens, 1)

	// The response cannot be written. Nothing else is sent until it is.
	api.before = func() { m.journal.full(t) }
	require.NoError(t, m.Add("n", 5))
	require.Error(t, m.Flush(t.Context()))
	require.Len(t, api.tokens, 2)
	assert.Equal(t, Total{Charged: 12}, m.Totals()["n"])
	require.NoError(t, m.Add("n", 3))
	require.Error(t, m.Flush(t.Context()))
	require.Len(t, api.tokens, 2)

	// After a kill, the next process sends the same batch again.
	killed, err := os.ReadFile(path)
	require.NoError(t, err)
	_ = m.Close(t.Context())
	path = filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.WriteFile(path, killed, 0o600))
	api.before = nil
	m = open()
	require.NoError(t, m.Flush(t.Context()))
	require.Len(t, api.tokens, 3)
	assert.Equal(t, api.tokens[1], api.tokens[2])
	assert.Equal(t, Total{Charged: 12}, m.Totals()["n"])
	require.NoError(t, m.Close(t.Context()))
}

// What is owed at the end is lost if it can neither be charged nor written, and
// the error says so.
func TestOwedThatCannotBeWritten(t *testing.T) {
	m, err := New(&counting{}, Request{ProductSKU: "sku"}, filepath.Join(t.TempDir(), "journal"), func(o *Options) { o.Interval = -1 })
	require.NoError(t, err)
	require.NoError(t, m.Add("n", 7))
	m.journal.full(t)
	var problem *JournalError
	require.ErrorAs(t, m.Sync(), &problem)
	assert.Equal(t, Total{Owed: 7}, m.Totals()["n"])
	require.ErrorAs(t, m.Close(t.Context()), &problem)
	assert.Equal(t, Total{Owed: 7}, m.Totals()["n"])
}

// A journal that is due to be rewritten, but cannot be, takes records as before.
func TestJournalThatCannotBeRewritten(t *testing.T) {
	api := &counting{}
	open := func(path string) *Meter {
		m, err := New(api, Request{ProductSKU: "sku"}, path, func(o *Options) { o.Interval = -1 })
		require.NoError(t, err)
		return m
	}
	path := filepath.Join(t.TempDir(), "journal")
	m := open(path)
	long := strings.Repeat("n", maxJournal)
	require.NoError(t, m.Add(long, 1))
	require.NoError(t, m.Sync())

	m.journal.close()
	m.journal.path = filepath.Join(filepath.Dir(path), strings.Repeat("j", 250)) // no room for the name of a temporary file
	require.NoError(t, os.Rename(path, m.journal.path))
	require.NoError(t, m.Add("n", 7))
	require.NoError(t, m.Flush(t.Context()))
	assert.Len(t, api.tokens, 1)
	require.NoError(t, m.Close(t.Context()))

	require.NoError(t, os.Rename(m.journal.path, path))
	m = open(path)
	assert.Equal(t, map[string]Total{long: {Charged: 1}, "n": {Charged: 7}}, m.Totals())
	require.NoError(t, m.Close(t.Context()))
}

// What a failed write left behind does not follow a shorter record.
func TestWriteOverAFailedOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	open := func() *Meter {
		m, err := New(&counting{}, Request{ProductSKU: "sku"}, path, func(o *Options) { o.Interval = -1 })
		require.NoError(t, err)
		return m
	}
	m := open()
	_, err := m.journal.file.WriteAt(append(make([]byte, 4096), '\n'), m.journal.size)
	require.NoError(t, err)
	require.NoError(t, m.Add("n", 7))
	require.NoError(t, m.Close(t.Context()))
	m = open()
	assert.Equal(t, Total{Charged: 7}, m.Totals()["n"])
	require.NoError(t, m.Close(t.Context()))
}

// A journal whose totals are large can be read again.
func TestLargeJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	name := strings.Repeat("n", 3*maxAppended)
	for run := range int64(2) {
		m, err := New(&counting{}, Request{ProductSKU: "sku"}, path, func(o *Options) { o.Interval = -1 })
		require.NoError(t, err)
		assert.Equal(t, run, m.Totals()[name].Charged)
		require.NoError(t, m.Add(name, 1))
		require.NoError(t, m.Close(t.Context()))
	}
}
