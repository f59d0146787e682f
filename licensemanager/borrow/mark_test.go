package borrow_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager/borrow"
)

// step sets the clock and verifies.
type step struct {
	at     time.Time
	token  string
	reason borrow.Reason // empty: accepted
}

func TestClock(t *testing.T) {
	token := borrowed(good())
	newer := borrowed(good().with("issuedAt", "2026-03-12T12:00:00"))
	longer := borrowed(good().with("expiration", "2026-06-30T12:00:00"))
	other := borrowed(good().with("nodeId", "laptop").with("issuedAt", "2026-03-12T12:00:00"))
	const day = 24 * time.Hour

	for name, test := range map[string]struct {
		options borrow.Options
		steps   []step
		mark    time.Time
	}{
		"goes on": {
			steps: []step{{now, token, ""}, {now.Add(day), token, ""}, {end.Add(-1), token, ""}, {end, token, borrow.ErrExpired}},
			mark:  end,
		},
		"goes back": {
			steps: []step{{now, token, ""}, {now.Add(-5*time.Minute - 1), token, borrow.ErrClockWentBack}, {now, token, ""}},
			mark:  now,
		},
		"goes back within the tolerance": {
			steps: []step{{now, token, ""}, {now.Add(-5 * time.Minute), token, ""}},
			mark:  now,
		},
		"goes back by small steps": {
			steps: []step{{now, token, ""}, {now.Add(-4 * time.Minute), token, ""}, {now.Add(-8 * time.Minute), token, borrow.ErrClockWentBack}},
			mark:  now,
		},
		"goes back by more than a tolerance of one's own": {
			options: borrow.Options{ClockTolerance: time.Second},
			steps:   []step{{now, token, ""}, {now.Add(-time.Second), token, ""}, {now.Add(-time.Second - 1), token, borrow.ErrClockWentBack}},
			mark:    now,
		},
		"goes back after the end, within the tolerance": {
			steps: []step{{end.Add(time.Minute), token, borrow.ErrExpired}, {end.Add(-time.Minute), token, borrow.ErrExpired}},
			mark:  end,
		},
		"goes back after the end": {
			steps: []step{{end.Add(90 * day), token, borrow.ErrExpired}, {now, token, borrow.ErrClockWentBack}},
			mark:  end,
		},
		"is ahead by years for a moment": {
			steps: []step{{now.AddDate(70, 0, 0), token, borrow.ErrExpired}, {end.Add(day), longer, ""}},
			mark:  end.Add(day),
		},
		"grace": {
			options: borrow.Options{Grace: time.Hour},
			steps:   []step{{end.Add(time.Hour - 1), token, ""}, {end.Add(time.Hour), token, borrow.ErrExpired}, {end.Add(59 * time.Minute), token, borrow.ErrExpired}},
			mark:    end.Add(time.Hour),
		},
		"a license that was issued later": {
			steps: []step{{now.Add(2*day - time.Minute), newer, ""}, {now, token, borrow.ErrClockWentBack}},
			mark:  now.Add(2 * day),
		},
		"a license issued in the future proves nothing": {
			steps: []step{{now, newer, borrow.ErrIssuedInFuture}, {now, token, ""}},
			mark:  now,
		},
		"another machine's license": {
			steps: []step{{now.Add(10 * day), other, borrow.ErrOtherNode}, {now, token, ""}},
			mark:  now,
		},
		"a forged license": {
			steps: []step{{now.Add(10 * day), token[:len(token)-2], borrow.ErrSignature}, {now, token, ""}},
			mark:  now,
		},
		"at the beginning of time": {
			steps: []step{{time.Unix(0, 0), token, borrow.ErrIssuedInFuture}, {time.Time{}, token, borrow.ErrIssuedInFuture}},
		},
	} {
		for kind, mark := range map[string]borrow.Mark{"memory": new(borrow.MemoryMark), "file": borrow.NewFileMark(filepath.Join(t.TempDir(), "clock"))} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				for i, step := range test.steps {
					test.options.Now, test.options.Mark = at(step.at), mark
					// A new verifier each time, as after a restart.
					_, err := newVerifier(t, test.options).Verify(awstokens.NewSecret(step.token), wanted())
					if step.reason == "" {
						require.NoError(t, err, "step %d", i)
						continue
					}
					refusal(t, err, step.reason, step.token)
				}
				kept, err := mark.Load()
				require.NoError(t, err)
				assert.Equal(t, test.mark, kept)
			})
		}
	}
}

// Without a Mark, a clock that is set back while the process runs is noticed.
func TestDefaultMark(t *testing.T) {
	clock := now
	v := newVerifier(t, borrow.Options{Now: func() time.Time { return clock }})
	token := borrowed(good())
	_, err := v.Verify(awstokens.NewSecret(token), wanted())
	require.NoError(t, err)
	clock = clock.Add(-time.Hour)
	_, err = v.Verify(awstokens.NewSecret(token), wanted())
	refusal(t, err, borrow.ErrClockWentBack, token)
}

