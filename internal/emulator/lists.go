package emulator

import (
	"encoding/base64"
	"slices"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const defaultListResults = 100 // not published

// page is the answer with one page of a list, as pageOf makes it.
func page[T any](member string, list []T, id func(T) string, keep func(T) bool, maxResults int32, nextToken string) (any, *failure) {
	items, next, refusal := pageOf(list, id, keep, maxResults, nextToken)
	if refusal != nil {
		return nil, refusal
	}
	return object{member: items, "NextToken": next}, nil
}

// pageOf is one page of a list: of the items that are kept, at most maxResults,
// from the one on that nextToken says. The token names the last item of the
// page before. The next one is nil after the last page.
func pageOf[T any](list []T, id func(T) string, keep func(T) bool, maxResults int32, nextToken string) (items []T, next any, refusal *failure) {
	first := 0
	if nextToken != "" {
		last, err := base64.RawURLEncoding.DecodeString(nextToken)
		first = 1 + slices.IndexFunc(list, func(item T) bool { return id(item) == string(last) })
		if err != nil || first == 0 {
			return nil, nil, fail("InvalidParameterValueException", "NextToken is not valid.")
		}
	}
	limit := int(maxResults)
	if limit == 0 {
		limit = defaultListResults
	}
	items = []T{}
	for _, item := range list[first:] {
		if !keep(item) {
			continue
		}
		if len(items) == limit {
			next = base64.RawURLEncoding.EncodeToString([]byte(id(items[limit-1])))
			break
		}
		items = append(items, item)
	}
	return items, next, nil
}

// every keeps every item.
func every[T any](T) bool { return true }

// named says whether a list of names has the name. An empty list has every.
func named(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }

// filters are the Filters of an input.
type filters []licensemanager.Filter

func parseFilters(list []licensemanager.Filter, known ...string) (filters, *failure) {
	for _, f := range list {
		if !slices.Contains(known, f.Name) {
			return nil, fail("InvalidParameterValueException", "%q is not the name of a filter.", f.Name)
		}
	}
	return list, nil
}

// admit says whether attributes pass all filters: each by one of its values.
func (f filters) admit(attributes map[string]string) bool {
	return !slices.ContainsFunc(f, func(f licensemanager.Filter) bool {
		return !slices.Contains(f.Values, attributes[f.Name])
	})
}
