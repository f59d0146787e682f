package transport

import (
	"context"
	"iter"
)

// Pages iterates over the items of a list operation, from the page that in
// names on. It ends after the last page, after an error, and when the service
// returns a token again, which would never end. It works on a copy of in, of which
// parts returns where the token of the page to get is, beside the items of a
// page and the token of the next.
func Pages[I, O, T any](ctx context.Context, list func(context.Context, *I) (*O, error), in *I,
	parts func(in *I, out *O) (items []T, token *string, next string),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		page := new(I)
		if in != nil {
			*page = *in
		}
		_, token, _ := parts(page, new(O))
		for seen := map[string]bool{}; !seen[*token]; {
			seen[*token] = true
			out, err := list(ctx, page)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			items, _, next := parts(page, out)
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			*token = next
		}
	}
}
