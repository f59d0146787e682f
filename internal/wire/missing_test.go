package wire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens"
)

type portalOutput struct {
	Plain           string
	Other           *credentials `json:"other"` // may be absent, and is not looked into
	RoleCredentials *credentials `json:"roleCredentials" wire:"required"`
	Accounts        []string     `json:"accountList" wire:"required"`
	Inline          credentials  `json:"inline" wire:"required"`
	awstokens.Result
}

type credentials struct {
	AccessKeyId string           `json:"accessKeyId" wire:"required"`
	SecretKey   awstokens.Secret `json:"secretAccessKey" wire:"required"`
	Expiration  int64            `json:"expiration" wire:"required"`
	Note        string           `json:"note"`
	At          *time.Time       `json:"at" wire:"required"`
}

func fullOutput() *portalOutput {
	whole := credentials{"AKIDEXAMPLE", awstokens.NewSecret("fake"), 1, "", new(time.Time)}
	inner := whole
	return &portalOutput{RoleCredentials: &inner, Accounts: []string{}, Inline: whole, Other: &credentials{}}
}

func TestMissing(t *testing.T) {
	assert.Empty(t, missing(fullOutput()))
	assert.Zero(t, testing.AllocsPerRun(10, func() { missing(sharedOutput) }))
	for want, remove := range map[string]func(*portalOutput){
		"roleCredentials":                 func(out *portalOutput) { out.RoleCredentials = nil; out.Accounts = nil },
		"accountList":                     func(out *portalOutput) { out.Accounts = nil },
		"roleCredentials.accessKeyId":     func(out *portalOutput) { *out.RoleCredentials = credentials{} },
		"roleCredentials.secretAccessKey": func(out *portalOutput) { out.RoleCredentials.SecretKey = awstokens.Secret{} },
		"roleCredentials.at":              func(out *portalOutput) { out.RoleCredentials.At = nil },
		"inline":                          func(out *portalOutput) { out.Inline = credentials{} },
		"inline.expiration":               func(out *portalOutput) { out.Inline.Expiration = 0 },
	} {
		out := fullOutput()
		remove(out)
		assert.Equal(t, want, missing(out))
	}
	type embeds struct {
		Outer
		credentials
	}
	assert.Equal(t, "accessKeyId", missing(&embeds{}))
	assert.Equal(t, "roleCredentials", missing(portalOutput{}))
	assert.Empty(t, missing(nil))
	assert.Empty(t, missing((*portalOutput)(nil)))
	assert.Empty(t, missing(&map[string]any{}))
}

var sharedOutput = fullOutput()

func TestHasMembers(t *testing.T) {
	type onlyResult struct{ awstokens.Result }
	type onlyHeader struct {
		ID string `header:"x-id"`
		awstokens.Result
	}
	for _, out := range []any{&onlyResult{}, onlyResult{}, &onlyHeader{}, &struct{ hidden int }{}, nil} {
		assert.False(t, hasMembers(out), "%T", out)
	}
	for _, out := range []any{&createTokenOutput{}, &map[string]any{}, new(any), new(own)} {
		assert.True(t, hasMembers(out), "%T", out)
	}
}
