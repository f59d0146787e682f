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
	Request requestID
	Account string
	NodeID  string // of the checkout with ClientToken

	// What an extension does not return.
	LicenseARN string
	Granted    []licensemanager.EntitlementData
}

// requestID identifies a request. NodeID is not part of it, because the program
// may start again on another machine.
type requestID struct{ ProductSKU, KeyFingerprint, Rest string }

func (r *Request) id() requestID {
	rest, _ := json.Marshal([]any{r.Entitlements, r.AllowPartial, r.Beneficiary}) // cannot fail
	return requestID{r.ProductSKU, r.keyFingerprint(), digest(rest)}
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
	ProductSKU     string        `json:"productSKU"`
	KeyFingerprint string        `json:"keyFingerprint"`
	Request        string        `json:"request"`
	Account        string        `json:"account,omitempty"`
	Phase          phase         `json:"phase,omitempty"`
	ClientToken    string        `json:"clientToken,omitempty"`
	NodeID         string        `json:"nodeID,omitempty"`
	FirstSent      time.Time     `json:"firstSent,omitzero"`
	Token          string        `json:"token,omitempty"`
	Lo             time.Time     `json:"lo,omitzero"`
	Hi             time.Time     `json:"hi,omitzero"`
	Pending        bool          `json:"pending,omitempty"`
	Life           time.Duration `json:"life,omitempty"`
	Dead           string        `json:"dead,omitempty"`
	OrphanUntil    time.Time     `json:"orphanUntil,omitzero"`
	LicenseARN     string        `json:"licenseARN,omitempty"`

	Granted []licensemanager.EntitlementData `json:"granted,omitempty"`
}

func (s *stored) encode() []byte {
	record, _ := json.Marshal(recordJSON{ // cannot fail: no time is after the year 9999
		s.Request.ProductSKU, s.Request.KeyFingerprint, s.Request.Rest, s.Account,
		s.Phase, s.ClientToken, s.NodeID, dated(s.FirstSent), s.Token.Reveal(), dated(s.Lo), dated(s.Hi), s.Pending, s.Life,
		s.Dead.Reveal(), dated(s.OrphanUntil), s.LicenseARN, s.Granted,
	})
	data, _ := json.Marshal(envelope{recordVersion, digest(record), record})
	return append(data, '\n')
}

func dated(t time.Time) time.Time { return earlier(t.UTC(), endless) }

// decodeStored decodes a file, or returns what is wrong with it.
func decodeStored(data []byte) (stored, StoreProblem, error) {
	var e envelope
	var r recordJSON
	if err := json.Unmarshal(data, &e); err != nil {
		return stored{}, StoreDamaged, errNoRecord // without the text of the file
	}
	switch {
	case e.Version > recordVersion:
		return stored{}, StoreFromFuture, fmt.Errorf("its version is %d, and this program knows version %d", e.Version, recordVersion)
	case e.Version != recordVersion || digest(e.Record) != e.SHA256:
		return stored{}, StoreDamaged, errors.New("its checksum is wrong")
	}
	d := json.NewDecoder(bytes.NewReader(e.Record))
	d.DisallowUnknownFields()
	if d.Decode(&r) != nil || !r.isWhole() {
		return stored{}, StoreDamaged, errNoRecord
	}
	return stored{
		record: record{
			Phase: r.Phase, ClientToken: r.ClientToken, FirstSent: r.FirstSent, Token: awstokens.NewSecret(r.Token),
			Lo: r.Lo, Hi: r.Hi, Pending: r.Pending, Life: r.Life, Dead: awstokens.NewSecret(r.Dead), OrphanUntil: r.OrphanUntil,
		},
		Request: requestID{r.ProductSKU, r.KeyFingerprint, r.Request}, Account: r.Account, NodeID: r.NodeID,
		LicenseARN: r.LicenseARN, Granted: r.Granted,
	}, "", nil
}

var errNoRecord = errors.New("it is not the record of a lease")

// isWhole reports whether a record has what its phase needs.
func (r *recordJSON) isWhole() bool {
	switch r.Phase {
	case phaseNone:
		return !r.OrphanUntil.IsZero()
	case phaseAsking:
		return r.ClientToken != ""
	case phaseHeld, phaseClosing:
		return r.Token != ""
	}
	return false
}