// fakeMark returns the errors load and raise, and records what is written.
type fakeMark struct {
	borrow.MemoryMark
	load, raise error
	raised      []time.Time
}

func (m *fakeMark) Load() (time.Time, error) {
	if m.load != nil {
		return time.Time{}, m.load
	}
	return m.MemoryMark.Load()
}

func (m *fakeMark) Raise(t time.Time) error {
	m.raised = append(m.raised, t)
	if m.raise != nil {
		return m.raise
	}
	return m.MemoryMark.Raise(t)
}

func TestMarkFails(t *testing.T) {
	broken := errors.New("disk is full")
	token := borrowed(good())

	_, err := newVerifier(t, borrow.Options{Mark: &fakeMark{load: broken}}).Verify(awstokens.NewSecret(token), wanted())
	refused := refusal(t, err, borrow.ErrMarkUnreadable, token)
	require.ErrorIs(t, err, broken)
	assert.NotNil(t, refused.License)

	license, err := newVerifier(t, borrow.Options{Mark: &fakeMark{raise: broken}}).Verify(awstokens.NewSecret(token), wanted())
	assert.Nil(t, license)
	refused = refusal(t, err, borrow.ErrMarkNotWritten, token)
	require.ErrorIs(t, err, broken)
	assert.Equal(t, nodeID, refused.License.NodeID, "the caller may continue with it")

	// ErrExpired comes first.
	_, err = newVerifier(t, borrow.Options{Mark: &fakeMark{raise: broken}, Now: at(end)}).Verify(awstokens.NewSecret(token), wanted())
	refusal(t, err, borrow.ErrExpired, token)
	require.ErrorIs(t, err, broken)
}

func TestMarkIsWrittenOnlyWhenItRises(t *testing.T) {
	mark := new(fakeMark)
	v := newVerifier(t, borrow.Options{Mark: mark})
	for range 3 {
		_, err := v.Verify(awstokens.NewSecret(borrowed(good())), wanted())
		require.NoError(t, err)
	}
	assert.Equal(t, []time.Time{now}, mark.raised)
}

// The monotonic clock does not go back when the user sets the time, so it must
// not be compared.
func TestMarkIsWallTime(t *testing.T) {
	mark := new(fakeMark)
	v := newVerifier(t, borrow.Options{Mark: mark, Now: time.Now})
	_, err := v.Verify(awstokens.NewSecret(borrowed(good().with("expiration", "9999-01-01T00:00:00Z").with("issuedAt", "2020-12-01T00:47:35"))), wanted())
	require.NoError(t, err)
	require.Len(t, mark.raised, 1)
	assert.NotContains(t, mark.raised[0].String(), "m=")
}

// busyMark is raised by another process whenever it is read.
type busyMark struct{ clock *time.Time }

func (m busyMark) Load() (time.Time, error) {
	*m.clock = m.clock.Add(time.Hour)
	return *m.clock, nil
}

func (busyMark) Raise(time.Time) error { return nil }

func TestMarkIsReadBeforeTheClock(t *testing.T) {
	clock := now
	v := newVerifier(t, borrow.Options{Mark: busyMark{&clock}, Now: func() time.Time { return clock }})
	_, err := v.Verify(awstokens.NewSecret(borrowed(good())), wanted())
	require.NoError(t, err)
}

func TestMarksNeverGoBack(t *testing.T) {
	for name, mark := range map[string]borrow.Mark{"memory": new(borrow.MemoryMark), "file": borrow.NewFileMark(filepath.Join(t.TempDir(), "clock"))} {
		t.Run(name, func(t *testing.T) {
			kept, err := mark.Load()
			require.NoError(t, err)
			assert.True(t, kept.IsZero())
			for _, raise := range []time.Duration{1, 0, -time.Hour} {
				require.NoError(t, mark.Raise(now.Add(raise)), "earlier is no error")
				kept, err := mark.Load()
				require.NoError(t, err)
				assert.Equal(t, now.Add(1), kept, "but changes nothing")
			}
		})
	}
}

func TestFileMark(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "clock")
	require.NoError(t, borrow.NewFileMark(path).Raise(now))
	require.NoError(t, borrow.NewFileMark(path).Raise(now.Add(1).In(time.FixedZone("", 3600))))
	kept, err := borrow.NewFileMark(path).Load()
	require.NoError(t, err)
	assert.Equal(t, now.Add(1), kept)

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "2026-03-10T12:00:00.000000001Z\n", string(data))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1, "no temporary file is left")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode())
		info, err = os.Stat(dir)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
}

