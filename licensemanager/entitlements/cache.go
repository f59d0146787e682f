package entitlements

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const (
	cacheVersion = 1

	// maxCache bounds what is read: some thousand licenses.
	maxCache = 16 << 20

	// maxAhead is how far the date in a file may be ahead of the local clock,
	// which somebody may have set in the meantime.
	maxAhead = 24 * time.Hour

	// leftover is the age of a temporary file that a killed process has left.
	leftover = time.Hour
)

// The kinds of sum that a cache file has.
const checksum, mac = "sha256", "hmac-sha256"

// cacheFile is what a cache file holds.
type cacheFile struct {
	Version int             `json:"version"`
	Sum     string          `json:"sum"`
	Data    json.RawMessage `json:"data"` // a cached, whose bytes have the sum
}

// cached is what a Watcher knew. Dates are the service's, but for Saved.
type cached struct {
	ProductSKU     string    `json:"productSku"`
	KeyFingerprint string    `json:"keyFingerprint"`
	LicenseARN     string    `json:"licenseArn,omitzero"`
	Date           time.Time `json:"date"`  // of the last good look
	Seen           time.Time `json:"seen"`  // when this was written
	Saved          time.Time `json:"saved"` // the same by the local clock

	Licenses []licensemanager.GrantedLicense `json:"licenses"`
}

// CacheProblem is a short code for what is wrong with a cache file.
type CacheProblem string

// The problems of a [CacheError].
const (
	CacheUnreadable   CacheProblem = "unreadable"    // it cannot be read
	CacheDamaged      CacheProblem = "damaged"       // it is no cache file, was edited, or was written with another Options.Key
	CacheWrongKey     CacheProblem = "wrong_key"     // it has a MAC and Options.Key is not set, or the other way round
	CacheOtherProduct CacheProblem = "other_product" // it is of another product, issuer or license
	CacheFuture       CacheProblem = "future"        // it was written by a newer version of this package, or is dated more than a day ahead
)

// CacheError says that [Options].CacheFile cannot be used. The file is left as
// it is, and not written to.
type CacheError struct {
	Path    string
	Problem CacheProblem
	Err     error // what failed, or nil
}

var cacheAdvice = map[CacheProblem]string{
	CacheUnreadable:   "cannot be read: give this process a file that it may read, or remove it",
	CacheDamaged:      "is damaged, was edited or was written with another Options.Key: remove it",
	CacheWrongKey:     "has a MAC and Options.Key is not set, or the other way round: set the same key, or remove the file",
	CacheOtherProduct: "is of another product, issuer or license: set Options.CacheFile to another path, or remove it",
	CacheFuture:       "is from the future: set the clock, update the program, or remove the file",
}

// Error names the file and says what to do.
func (e *CacheError) Error() string {
	text := fmt.Sprintf("entitlements: the cache file %s %s", e.Path, cacheAdvice[e.Problem])
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

// Unwrap returns what failed.
func (e *CacheError) Unwrap() error { return e.Err }

// sum is the MAC or the checksum of the data of a cache file.
func (l *loader) sum(data []byte) string {
	h, kind := sha256.New(), checksum
	if key := l.options.Key; !key.IsZero() {
		h, kind = hmac.New(sha256.New, []byte(key.Reveal())), mac
	}
	fmt.Fprintf(h, "awstokens entitlements %d\n%s", cacheVersion, data)
	return kind + ":" + hex.EncodeToString(h.Sum(nil))
}

// readCache returns nil if there is no file.
func (l *loader) readCache() (*cached, error) {
	path := l.options.CacheFile
	refuse := func(problem CacheProblem, err error) (*cached, error) {
		return nil, &CacheError{Path: path, Problem: problem, Err: err}
	}
	text, err := atomicfile.Read(path, maxCache)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return refuse(CacheUnreadable, err)
	}
	var file cacheFile
	if err := json.Unmarshal(text, &file); err != nil {
		return refuse(CacheDamaged, err)
	}
	if file.Version > cacheVersion {
		return refuse(CacheFuture, fmt.Errorf("version %d", file.Version))
	}
	sum := l.sum(file.Data)
	switch kind, _, _ := strings.Cut(file.Sum, ":"); {
	case file.Version != cacheVersion || kind != checksum && kind != mac:
		return refuse(CacheDamaged, fmt.Errorf("version %d, sum %q", file.Version, kind))
	case !strings.HasPrefix(sum, kind+":"):
		return refuse(CacheWrongKey, nil)
	case !hmac.Equal([]byte(file.Sum), []byte(sum)):
		return refuse(CacheDamaged, errors.New("its sum differs"))
	}
	var c cached
	if err := json.Unmarshal(file.Data, &c); err != nil {
		return refuse(CacheDamaged, err)
	}
	now := l.options.Clock.Now()
	switch {
	case c.ProductSKU != l.productSKU || c.KeyFingerprint != l.options.KeyFingerprint || c.LicenseARN != l.options.LicenseARN:
		return refuse(CacheOtherProduct, nil)
	case c.Saved.Sub(now) > maxAhead:
		return refuse(CacheFuture, fmt.Errorf("written at %s, and now it is %s", c.Saved.Format(time.RFC3339), now.UTC().Format(time.RFC3339)))
	}
	return &c, nil
}

// writeCache replaces the file.
func (l *loader) writeCache(c cached) error {
	c.ProductSKU, c.KeyFingerprint, c.LicenseARN = l.productSKU, l.options.KeyFingerprint, l.options.LicenseARN
	c.Saved = l.options.Clock.Now().UTC()
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	text, err := json.Marshal(cacheFile{Version: cacheVersion, Sum: l.sum(data), Data: data})
	if err == nil {
		err = atomicfile.Write(l.options.CacheFile, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("entitlements: the cache file %s cannot be written: %w", l.options.CacheFile, err)
	}
	return nil
}
