package entitlements

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// Reason is a short code for why [Set.Ask] returns an error, or why a license is
// not usable.
type Reason string

// The reasons of an [AskError].
const (
	ReasonNotPositive   Reason = "not_positive"   // zero or less was asked for
	ReasonNoEntitlement Reason = "no_entitlement" // no usable license has the entitlement
	ReasonFeature       Reason = "feature"        // more than one of a feature was asked for
	ReasonTooMany       Reason = "too_many"       // all licenses together have less
)

// The reasons of an [UnusableLicense].
const (
	ReasonExpired      Reason = "expired"       // its validity has ended
	ReasonNotBegun     Reason = "not_begun"     // its validity has not begun
	ReasonNotAvailable Reason = "not_available" // it is suspended, deactivated, pending or deleted
	ReasonNotGranted   Reason = "not_granted"   // its grant is not active, or does not permit a checkout
	ReasonWrongProduct Reason = "wrong_product" // Options.LicenseARN is of another product
	ReasonWrongIssuer  Reason = "wrong_issuer"  // its issuer has another key fingerprint
	ReasonNoLicense    Reason = "no_license"    // the account has no license with Options.LicenseARN
)

var sentences = map[Reason]string{
	ReasonNotPositive:   "the number must be positive",
	ReasonNoEntitlement: "no usable license has this entitlement",
	ReasonFeature:       "it is a feature, so only one can be asked for",
	ReasonTooMany:       "the licenses have less of it",
	ReasonExpired:       "it has expired",
	ReasonNotBegun:      "its validity has not begun",
	ReasonNotAvailable:  "it is not available",
	ReasonNotGranted:    "its grant is not active or does not permit a checkout",
	ReasonWrongProduct:  "it is of another product",
	ReasonWrongIssuer:   "its issuer has another key fingerprint",
	ReasonNoLicense:     "the account has no such license",
}

// UnusableLicense is a license that does not count.
type UnusableLicense struct {
	LicenseARN string
	Reason     Reason
}

// EmptyError says that the customer has no usable license.
type EmptyError struct {
	ProductSKU     string
	KeyFingerprint string            // of the issuer
	Unusable       []UnusableLicense // the licenses of the product and issuer, and why each does not count; of another issuer only that of Options.LicenseARN
}

// Error names the product, the issuer, and why each license does not count. If
// there is none, it says what to check.
func (e *EmptyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "entitlements: no usable license of product %q and issuer %q", e.ProductSKU, e.KeyFingerprint)
	separator := ": "
	for _, u := range e.Unusable {
		fmt.Fprintf(&b, "%s%s: %s", separator, redact.Line(u.LicenseARN), sentences[u.Reason])
		separator = "; "
	}
	if len(e.Unusable) == 0 {
		b.WriteString(": check the product SKU and Options.KeyFingerprint")
	}
	return b.String()
}

// AskError says why the service would deny what [Set.Ask] was asked for.
type AskError struct {
	Name   string
	N      int64
	Reason Reason
}

// Error names the entitlement, the number and the reason.
func (e *AskError) Error() string {
	return fmt.Sprintf("entitlements: cannot ask for %d of %q: %s", e.N, e.Name, sentences[e.Reason])
}

// CacheProblem is a short code for what is wrong with a cache file.
type CacheProblem string

// The problems of a [CacheError].
const (
	CacheUnreadable   CacheProblem = "unreadable"    // it cannot be read
	CacheDamaged      CacheProblem = "damaged"       // it is not a cache file, was edited, or was written with another Options.Key
	CacheWrongKey     CacheProblem = "wrong_key"     // it has a MAC and Options.Key is not set, or it has none and Options.Key is set
	CacheOtherProduct CacheProblem = "other_product" // it is of another product, issuer or license
	CacheNewerVersion CacheProblem = "newer_version" // it was written by a newer version of this package
)

// CacheError says that [Options].CacheFile cannot be used. The file is left as
// it is.
type CacheError struct {
	Path    string
	Problem CacheProblem
	Err     error // the cause, or nil
}

var cacheProblems = map[CacheProblem]string{
	CacheUnreadable:   "cannot be read: it must be a file that this process may read, or not exist",
	CacheDamaged:      "is damaged, was edited or was written with another Options.Key: remove it",
	CacheWrongKey:     "has a MAC and Options.Key is not set, or has none and Options.Key is set: set the same key, or remove the file",
	CacheOtherProduct: "is of another product, issuer or license: set Options.CacheFile to another path, or remove it",
	CacheNewerVersion: "was written by a newer version of this package: update the program, or remove the file",
}

// Error names the file and says what to do.
func (e *CacheError) Error() string {
	text := fmt.Sprintf("entitlements: the cache file %s %s", e.Path, cacheProblems[e.Problem])
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

// Unwrap returns Err.
func (e *CacheError) Unwrap() error { return e.Err }

// join wraps both errors, in one line.
func join(a, b error) error {
	if a != nil && b != nil {
		return fmt.Errorf("%w (%w)", a, b)
	}
	return cmp.Or(a, b)
}
