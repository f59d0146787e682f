package drawdown_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
)

// all is an API that charges everything.
var all = silent(func(in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
	return &licensemanager.CheckoutLicenseOutput{EntitlementsAllowed: in.Entitlements}, nil
})

var request = drawdown.Request{ProductSKU: "sku", Beneficiary: "me"}

// written returns a journal, and its totals after each of its lines.
func written(t *testing.T) (text []byte, totals []drawdown.Total) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	step := func(api drawdown.API, n int64) {
		ctx, cancel := context.WithCancel(t.Context())
		once := silent(func(in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
			defer cancel() // keeps Close from a retry
			return api.CheckoutLicense(ctx, in)
		})
		m, err := drawdown.New(once, request, path, byHand)
		require.NoError(t, err)
		if n > 0 {
			require.NoError(t, m.Add("n", n))
		}
		_ = m.Close(ctx)
	}
	lost := silent(func(*licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
		return nil, context.DeadlineExceeded
	})
	refused := silent(func(*licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
		return nil, &licensemanager.AccessDeniedException{}
	})
	step(all, 1)     // head, batch, done
	step(lost, 2)    // batch
	step(all, 0)     // done
	step(refused, 4) // batch, done
	step(all, 8)     // batch, done
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text, []drawdown.Total{
		{}, {Owed: 1}, {Charged: 1}, {Charged: 1, Owed: 2}, {Charged: 3}, {Charged: 3, Owed: 4}, {Charged: 3, Owed: 4}, {Charged: 3, Owed: 12}, {Charged: 15},
	}
}

// sampled reports whether a test of every byte checks byte n of a journal. The
// bytes around line breaks always count.
func sampled(text []byte, n int) bool {
	return exhaustive || n%4 == 0 || bytes.ContainsRune(text[max(0, n-2):min(n+2, len(text))], '\n')
}

// A process can be killed, and a disk can lose power, at any byte of the last
// record.
func TestJournalCutAnywhere(t *testing.T) {
	text, totals := written(t)
	lines := bytes.Count(text, []byte("\n"))
	require.Len(t, totals, lines)
	first := bytes.IndexByte(text, '\n') + 1
	path := filepath.Join(t.TempDir(), "journal")
	for n := range len(text) + 1 {
		if !sampled(text, n) {
			continue
		}
		require.NoError(t, os.WriteFile(path, text[:n], 0o600))
		m, err := drawdown.New(all, request, path, byHand)
		if n < first { // the first record is never written in part
			requireProblem(t, err, path, drawdown.JournalDamaged)
			continue
		}
		require.NoError(t, err)
		want := totals[bytes.Count(text[:n], []byte("\n"))-1]
		require.Equal(t, want, m.Totals()["n"], "%d bytes", n)
		if n%7 == 0 { // continue from there
			require.NoError(t, m.Add("n", 100))
			require.NoError(t, m.Close(t.Context()))
			again, err := drawdown.New(all, request, path, byHand)
			require.NoError(t, err, "%d bytes", n)
			require.Equal(t, drawdown.Total{Charged: want.Charged + want.Owed + 100}, again.Totals()["n"])
			m = again
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_ = m.Close(ended)
	}
}

// Whatever byte is changed, no amount changes: New returns an error, or the
// journal ends before that record.
func TestJournalChangedAnywhere(t *testing.T) {
	text, totals := written(t)
	path := filepath.Join(t.TempDir(), "journal")
	accepted := 0
	for i := range text {
		if !sampled(text, i) {
			continue
		}
		spoilt := bytes.Clone(text)
		spoilt[i] ^= 1
		require.NoError(t, os.WriteFile(path, spoilt, 0o600))
		m, err := drawdown.New(all, request, path, byHand)
		if err != nil {
			var problem *drawdown.JournalError
			require.ErrorAs(t, err, &problem)
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, spoilt, left, "nothing is deleted")
			continue
		}
		accepted++
		require.Contains(t, totals, m.Totals()["n"])
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_ = m.Close(ended)
	}
	assert.Equal(t, 1, accepted, "without its line break, the last record counts as cut off")
}

func requireProblem(t *testing.T, err error, path string, want drawdown.JournalProblem) {
	t.Helper()
	var problem *drawdown.JournalError
	require.ErrorAs(t, err, &problem)
	require.Equal(t, want, problem.Problem, "%v", err)
	require.Equal(t, path, problem.Path)
	require.ErrorContains(t, err, path)
	require.NotContains(t, err.Error(), "\n")
}

