package redact_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// What cannot be decoded shows no value of a member that is secret.
func TestBodyNamesASecret(t *testing.T) {
	type lists []lists
	type keys struct {
		ID    string
		Inner []*struct {
			Key awstokens.Secret `json:"secretKey,omitzero"`
		}
		Tokens []awstokens.Secret
		Again  *keys
		Lists  lists
	}
	for text, shown := range map[string]bool{
		`{"secretKey":"fake`:                    false,
		`{"SecretKey" : "fake`:                  false,
		`<p>{&quot;secretKey&quot;:&quot;fake`:  false,
		`{\"body\":\"{\\\"secretKey\\\":\\\"fa`: false,
		`%7B%22secretKey%22%3A%22fake`:          false,
		`<Key>fake`:                             false,
		`tokens=fake`:                           false,
		`key and tokens, Tokens: fake`:          false,
		`{"ID":"the token is none"}`:            true,
		`{"secretKey`:                           true,
		`<meta name="key" content="none">`:      true,
		``:                                      true,
	} {
		var s redact.Scrubber
		want := "[redacted]"
		if shown {
			want = text
		}
		assert.Equal(t, want, s.Body(text, new(keys)))
		assert.Equal(t, text, s.Body(text, nil))
		assert.Equal(t, text, s.Body(text, &struct{ Name string }{}))
	}
}
