package awstokens

import "time"

// Result is embedded in every output and says how the call went.
type Result struct {
	// RequestID is the ID that the service gave the last attempt; AWS support
	// asks for it. Empty if the service gave none.
	RequestID string `json:"-"`

	// Attempts is how many requests were sent, at least 1.
	Attempts int `json:"-"`

	// Date is the service's clock when it responded, to the second, or the zero
	// time if the service gave none.
	Date time.Time `json:"-"`
}

// Metadata returns r itself, so that code can handle every output alike
// through one interface.
func (r *Result) Metadata() *Result { return r }
