package transport_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// pages serves the pages of a list by their tokens: the items of each, a letter
// each, and after a colon the token of the next.
type pages map[string]string

func (p pages) client(t *testing.T) (*licensemanager.Client, *script) {
	s := play(func(req *http.Request) (*http.Response, error) {
		var in licensemanager.ListTokensInput
		assert.NoError(t, json.NewDecoder(req.Body).Decode(&in))
		page, ok := p[in.NextToken]
		if !ok {
			return exception(400, "ValidationException")(req)
		}
		items, next, _ := strings.Cut(page, ":")
		out := licensemanager.ListTokensOutput{NextToken: next}
		for _, id := range strings.Split(items, "") {
			out.Tokens = append(out.Tokens, licensemanager.TokenData{TokenId: id})
		}
		response, err := json.Marshal(out)
		assert.NoError(t, err)
		return reply(200, string(response))(req)
	})
	client, err := licensemanager.New(once(s))
	require.NoError(t, err)
	return client, s
}

func TestTokens(t *testing.T) {
	for name, test := range map[string]struct {
		pages pages
		in    *licensemanager.ListTokensInput
		items string
		sent  int
		fails bool
	}{
		"one page, nil input":      {pages{"": "ab"}, nil, "ab", 1, false},
		"no items":                 {pages{"": ""}, nil, "", 1, false},
		"pages":                    {pages{"": "ab:2", "2": "c:3", "3": "de"}, nil, "abcde", 3, false},
		"an empty page in between": {pages{"": "a:2", "2": ":3", "3": "b"}, nil, "ab", 3, false},
		"from a page on":           {pages{"": "a:2", "2": "b:3", "3": "c"}, &licensemanager.ListTokensInput{NextToken: "2"}, "bc", 2, false},
		"an error midway":          {pages{"": "ab:2", "2": "c:lost"}, nil, "abc", 3, true},
		"an error at once":         {pages{}, nil, "", 1, true},
		"invalid input":            {pages{"": "a"}, &licensemanager.ListTokensInput{MaxResults: 101}, "", 0, true},
		"a token repeated":         {pages{"": "a:2", "2": "b:2"}, nil, "ab", 2, false},
		"a cycle":                  {pages{"": "a:2", "2": "b:3", "3": "c:2"}, nil, "abc", 3, false},
		"the first token again":    {pages{"2": "b:3", "3": "c:2"}, &licensemanager.ListTokensInput{NextToken: "2"}, "bc", 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, http := test.pages.client(t)
			var before licensemanager.ListTokensInput
			if test.in != nil {
				before = *test.in
			}
			tokens := client.Tokens(t.Context(), test.in)
			assert.Empty(t, http.sent, "nothing is sent before it is wanted")
			for round := range 2 { // the second one starts again
				items, failed := "", false
				for token, err := range tokens {
					require.False(t, failed, "an error is the last")
					if failed = err != nil; failed {
						requireOperationError(t, err)
						assert.Zero(t, token)
					}
					items += token.TokenId
				}
				assert.Equal(t, test.items, items)
				assert.Equal(t, test.fails, failed)
				assert.Len(t, http.sent, test.sent*(round+1))
			}
			if test.in != nil {
				assert.Equal(t, before, *test.in)
			}
		})
	}
}

func TestTokensStopsWhenItIsToldTo(t *testing.T) {
	client, http := pages{"": "ab:2", "2": "cd"}.client(t)
	for token := range client.Tokens(t.Context(), nil) {
		if token.TokenId == "b" {
			break // the last of its page: no other is fetched
		}
	}
	assert.Len(t, http.sent, 1)
	for _, err := range client.Tokens(t.Context(), &licensemanager.ListTokensInput{NextToken: "lost"}) {
		var api smithy.APIError
		assert.ErrorAs(t, err, &api)
		break
	}
}
