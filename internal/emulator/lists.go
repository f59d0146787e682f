package emulator

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const defaultListResults = 100 // not published

// page returns the response with one page of a list, as pageOf makes it. Describe
// turns an item into its description.
func page[T, D any](member string, list []T, id func(T) string, keep func(T) bool, describe func(T) D, maxResults int32, nextToken string) (any, *failure) {
	items, next, refusal := pageOf(list, id, keep, maxResults, nextToken)
	if refusal != nil {
		return nil, refusal
	}
	described := make([]D, len(items))
	for i, item := range items {
		described[i] = describe(item)
	}
	return object{member: described, "NextToken": next}, nil
}

// pageOf returns one page of a list: at most maxResults of the items that keep
// admits, after the item that nextToken names, which is the last one of the page
// before. Next is the token of the next page, or nil after the last page.
func pageOf[T any](list []T, id func(T) string, keep func(T) bool, maxResults int32, nextToken string) (items []T, next any, refusal *failure) {
	first, ok := afterToken(list, id, nextToken)
	if !ok {
		return nil, nil, fail("InvalidParameterValueException", "NextToken is not valid.")
	}
	limit := int(maxResults)
	if limit == 0 {
		limit = defaultListResults
	}
	items = []T{}
	last := 0
	for i, item := range list[first:] {
		if !keep(item) {
			continue
		}
		if len(items) == limit {
			next = tokenOf(last, id(list[last]))
			break
		}
		items, last = append(items, item), first+i
	}
	return items, next, nil
}

// tokenOf returns the NextToken of what comes after an item.
func tokenOf(position int, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(position) + " " + id))
}

// afterToken returns the position after the item that a token names. It searches
// the list only if the item is not at the position that the token has.
func afterToken[T any](list []T, id func(T) string, token string) (first int, ok bool) {
	if token == "" {
		return 0, true
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	number, name, found := strings.Cut(string(text), " ")
	position, atoiErr := strconv.Atoi(number)
	if err != nil || atoiErr != nil || !found {
		return 0, false
	}
	if position < 0 || position >= len(list) || id(list[position]) != name {
		position = slices.IndexFunc(list, func(item T) bool { return id(item) == name })
	}
	return position + 1, position >= 0
}

// every keeps every item.
func every[T any](T) bool { return true }

// same describes an item as it is.
func same[T any](item T) T { return item }

// filters are the Filters of an input.
type filters []licensemanager.Filter

// parseFilters refuses filters that the operation does not have. A filter has
// one value, as documented.
func parseFilters(list []licensemanager.Filter, known ...string) (filters, *failure) {
	for _, f := range list {
		switch {
		case !slices.Contains(known, f.Name):
			return nil, fail("InvalidParameterValueException", "%q is not the name of a filter.", f.Name)
		case len(f.Values) != 1:
			return nil, fail("InvalidParameterValueException", "You can only specify one value for the filter %q.", f.Name)
		}
	}
	return list, nil
}

// admit reports whether attributes pass all filters.
func (f filters) admit(attributes map[string]string) bool {
	return !slices.ContainsFunc(f, func(f licensemanager.Filter) bool { return f.Values[0] != attributes[f.Name] })
}
