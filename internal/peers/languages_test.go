package peers

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// language is an SDK in another language: a program that reads calls from its
// standard input and writes what came of them, one line of JSON each.
type language struct {
	name    string
	command func() (args []string, missing string)
	strict  bool // has a type for every published exception
}

var languages = []language{
	{"JavaScript", javaScript, true},
	{"boto3", boto3, false},
}

func javaScript() ([]string, string) {
	if _, err := exec.LookPath("node"); err != nil {
		return nil, "node is not installed"
	}
	if _, err := os.Stat(filepath.Join("js", "node_modules")); err != nil {
		return nil, "run npm install in internal/peers/js"
	}
	return []string{"node", filepath.Join("js", "peer.mjs")}, ""
}

func boto3() ([]string, string) {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import boto3").Run() == nil {
			return []string{python, filepath.Join("python", "peer.py")}, ""
		}
	}
	return nil, "no python3 has boto3"
}

// absent skips a test, so that it is noticed, or fails it where PEERS_REQUIRED is
// set.
func absent(t *testing.T, name, missing string) {
	t.Helper()
	if os.Getenv("PEERS_REQUIRED") != "" {
		t.Fatalf("%s: %s", name, missing)
	}
	fmt.Printf("!! NOT COMPARED WITH %s: %s\n", name, missing)
	t.Skip(missing)
}

// process is the running program of a language.
type process struct {
	t      *testing.T
	in     io.Writer
	out    *bufio.Scanner
	checks int
}

func (l language) start(t *testing.T) *process {
	t.Helper()
	args, missing := l.command()
	if missing != "" {
		absent(t, l.name, missing)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), "NODE_NO_WARNINGS=1")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		assert.NoError(t, cmd.Wait())
	})
	p := &process{t: t, in: in, out: bufio.NewScanner(out)}
	p.out.Buffer(nil, 1<<20)
	return p
}

// request is a call, or one with the credentials of a profile.
type request struct {
	Service   string            `json:"service,omitempty"`
	Operation string            `json:"operation,omitempty"`
	Input     any               `json:"input,omitempty"`
	Endpoint  string            `json:"endpoint,omitempty"`
	Region    string            `json:"region,omitempty"`
	Keys      map[string]string `json:"keys,omitempty"`
	Profile   string            `json:"profile,omitempty"`
}

// result is what came of a call.
type result struct {
	Output    object      `json:"output"`
	RequestID string      `json:"requestID"`
	Error     *otherError `json:"error"`
}

// otherError is an error of an SDK in another language.
type otherError struct {
	Code, Type, Message string
	Status              int
}

