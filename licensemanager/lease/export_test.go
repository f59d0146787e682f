package lease

import "encoding/json"

// Jitter sets the random numbers of a lease, so that a seed repeats its run.
func Jitter(random func() float64) func(*Options) {
	return func(o *Options) { o.random = random }
}

// Sign gives a changed record its checksum.
func Sign(file []byte) []byte { return sign(file) }

func sign(file []byte) []byte {
	var e envelope
	if json.Unmarshal(file, &e) == nil {
		e.SHA256 = digest(e.Record)
		file, _ = json.Marshal(e)
	}
	return file
}

// UnderRace reports whether the race detector, which is slow, is on.
func UnderRace() bool { return underRace }
