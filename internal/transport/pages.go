package transport

import "iter"

// Pages iterates over the items of a paginated list, from the page that the
// input names on. It sets the input's token, in a copy, for each page that
// fetch gets. It ends after the last page, after an error, and when the
// service repeats a token, which would never end.
func Pages[I, T any](in *I, token func(*I) *string, fetch func(*I) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var page I
		if in != nil {
			page = *in
		}
		next := token(&page)
		for seen := map[string]bool{}; !seen[*next]; {
			seen[*next] = true
			items, following, err := fetch(&page)
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
			if following == "" {
				return
			}
			*next = following
		}
	}
}
