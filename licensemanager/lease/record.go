package lease

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// stored is a record and what else must outlive the process.
type stored struct {
	record
	requestID
	Account     string `json:"account,omitempty"`
	NodeID      string `json:"nodeID,omitempty"`      // of the checkout with ClientToken
	Beneficiary string `json:"beneficiary,omitempty"` // for a check-in by another Request

	// What an extension does not return.
	LicenseARN string                           `json:"licenseARN,omitempty"`
	Granted    []licensemanager.EntitlementData `json:"granted,omitempty"`
}

// requestID identifies a request. NodeID is not part of it, because the program
// may start again on another machine.
type requestID struct {
	ProductSKU     string `json:"productSKU"`
	KeyFingerprint string `json:"keyFingerprint"`
	Rest           string `json:"request"` // digest of the other members
}

func (r *Request) id() requestID {
	rest, _ := json.Marshal([]any{r.Entitlements, r.AllowPartial, r.Beneficiary}) // cannot fail
	return requestID{r.ProductSKU, r.KeyFingerprint, digest(rest)}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// recordVersion is the version of the file's format.
const recordVersion = 1

// envelope is the format of the file. The checksum is that of Record's bytes.
type envelope struct {
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	Record  json.RawMessage `json:"record"`
}

// recordJSON is a stored record in JSON, with its secrets as plain text.
type recordJSON struct {
	stored
	PlainToken string `json:"token,omitempty"`
	PlainDead  string `json:"dead,omitempty"`
}

func (s stored) encode() []byte {
	for _, t := range []*time.Time{&s.FirstSent, &s.Lo, &s.Hi, &s.OrphanUntil} {
		*t = later(earlier(t.UTC(), endless), time.Time{}) // JSON has years from 0 to 9999
	}
	record, _ := json.Marshal(recordJSON{s, s.Token.Reveal(), s.Dead.Reveal()}) // cannot fail
	data, _ := json.Marshal(envelope{recordVersion, digest(record), record})
	return append(data, '\n')
}

// decodeStored decodes a file, or returns what is wrong with it.
func decodeStored(data []byte) (stored, StoreProblem, error) {
	var e envelope
	if json.Unmarshal(data, &e) != nil {
		return stored{}, StoreDamaged, errNoRecord // without the text of the file
	}
	switch {
	case e.Version > recordVersion:
		return stored{}, StoreNewerVersion, fmt.Errorf("its version is %d, and this program knows version %d", e.Version, recordVersion)
	case e.Version != recordVersion || digest(e.Record) != e.SHA256:
		return stored{}, StoreDamaged, errors.New("its checksum is wrong")
	}
	var r recordJSON
	d := json.NewDecoder(bytes.NewReader(e.Record))
	d.DisallowUnknownFields()
	if d.Decode(&r) != nil {
		return stored{}, StoreDamaged, errNoRecord
	}
	r.Token, r.Dead = awstokens.NewSecret(r.PlainToken), awstokens.NewSecret(r.PlainDead)
	if !r.isWhole() {
		return stored{}, StoreDamaged, errNoRecord
	}
	return r.stored, "", nil
}

var errNoRecord = errors.New("it is not the record of a lease")

// isWhole reports whether a record has what its phase needs.
func (r *record) isWhole() bool {
	switch r.Phase {
	case phaseNone:
		return !r.OrphanUntil.IsZero()
	case phaseAsking:
		return r.ClientToken != ""
	case phaseHeld, phaseClosing:
		return !r.Token.IsZero()
	}
	return false
}
