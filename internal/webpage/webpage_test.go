package webpage_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/webpage"
)

var hello = webpage.New(`{{define "title"}}Hello{{end}}{{define "body"}}<h1>Hello {{.}}</h1>{{end}}`)

func TestPageIsWholeInItself(t *testing.T) {
	w := httptest.NewRecorder()
	webpage.Write(w, http.StatusTeapot, hello, `<script>alert("you")</script>`)
	assert.Equal(t, http.StatusTeapot, w.Code)
	text := w.Body.String()
	assert.Contains(t, text, "<h1>Hello &lt;script&gt;")
	assert.Contains(t, text, `<html lang="en">`)
	assert.Contains(t, text, "prefers-color-scheme: dark")
	for _, outside := range []string{"http:", "https:", "//", "<script", "@import", "url("} {
		assert.NotContains(t, text, outside)
	}
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "form-action 'none'")
}

// A browser applies the style only if its hash is the one in the policy.
func TestPolicyAdmitsTheStyle(t *testing.T) {
	w := httptest.NewRecorder()
	webpage.Write(w, http.StatusOK, hello, "")
	_, rest, found := strings.Cut(w.Body.String(), "<style>")
	require.True(t, found)
	style, _, found := strings.Cut(rest, "</style>")
	require.True(t, found)
	hash := sha256.Sum256([]byte(style))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'")
}

func TestPageWithForm(t *testing.T) {
	w := httptest.NewRecorder()
	webpage.Write(w, http.StatusOK, hello, "", "'self'", "http://127.0.0.1:4010")
	assert.True(t, strings.HasSuffix(w.Header().Get("Content-Security-Policy"), "form-action 'self' http://127.0.0.1:4010"))
	assert.Equal(t, "same-origin", w.Header().Get("Referrer-Policy"))
}
