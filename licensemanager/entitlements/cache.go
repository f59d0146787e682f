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

	// maxCache is the size up to which a file is read: some thousand licenses.
	maxCache = 16 << 20
)

// The kinds of sum in a cache file.
const checksum, mac = "sha256", "hmac-sha256"

// cacheFile is the content of a cache file.
type cacheFile struct {
	Version int             `json:"version"`
	Sum     string          `json:"sum"`
	Data    json.RawMessage `json:"data"` // a cached; the sum is over these bytes
}

// cached is what a Watcher knew. Times are by the service's clock, except Saved.
type cached struct {
	ProductSKU     string    `json:"productSku"`
	KeyFingerprint string    `json:"keyFingerprint"`
	LicenseARN     string    `json:"licenseArn,omitzero"`
	Date           time.Time `json:"date"`  // of the last refresh that succeeded
	Seen           time.Time `json:"seen"`  // when this was written
	Saved          time.Time `json:"saved"` // the same by the local clock

	Licenses []licensemanager.GrantedLicense `json:"licenses"`
}

// sum is the checksum or, with Options.Key, the MAC of the data of a cache file.
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
	fail := func(problem CacheProblem, err error) (*cached, error) {
		return nil, &CacheError{Path: path, Problem: problem, Err: err}
	}
	text, err := atomicfile.Read(path, maxCache)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return fail(CacheUnreadable, err)
	}
	var file cacheFile
	if err := json.Unmarshal(text, &file); err != nil {
		return fail(CacheDamaged, err)
	}
	if file.Version > cacheVersion {
		return fail(CacheNewerVersion, fmt.Errorf("version %d", file.Version))
	}
	sum := l.sum(file.Data)
	switch kind, _, _ := strings.Cut(file.Sum, ":"); {
	case file.Version != cacheVersion || kind != checksum && kind != mac:
		return fail(CacheDamaged, fmt.Errorf("version %d, sum %q", file.Version, kind))
	case !strings.HasPrefix(sum, kind+":"):
		return fail(CacheWrongKey, nil)
	case !hmac.Equal([]byte(file.Sum), []byte(sum)):
		return fail(CacheDamaged, errors.New("its sum does not match"))
	}
	var c cached
	if err := json.Unmarshal(file.Data, &c); err != nil {
		return fail(CacheDamaged, err)
	}
	if c.ProductSKU != l.productSKU || c.KeyFingerprint != l.options.KeyFingerprint || c.LicenseARN != l.options.LicenseARN {
		return fail(CacheOtherProduct, nil)
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
	switch {
	case err != nil:
	case len(text) >= maxCache: // could not be read
		err = atomicfile.ErrTooLong
	default:
		err = atomicfile.Write(l.options.CacheFile, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("entitlements: the cache file %s cannot be written: %w", l.options.CacheFile, err)
	}
	return nil
}
