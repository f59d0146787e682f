// Package webpage writes the small pages that a person sees while logging in.
// They load nothing, are accessible, and follow the browser's choice of dark or
// light.
package webpage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// Style is the look of all pages.
const Style = `
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --back: #f3f4f6; --card: #fff; --line: #d0d7de; --act: #0b57d0; --on: #fff; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9da7b1; --back: #0d1117; --card: #161b22; --line: #3d444d; --act: #a8c7fa; --on: #062e6f; --good: #57d977; --bad: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); }
main { width: 100%; max-width: 30rem; padding: 2rem; border: 1px solid var(--line); border-radius: 12px; background: var(--card); overflow-wrap: anywhere; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
h1.good::before { content: "✓ " / ""; color: var(--good); }
h1.bad::before { content: "✕ " / ""; color: var(--bad); }
p, ul { margin: 0 0 1rem; }
ul { padding-left: 1.5rem; }
form { margin-top: 1.5rem; }
label { display: block; margin-bottom: .25rem; font-weight: 600; }
input { width: 100%; margin-bottom: 1.25rem; padding: .6rem .75rem; border: 1px solid var(--quiet); border-radius: 8px; font: 1.25rem ui-monospace, monospace; letter-spacing: .1em; color: inherit; background: var(--back); }
button { margin-right: .5rem; padding: .6rem 1.25rem; border: 1px solid var(--act); border-radius: 8px; font: inherit; font-weight: 600; color: var(--act); background: transparent; cursor: pointer; }
button.first { color: var(--on); background: var(--act); }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
code { font-family: ui-monospace, monospace; }
.alert { color: var(--bad); font-weight: 600; }
main > :last-child { margin-bottom: 0; }
.quiet { margin-top: 1.5rem; font-size: .875rem; color: var(--quiet); }
`

// The empty icon keeps browsers from asking for one.
const layout = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{template "title" .}}</title>
<link rel="icon" href="data:,">
<style>` + Style + `</style>
</head>
<body>
<main>
{{template "body" .}}</main>
</body>
</html>
`

// policy allows the one style sheet and nothing else.
var policy = "default-src 'none'; style-src " + Hash(Style) + "; base-uri 'none'; frame-ancestors 'none'; form-action "

// Hash returns the source with which a Content-Security-Policy allows an inline
// style or script.
func Hash(text string) string {
	hash := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
}

// New returns the template of a page from one that defines its title and its
// body. It panics if that does not parse.
func New(titleAndBody string) *template.Template {
	return template.Must(template.Must(template.New("page").Parse(layout)).Parse(titleAndBody))
}

// Write responds with a page. Its forms may be sent and redirected to the targets
// only, of which 'self' is one. If there are targets, the browser sends the origin
// of the page with a form, so that the server knows its own forms. No other site
// learns the address of a page.
func Write(w http.ResponseWriter, status int, page *template.Template, data any, targets ...string) {
	var text bytes.Buffer
	if err := page.Execute(&text, data); err != nil {
		panic(err) // the pages are tested with the data they get
	}
	referrer := "no-referrer"
	if len(targets) > 0 {
		referrer = "same-origin"
	} else {
		targets = []string{"'none'"}
	}
	for name, value := range map[string]string{
		"Cache-Control":           "no-store",
		"Content-Length":          strconv.Itoa(text.Len()),
		"Content-Security-Policy": policy + strings.Join(targets, " "),
		"Content-Type":            "text/html; charset=utf-8",
		"Referrer-Policy":         referrer,
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
	} {
		w.Header().Set(name, value)
	}
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes())
}
