package awstokens

import "time"

// Result is embedded in every output and describes the call.
type Result struct {
	// RequestID is the ID that the service gave the last attempt, for which AWS
	// Support asks, or empty if the service gave none.
	RequestID string `json:"-"`

	// Attempts is how many requests were sent, at least 1.
	Attempts int `json:"-"`

	// Date is the service's clock when it responded, to the second, or the zero
	// time if the service gave none.
	Date time.Time `json:"-"`
}

// Metadata returns r. It is the method by which code can handle every output
// through one interface.
func (r *Result) Metadata() *Result { return r }
