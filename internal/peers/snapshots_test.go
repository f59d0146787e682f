package peers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// recordings are the SDK's recordings, in its modules.
var recordings = []struct {
	pair, module        string
	requests, responses int
}{
	{"ssooidc", "github.com/aws/aws-sdk-go-v2/service/ssooidc", 4, 18},
	{"portal", "github.com/aws/aws-sdk-go-v2/service/sso", 4, 8},
}

// We send the requests and decode the responses that the SDK recorded. The
// recordings are in the SDK's modules, and have a placeholder such as __ClientId__
// for every member.
func TestRecordings(t *testing.T) {
	services := pairs(t, func(ours *awstokens.Config, _ *aws.Config) { ours.DisableValidation = true })
	for _, recorded := range recordings {
		i := slices.IndexFunc(services, func(p *pair) bool { return p.name == recorded.pair })
		p := services[i]
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", recorded.module).Output()
		require.NoError(t, err)
		files := func(folder string, n int) []string {
			found, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), folder, "*.snap"))
			require.NoError(t, err)
			require.Len(t, found, n)
			return found
		}
		for _, file := range files("request_snapshot", recorded.requests) {
			operation, _, _ := strings.Cut(filepath.Base(file), ".")
			t.Run(p.name+"/"+operation+" request", func(t *testing.T) { recordedRequest(t, p, operation, read(t, file)) })
		}
		for _, file := range files("response_snapshot", recorded.responses) {
			name, kind, _ := strings.Cut(filepath.Base(file), ".")
			t.Run(p.name+"/"+name+" "+kind, func(t *testing.T) {
				response := parseResponse(t, read(t, file))
				p.respond(response)
				if kind == "error.snap" {
					recordedError(t, p, name, response)
				} else {
					recordedResponse(t, p, name, response)
				}
			})
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func recordedRequest(t *testing.T, p *pair, operation, recorded string) {
	in := p.newInput(operation)
	placeholders(in.Elem(), "")
	_, _ = p.ours.call(t, operation, encode(t, in))
	sent := p.ours.last()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\n", sent.Method, sent.URL.RequestURI())
	for _, name := range []string{"Content-Type", "X-Amz-Sso_bearer_token"} {
		for _, value := range sent.Header.Values(name) {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.WriteString("\n")
	head, body := splitHead(recorded)
	assert.Equal(t, head, b.String())
	if body == "" {
		assert.Empty(t, p.ours.body)
	} else {
		assert.JSONEq(t, body, string(p.ours.body))
	}
	// The rest is only what the SDK leaves out of its recordings.
	for name := range sent.Header {
		if !strings.Contains(head, name+": ") {
			assert.Contains(t, []string{"Authorization", "User-Agent", "X-Amz-Date", "X-Amz-Security-Token", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Accept-Encoding"}, name)
		}
	}
}

// splitHead splits a recording behind its headers.
func splitHead(recorded string) (head, body string) {
	i := strings.LastIndex(recorded, "\n\n")
	return recorded[:i+2], recorded[i+2:]
}

// placeholders sets every member to what the SDK's recordings have for it.
func placeholders(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == secretType {
			v.Set(reflect.ValueOf(awstokens.NewSecret("__" + name + "__")))
			return
		}
		for i := range v.NumField() {
			placeholders(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			placeholders(v.Index(i), "Member")
		}
	case reflect.String:
		v.SetString("__" + name + "__")
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(1)
	default:
		panic("no placeholder of type " + v.Type().String())
	}
}

// parseResponse reads a recording: the status, the headers, an empty line, the
// body.
func parseResponse(t *testing.T, recorded string) *wire {
	t.Helper()
	head, body, _ := strings.Cut(recorded, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	status, err := strconv.Atoi(lines[0])
	require.NoError(t, err)
	header := http.Header{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return &wire{status: status, header: header, response: body}
}

func recordedMembers(t *testing.T, response *wire) map[string]any {
	t.Helper()
	var all map[string]any
	if strings.TrimSpace(response.response) != "" {
		require.NoError(t, json.Unmarshal([]byte(response.response), &all))
	}
	delete(all, "__type")
	found, _ := present(all).(map[string]any)
	return found
}

func recordedResponse(t *testing.T, p *pair, operation string, response *wire) {
	input := p.inputs(t, operation, 1)[0]
	ours, sdk, oursErr, sdkErr := p.both(t, operation, input)
	require.NoError(t, oursErr)
	require.NoError(t, sdkErr)
	assert.Equal(t, values(t, sdk), values(t, ours))
	if want := recordedMembers(t, response); want != nil {
		assert.Equal(t, want, values(t, ours))
	} else {
		assert.Equal(t, "Logout", operation, "the one without a body")
	}
}

func recordedError(t *testing.T, p *pair, exception string, response *wire) {
	for _, operation := range p.operations {
		_, err := p.ours.call(t, operation, p.inputs(t, operation, 1)[0])
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		assert.Equal(t, exception, api.ErrorCode())
		assert.Equal(t, exception, reflect.TypeOf(api).Elem().Name())
		assert.Equal(t, recordedMembers(t, response), errorMembers(t, api))
		var failed *awstokens.ResponseError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, response.status, failed.StatusCode)
	}
}