func (e *otherError) Error() string {
	return fmt.Sprintf("%s (%d %s): %s", e.Code, e.Status, e.Type, e.Message)
}
func (e *otherError) ErrorCode() string             { return e.Code }
func (e *otherError) ErrorMessage() string          { return e.Message }
func (e *otherError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

func (p *process) send(r request) result {
	p.t.Helper()
	line, err := json.Marshal(r)
	require.NoError(p.t, err)
	_, err = p.in.Write(append(line, '\n'))
	require.NoError(p.t, err)
	require.True(p.t, p.out.Scan(), "the program ended: %v", p.out.Err())
	var out result
	require.NoError(p.t, json.Unmarshal(p.out.Bytes(), &out), "%s", p.out.Text())
	p.checks++
	return out
}

// caller returns what makes the calls of a service with a configuration.
func (p *process) caller(cfg awstokens.Config, service string) func(*testing.T, string, []byte) (any, error) {
	keys, err := cfg.Credentials.Retrieve(p.t.Context())
	require.NoError(p.t, err)
	call := request{Service: service, Endpoint: cfg.BaseEndpoint, Region: cfg.Region, Keys: map[string]string{
		"accessKeyId": keys.AccessKeyID, "secretAccessKey": keys.SecretAccessKey.Reveal(), "sessionToken": keys.SessionToken.Reveal(),
	}}
	return func(t *testing.T, operation string, input []byte) (any, error) {
		t.Helper()
		call := call
		call.Operation = operation
		var in object
		require.NoError(t, json.Unmarshal(input, &in))
		call.Input = wireNames(service, in)
		out := p.send(call)
		if out.Error != nil {
			if code, ok := strings.CutSuffix(out.Error.Code, "Exception"); ok && slices.Contains(strings.Fields(codes[service]), code) {
				out.Error.Code = code // JavaScript names an error of STS by its type
			}
			return nil, out.Error
		}
		assert.NotEmpty(t, out.RequestID, operation)
		if keys, ok := out.Output["Credentials"].(object); ok { // of STS, which ours flattens
			keys["AccessKeyID"] = keys["AccessKeyId"]
			keys["AssumedRoleArn"] = out.Output["AssumedRoleUser"].(object)["Arn"]
			delete(keys, "AccessKeyId")
			return keys, nil
		}
		return out.Output, nil
	}
}

// wireNames returns an input with the names that its members have in the service's
// model, without those that are null.
func wireNames(service string, in object) object {
	named := object{}
	for name, member := range in {
		if service == "portal" {
			name = strings.ToLower(name[:1]) + name[1:]
		}
		if member != nil {
			named[name] = member
		}
	}
	return named
}

// The SDKs of other languages drive the emulator through every operation, get the
// successes and refusals that ours gets, and recognize every exception of every
// operation.
func TestOtherLanguages(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			p := l.start(t)
			d := &driver{T: t, server: awstokenstest.NewServer(t)}
			d.side = func(pair *pair) side {
				return side{wire: pair.sdk.wire, client: pair.sdk.client, remote: p.caller(d.cfg, pair.name)}
			}
			d.flows()
			flows, operations, typed := p.checks, 0, 0
			me := d.as(d.server.Config())
			for _, pair := range pairs(t) {
				for _, operation := range pair.operations {
					operations++
					assert.Positive(t, d.requests(pair.name, operation), "%s/%s was never called", pair.name, operation)
					input := pair.inputs(t, operation, 1)[0]
					for _, code := range strings.Fields(codes[pair.name]) {
						d.next(pair.name, operation).Refuse(code, "refused <&> é", map[string]string{"reason": "KMS_x"})
						_, err := me.call(pair.name+"/"+operation, json.RawMessage(input))
						var refused *otherError
						if !assert.ErrorAs(t, err, &refused, "%s/%s", pair.name, operation) {
							continue
						}
						assert.Equal(t, code, refused.Code, "%s/%s: %s", pair.name, operation, refused)
						assert.GreaterOrEqual(t, refused.Status, http.StatusBadRequest)
						switch {
						case strings.HasPrefix(refused.Type, code):
							typed++
						case l.strict:
							assert.Contains(t, unpublished, code, "%s/%s: its type is %s", pair.name, operation, refused.Type)
						}
					}
				}
			}
			assert.Greater(t, typed, 400)
			fmt.Printf("%s: %d checks: %d operations, %d calls of the flows, %d refusals, %d of them with a type of their own\n",
				l.name, p.checks, operations, flows, p.checks-flows, typed)
		})
	}
}

// unpublished are codes that no service publishes for its operations.
const unpublished = "ThrottlingException UnheardException AccessDenied Throttling"

// A program in another language uses and refreshes the token that Login has
// written, and we use and refresh what it has written.
func TestSharedTokenFileOfOtherLanguages(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			shareTokenFile(t, l.name, func(t *testing.T) error {
				out := l.start(t).send(request{Profile: "dev", Region: "us-east-1"})
				if out.Error != nil {
					return out.Error
				}
				assert.Equal(t, "111122223333", cmp.Or(out.Output["Account"], any("")))
				return nil
			})
		})
	}
}
