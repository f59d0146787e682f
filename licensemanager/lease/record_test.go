package lease

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func wholeRecord() stored {
	at := func(minute int) time.Time { return time.Date(2030, 1, 2, 3, minute, 5, 6, time.UTC) }
	return stored{
		record: record{
			Phase: phaseHeld, ClientToken: "client", FirstSent: at(0), Token: awstokens.NewSecret("token"),
			Lo: at(1), Hi: endless.AddDate(5, 0, 0), Pending: true, Life: time.Hour, Dead: awstokens.NewSecret("dead"), OrphanUntil: at(2),
		},
		requestID: requestID{"sku", "fingerprint", "rest"}, Account: "111122223333", NodeID: "node", Beneficiary: "444455556666",
		LicenseARN: "arn", Granted: []licensemanager.EntitlementData{licensemanager.Count("Users", 2)},
	}
}

// Every member of a record is in the file, the secrets among them.
func TestRecordInItsFile(t *testing.T) {
	want := wholeRecord()
	got, problem, err := decodeStored(want.encode())
	require.NoError(t, err)
	assert.Empty(t, problem)
	want.Hi = endless
	assert.Equal(t, want, got)
	assert.Equal(t, "token", got.Token.Reveal())
	assert.Equal(t, "dead", got.Dead.Reveal())
}

// A file is refused, or what it says survives another save.
func FuzzRecord(f *testing.F) {
	for _, s := range []stored{wholeRecord(), {record: record{OrphanUntil: endless}}, {record: record{Phase: phaseAsking, ClientToken: "c"}}, {}} {
		f.Add(s.encode())
	}
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"version":1,"record":{"phase":"held","token":"t","lo":"0000-01-01T00:00:00+23:00","hi":"9999-12-31T23:59:59-23:00"}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, file := range [][]byte{file, sign(file)} {
			s, problem, err := decodeStored(file)
			if problem != "" {
				require.Error(t, err)
				continue
			}
			again, problem, err := decodeStored(s.encode())
			require.NoError(t, err)
			require.Empty(t, problem)
			require.Equal(t, s.encode(), again.encode())
		}
	})
}

// A store that could not be opened is closed once: by then somebody else may
// have locked it and be writing its record.
func TestStoreIsClosedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seat.json")
	require.NoError(t, os.WriteFile(path, []byte("not a record\n"), 0o600))
	request := Request{ProductSKU: "sku"}
	store, _, err := NewFileStore(path).open(nil, &request, reading{wall: time.Now()})
	require.Error(t, err)
	temporary := filepath.Join(filepath.Dir(path), ".seat.json.123") // of another process
	require.NoError(t, os.WriteFile(temporary, nil, 0o600))
	store.close()
	assert.FileExists(t, temporary)
}
