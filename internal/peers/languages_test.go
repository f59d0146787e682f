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

// language is an SDK in another language: a program that reads calls from standard
// input and writes their results, one line of JSON each.
type language struct {
	name     string
	command  []string
	missing  string // why there is no command
	optional bool   // may be missing even if PEERS_REQUIRED is set
	typed    bool   // has a type for every published exception
	quick    bool   // is slow, so each exception is refused once, not for every operation
	old      bool   // does not know what is newer than device authorization

	lacks []string // operations that it does not have; a client of ours calls them instead
}

func languages() []language {
	return append([]language{javaScript(), boto3()}, commandLines()...)
}

func javaScript() language {
	l := language{name: "JavaScript", command: []string{"node", filepath.Join("js", "peer.mjs")}, typed: true}
	if _, err := exec.LookPath("node"); err != nil {
		l.missing = "node is not installed"
	} else if _, err := os.Stat(filepath.Join("js", "node_modules")); err != nil {
		l.missing = "run npm install in internal/peers/js"
	}
	return l
}

const newBoto3 = "import boto3; boto3.client('sso-oidc', region_name='us-east-1').create_token_with_iam"

func boto3() language {
	l := language{name: "boto3", optional: true}
	for _, python := range pythons {
		if exec.Command(python, "-c", newBoto3).Run() == nil {
			l.command = []string{python, filepath.Join("python", "peer.py")}
			return l
		}
	}
	l.missing = "no python3 has a boto3 of today"
	return l
}

var pythons = []string{"python3", "/usr/bin/python3"}

// commandLines returns the AWS CLIs of the machine: Debian's and, if there is one,
// another.
func commandLines() []language {
	var found []language
	for _, python := range pythons {
		version, err := exec.Command(python, "-c", "import awscli; print(awscli.__version__)").Output()
		name := "AWS CLI " + strings.TrimSpace(string(version))
		if err != nil || slices.ContainsFunc(found, func(l language) bool { return l.name == name }) {
			continue
		}
		l := language{name: name, command: []string{python, filepath.Join("python", "cli.py")}, quick: true}
		if strings.HasPrefix(name, "AWS CLI 2.") {
			l.lacks = []string{"Logout"} // its command of that name is another
		}
		if l.old = strings.HasPrefix(name, "AWS CLI 2.9."); l.old {
			l.lacks = append(l.lacks, "CreateTokenWithIAM")
		}
		found = append(found, l)
	}
	if found == nil {
		return []language{{name: "AWS CLI", missing: "no python3 has awscli, install Debian's package"}}
	}
	return found
}

// need skips a test visibly if the language is missing, or fails it if
// PEERS_REQUIRED is set.
func (l language) need(t *testing.T) {
	t.Helper()
	if l.missing == "" {
		return
	}
	if os.Getenv("PEERS_REQUIRED") != "" && !l.optional {
		t.Fatalf("%s: %s", l.name, l.missing)
	}
	fmt.Printf("!! NOT COMPARED WITH %s: %s\n", l.name, l.missing)
	t.Skip(l.missing)
}

// process is the running program of a language.
type process struct {
	t      *testing.T
	old    bool
	in     io.Writer
	out    *bufio.Scanner
	checks int
}

func (l language) start(t *testing.T) *process {
	t.Helper()
	l.need(t)
	cmd := exec.Command(l.command[0], l.command[1:]...)
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
	p := &process{t: t, old: l.old, in: in, out: bufio.NewScanner(out)}
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

// result is the result of a call.
type result struct {
	Output    object      `json:"output"`
	RequestID string      `json:"requestID"`
	Error     *otherError `json:"error"`
	Unknown   []string    `json:"unknown"` // members of the input that its model lacks and that it did not send
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

// caller returns a function that makes the calls of a service with a configuration.
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
		if !p.old {
			assert.Empty(t, out.Unknown, operation)
		}
		if out.Error != nil {
			if code, ok := strings.CutSuffix(out.Error.Code, "Exception"); ok && slices.Contains(strings.Fields(codes[service]), code) {
				out.Error.Code = code // JavaScript names an error of STS by its type
			}
			return nil, out.Error
		}
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

// The SDKs of other languages and the AWS CLI drive the emulator through every
// operation, get the successes and refusals that ours gets, and recognize every
// exception.
func TestOtherLanguages(t *testing.T) {
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			p := l.start(t)
			d := &driver{T: t, server: awstokenstest.NewServer(t)}
			d.side = func(pair *pair) side {
				call, ours := p.caller(d.cfg, pair.name), pair.ours
				return side{remote: func(t *testing.T, operation string, input []byte) (any, error) {
					if slices.Contains(l.lacks, operation) {
						return ours.call(t, operation, input)
					}
					return call(t, operation, input)
				}}
			}
			if l.old {
				d.oldFlows()
			} else {
				d.flows()
			}
			flows, operations, typed := p.checks, 0, 0
			me := d.as(d.server.Config())
			for _, pair := range pairs(t) {
				pair.operations = slices.DeleteFunc(pair.operations, func(name string) bool { return slices.Contains(l.lacks, name) })
				operations += len(pair.operations)
				for i, operation := range pair.operations {
					assert.Positive(t, d.requests(pair.name, operation), "%s/%s was never called", pair.name, operation)
					for j, code := range strings.Fields(codes[pair.name]) {
						if l.quick && j%len(pair.operations) != i {
							continue
						}
						if l.refused(t, me, pair, operation, code) {
							typed++
						}
					}
				}
			}
			fmt.Printf("%s: %d checks: %d operations, %d calls of the flows, %d refusals, %d of them with a type of their own\n",
				l.name, p.checks, operations, flows, p.checks-flows, typed)
		})
	}
}

