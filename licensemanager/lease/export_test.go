package lease

// Jitter replaces the random numbers of a lease, so that a seed tells all.
func Jitter(random func() float64) func(*Options) {
	return func(o *Options) { o.random = random }
}
