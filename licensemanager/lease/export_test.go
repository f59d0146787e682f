package lease

import "encoding/json"

// Jitter replaces the random numbers of a lease, so that a seed tells all.
func Jitter(random func() float64) func(*Options) {
	return func(o *Options) { o.random = random }
}

// Sign gives a changed record its checksum.
func Sign(file []byte) []byte {
	var e envelope
	if err := json.Unmarshal(file, &e); err != nil {
		panic(err)
	}
	e.SHA256 = digest(e.Record)
	file, _ = json.Marshal(e)
	return file
}

// UnderRace says whether the race detector makes everything slow.
func UnderRace() bool { return underRace }
