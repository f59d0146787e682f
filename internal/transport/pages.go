package transport

import "iter"

// Pages iterates over the items of a paginated list, from the page of the
// token first on. It ends after the last page, after an error, and when the
// service repeats a token, which would never end.
func Pages[T any](first string, fetch func(token string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := map[string]bool{}
		for token := first; !seen[token]; {
			seen[token] = true
			items, next, err := fetch(token)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			token = next
		}
	}
}