// refused checks that a scripted refusal is recognized, and reports whether it
// has a type of its own.
func (l language) refused(t *testing.T, me *caller, pair *pair, operation, code string) bool {
	t.Helper()
	me.next(pair.name, operation).Refuse(code, "refused <&> é", map[string]string{"reason": "KMS_x"})
	_, err := me.call(pair.name+"/"+operation, json.RawMessage(pair.inputs(t, operation, 1)[0]))
	var refused *otherError
	if !assert.ErrorAs(t, err, &refused, "%s/%s", pair.name, operation) {
		return false
	}
	assert.Equal(t, code, refused.Code, "%s/%s: %s", pair.name, operation, refused)
	if refused.Type != "" {
		assert.GreaterOrEqual(t, refused.Status, http.StatusBadRequest)
	}
	typed := strings.HasPrefix(refused.Type, code)
	if l.typed && !typed {
		assert.Contains(t, unpublished, code, "%s/%s: its type is %s", pair.name, operation, refused.Type)
	}
	return typed
}

// oldFlows runs the flows that need neither logins with a browser nor applications.
func (d *driver) oldFlows() {
	me := d.as(d.server.Config())
	client := me.good("ssooidc/RegisterClient", object{"clientName": "péer", "clientType": "public"})
	poll, code := me.device(object{"clientId": client["clientid"], "clientSecret": client["clientsecret"]})
	me.bad("ssooidc/CreateToken", "AuthorizationPendingException", poll)
	require.NoError(d, d.server.IdentityCenter().ApproveDevice(code))
	me.good("ssooidc/CreateToken", poll)
	me.good("sts/AssumeRole", object{"RoleArn": d.server.LicenseManager().RoleARN(), "RoleSessionName": "peer"})
	me.accessPortal()
	me.tokens()
	me.seats()
	me.licenses(d.as(d.server.ConfigOf(grantee)))
}

// unpublished are codes that no service publishes for its operations.
const unpublished = "ThrottlingException UnheardException AccessDenied Throttling"

// A program in another language uses and refreshes the token that Login has
// written, and we use and refresh what it has written.
func TestSharedTokenFileOfOtherLanguages(t *testing.T) {
	for _, l := range []language{javaScript(), boto3()} {
		t.Run(l.name, func(t *testing.T) {
			l.need(t)
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

// The AWS CLI does the same, except for version 2.9, which does not read
// AWS_ENDPOINT_URL_SSO_OIDC.
func TestSharedTokenFileOfTheCLI(t *testing.T) {
	checked := 0
	for _, command := range []string{"aws", "/usr/bin/aws"} {
		version, err := exec.Command(command, "--version").CombinedOutput()
		name := strings.SplitN(string(version), " ", 2)[0]
		if err != nil || strings.HasPrefix(name, "aws-cli/2.9.") {
			continue
		}
		checked++
		t.Run(strings.ReplaceAll(name, "/", " "), func(t *testing.T) {
			shareTokenFile(t, name, func(t *testing.T) error {
				out, err := exec.Command(command, "sts", "get-caller-identity", "--profile", "dev", "--query", "Account", "--output", "text").CombinedOutput()
				if err != nil {
					return fmt.Errorf("%w: %s", err, out)
				}
				assert.Equal(t, "111122223333", strings.TrimSpace(string(out)))
				return nil
			})
		})
	}
	if checked == 0 {
		language{name: "the token cache of the AWS CLI", missing: "no aws that reads AWS_ENDPOINT_URL_SSO_OIDC", optional: true}.need(t)
	}
}