func TestCorruptFileMark(t *testing.T) {
	for name, data := range map[string]string{
		"empty":            "",
		"newline":          "\n",
		"text":             "yesterday\n",
		"cut":              "2026-03-10T12:00:0",
		"newline cut off":  "2026-03-10T12:00:00Z",
		"no zone":          "2026-03-10T12:00:00\n",
		"two dates":        "2026-03-10T12:00:00Z\n2026-03-10T12:00:00Z\n",
		"more than a date": "2026-03-10T12:00:00." + strings.Repeat("0", 42) + "Z\n0",
		"zeros":            "\x00\x00\x00\x00\x00\x00\x00\x00\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "clock")
			require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
			mark := borrow.NewFileMark(path)

			var corrupt *borrow.CorruptMarkError
			_, err := mark.Load()
			require.ErrorAs(t, err, &corrupt)
			assert.Equal(t, path, corrupt.Path)
			require.ErrorAs(t, mark.Raise(now), &corrupt)

			token := borrowed(good())
			_, err = newVerifier(t, borrow.Options{Mark: mark}).Verify(awstokens.NewSecret(token), wanted())
			refusal(t, err, borrow.ErrMarkUnreadable, token)
			require.ErrorAs(t, err, &corrupt)

			left, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, data, string(left), "it is not overwritten")
		})
	}
}

func TestUnusableFileMark(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	token := borrowed(good())

	// A directory in place of the file.
	_, err := newVerifier(t, borrow.Options{Mark: borrow.NewFileMark(dir)}).Verify(awstokens.NewSecret(token), wanted())
	refusal(t, err, borrow.ErrMarkUnreadable, token)

	// A directory that cannot be created: its name is a link to nowhere.
	nowhere := filepath.Join(dir, "nowhere")
	if err := os.Symlink(filepath.Join(file, "x"), nowhere); err != nil {
		t.Skip(err)
	}
	err = borrow.NewFileMark(filepath.Join(nowhere, "clock")).Raise(now)
	require.Error(t, err)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 2, "nothing was created")
}

// A file has a date, which never falls, or is corrupt and stays as it is.
func FuzzFileMark(f *testing.F) {
	for _, data := range []string{
		"", "\n", "2026-03-10T12:00:00Z\n", "2026-03-10T12:00:00.123456789+23:59\n", "2026-03-10T12:00:00Z", "2026-03-10T12:00:00\n", "2026-03-10T12:00:00Z\r\n",
		"2026-03-10T12:00:00Z\n2026-03-10T12:00:00Z\n", "0000-01-01T00:00:00+23:59\n", "9999-12-31T23:59:59.999999999-23:59\n",
		"2026-03-10T12:00:00." + strings.Repeat("0", 42) + "Z\n", "2026-03-10T12:00:00." + strings.Repeat("0", 43) + "Z\n",
		"2026-03-10T12:00:00." + strings.Repeat("0", 42) + "Z\n0",
	} {
		f.Add([]byte(data), now.Unix(), int64(1))
		f.Add([]byte(data), end.Unix(), int64(0))
	}
	path := filepath.Join(f.TempDir(), "clock")
	f.Fuzz(func(t *testing.T, data []byte, seconds, nanoseconds int64) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
		to := time.Unix(seconds, nanoseconds)
		if year := to.UTC().Year(); year < 1 || year > 9999 {
			t.Skip("a date that cannot be written")
		}
		kept, err := borrow.NewFileMark(path).Load()
		raised := borrow.NewFileMark(path).Raise(to)
		left, readErr := os.ReadFile(path)
		require.NoError(t, readErr)
		if err != nil {
			var corrupt *borrow.CorruptMarkError
			require.ErrorAs(t, err, &corrupt)
			require.ErrorAs(t, raised, &corrupt)
			require.Equal(t, data, left)
			return
		}
		require.NoError(t, raised)
		require.LessOrEqual(t, len(data), 64)
		want := to
		if !to.After(kept) {
			want = kept
			require.Equal(t, data, left)
		}
		now, err := borrow.NewFileMark(path).Load()
		require.NoError(t, err)
		require.True(t, want.Equal(now), "%s, and it was %s", now, want)
	})
}

// Two marks of one file behave like two processes.
func TestSharedFileMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	var group sync.WaitGroup
	for i := range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			mark := borrow.NewFileMark(path)
			for j := range 5 {
				assert.NoError(t, mark.Raise(now.Add(time.Duration(4*j+i))))
				_, err := mark.Load()
				assert.NoError(t, err, "never half a date")
			}
		}()
	}
	group.Wait()
	kept, err := borrow.NewFileMark(path).Load()
	require.NoError(t, err)
	assert.WithinDuration(t, now, kept, 20)
}