func TestJournalThatCannotBeUsed(t *testing.T) {
	text, _ := written(t)
	lines := bytes.SplitAfter(text, []byte("\n"))
	for name, test := range map[string]struct {
		problem drawdown.JournalProblem
		text    []byte
		request func(*drawdown.Request)
	}{
		"empty":                 {problem: drawdown.JournalDamaged, text: []byte{}},
		"something else":        {problem: drawdown.JournalDamaged, text: []byte("{}\n")},
		"a line is gone":        {problem: drawdown.JournalDamaged, text: bytes.Join([][]byte{lines[0], lines[3]}, nil)},
		"a line is there twice": {problem: drawdown.JournalDamaged, text: bytes.Join([][]byte{lines[0], lines[1], lines[1]}, nil)},
		"no head":               {problem: drawdown.JournalDamaged, text: lines[1]},
		"an amount":             {problem: drawdown.JournalDamaged, text: bytes.Replace(text, []byte(`"n":1`), []byte(`"n":9`), 1)},
		"a newer version":       {problem: drawdown.JournalNewerVersion, text: bytes.Replace(text, []byte(`"version":1`), []byte(`"version":2`), 1)},
		"another product":       {problem: drawdown.JournalOtherProduct, text: text, request: func(r *drawdown.Request) { r.ProductSKU = "other" }},
		"another issuer":        {problem: drawdown.JournalOtherProduct, text: text, request: func(r *drawdown.Request) { r.KeyFingerprint = "aws:1:Me:issuer-fingerprint" }},
		"another beneficiary":   {problem: drawdown.JournalOtherProduct, text: text, request: func(r *drawdown.Request) { r.Beneficiary = "you" }},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			require.NoError(t, os.WriteFile(path, test.text, 0o600))
			of := request
			if test.request != nil {
				test.request(&of)
			}
			for range 2 { // a failed New leaves no lock
				_, err := drawdown.New(all, of, path, byHand)
				requireProblem(t, err, path, test.problem)
			}
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, test.text, left)
		})
	}

	dir := t.TempDir()
	_, err := drawdown.New(all, request, dir, byHand)
	requireProblem(t, err, dir, drawdown.JournalUnreadable)
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = drawdown.New(all, request, filepath.Join(file, "journal"), byHand)
	requireProblem(t, err, filepath.Join(file, "journal"), drawdown.JournalUnreadable)

	other := request
	other.NodeID = "another node"
	path := filepath.Join(dir, "journal")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	m, err := drawdown.New(all, other, path, byHand)
	require.NoError(t, err, "the name of the node may change")
	require.NoError(t, m.Close(t.Context()))
}

func TestOneProcessHasTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "journal")
	m, err := drawdown.New(all, request, path, byHand)
	require.NoError(t, err)
	_, err = drawdown.New(all, request, path, byHand)
	requireProblem(t, err, path, drawdown.JournalInUse)
	assert.ErrorContains(t, err, "another meter or process")
	require.NoError(t, m.Add("n", 1))
	require.NoError(t, m.Close(t.Context()))
	m, err = drawdown.New(all, request, path, byHand)
	require.NoError(t, err)
	assert.EqualValues(t, 1, m.Totals()["n"].Charged)
	require.NoError(t, m.Close(t.Context()))
}

// A journal has one lock, by whichever path it is opened.
func TestSymlinkToAJournal(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "journal"), filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	_, err := drawdown.New(all, request, link, byHand)
	requireProblem(t, err, link, drawdown.JournalUnreadable)
	m, err := drawdown.New(all, request, path, byHand)
	require.NoError(t, err)
	_, err = drawdown.New(all, request, link, byHand)
	requireProblem(t, err, link, drawdown.JournalInUse)
	require.NoError(t, m.Close(t.Context()))
}

func TestLockThatIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.Mkdir(path+".lock", 0o700))
	_, err := drawdown.New(all, request, path, byHand)
	requireProblem(t, err, path, drawdown.JournalUnreadable)
	assert.ErrorContains(t, err, "not a regular file")
}

// A journal does not grow without limit, and loses nothing when it is rewritten.
func TestJournalIsRewritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	m, err := drawdown.New(all, request, path, byHand)
	require.NoError(t, err)
	largest, names := int64(0), []string{strings.Repeat("a", 50_000), strings.Repeat("b", 50_000)}
	for i := range 30 {
		require.NoError(t, m.Add(names[i%2], 1))
		require.NoError(t, m.Flush(t.Context()))
		info, err := os.Stat(path)
		require.NoError(t, err)
		largest = max(largest, info.Size())
	}
	assert.Less(t, largest, int64(1<<20+200_000))
	assert.Greater(t, largest, int64(1<<20-200_000))
	want := map[string]drawdown.Total{names[0]: {Charged: 15}, names[1]: {Charged: 15}}
	assert.Equal(t, want, m.Totals())
	require.NoError(t, m.Close(t.Context()))
	m, err = drawdown.New(all, request, path, byHand)
	require.NoError(t, err)
	assert.Equal(t, want, m.Totals())
	require.NoError(t, m.Close(t.Context()))
}

// A batch is in the journal before it is sent.
func TestRecordBeforeRequest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	api := silent(func(in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Contains(t, string(text), fmt.Sprintf(`"token":%q`, in.ClientToken))
		assert.Contains(t, string(text), `"n":7`)
		return all(in)
	})
	m, err := drawdown.New(api, request, path, byHand)
	require.NoError(t, err)
	require.NoError(t, m.Add("n", 7))
	require.NoError(t, m.Close(t.Context()))
}
