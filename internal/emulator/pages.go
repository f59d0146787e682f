package emulator

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-25f54b62/awstokens/internal/webpage"
)

// The pages for a browser. The buttons of both forms set the field decision.
var (
	deviceFormPage = webpage.New(`{{define "title"}}Approve a device{{end}}{{define "body" -}}
<h1>Approve a device</h1>
{{with .Problem}}<p class="alert" role="alert">{{.}}</p>
{{end -}}
{{if .Client}}<p><strong>{{.Client}}</strong> asks for access on a device. Approve it only if that device shows the same code.</p>
{{template "scopes" .Scopes}}
{{- else}}<p>Type the code that your device shows.</p>
{{end -}}
<form method="post" action="?">
<label for="code">Code</label>
<input id="code" name="user_code" value="{{.UserCode}}" required autocomplete="off" autocapitalize="characters" spellcheck="false"{{if not .Client}} autofocus{{end}}>
{{template "decision"}}</form>
` + emulatorNote + `{{end}}` + formParts)

	consentPage = webpage.New(`{{define "title"}}Allow access?{{end}}{{define "body" -}}
<h1>Allow access?</h1>
<p><strong>{{.Client}}</strong> asks for access. Your decision goes to <code>{{.Target}}</code>.</p>
{{template "scopes" .Scopes}}<form method="post">
{{template "decision"}}</form>
` + emulatorNote + `{{end}}` + formParts)

	messagePage = webpage.New(`{{define "title"}}{{.Title}}{{end}}{{define "body" -}}
<h1 class="{{if .Good}}good{{else}}bad{{end}}">{{.Title}}</h1>
<p>{{.Text}}</p>
` + emulatorNote + `{{end}}`)
)

const (
	formParts = `{{define "scopes"}}{{if .}}<p>It wants:</p>
<ul>{{range .}}<li><code>{{.}}</code></li>{{end}}</ul>
{{end}}{{end}}{{define "decision"}}<button class="first" name="decision" value="approve">Approve</button><button name="decision" value="deny">Deny</button>
{{end}}`

	emulatorNote = `<p class="quiet">This is an emulator. No AWS account is involved.</p>
`
)

// message is the data of messagePage.
type message struct {
	Title, Text string
	Good        bool
}

// crossOrigin refuses forms that a page of another site sends. It admits those of
// these pages and of programs.
var crossOrigin = http.NewCrossOriginProtection()

// form returns the form of a request, as far as it can be parsed. Its fields are
// user_code and decision: approve, deny or, from a program, nothing.
func (r *request) form() url.Values {
	form, _ := url.ParseQuery(string(r.body))
	return form
}

// asPage reports whether the response is for a browser.
func (r *request) asPage() bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// refusePage refuses methods other than GET and POST, and forms of other sites.
func refusePage(w http.ResponseWriter, r *request) (refused bool) {
	switch r.Method {
	case http.MethodGet:
		return false
	case http.MethodPost:
		if crossOrigin.Check(r.Request) == nil {
			return false
		}
		webpage.Write(w, http.StatusForbidden, messagePage, message{Title: "Not accepted", Text: "Another site sent this form."})
	default:
		w.Header().Set("Allow", "GET, POST")
		webpage.Write(w, http.StatusMethodNotAllowed, messagePage, message{Title: "Not accepted", Text: "This page accepts GET and POST."})
	}
	return true
}
