package facts

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

var update = flag.Bool("update", false, "write the tables of docs")

// TestDocs compares the tables in docs with those in testdata, which the other tests
// compare with the code. With -update it writes the tables in docs.
func TestDocs(t *testing.T) {
	for file, tables := range map[string]map[string]func(*testing.T) string{
		"constraints.md": {"constraints": constraintTable},
		"errors.md":      {"operations": operationTable, "exceptions": exceptionTable},
	} {
		path := "../../docs/" + file
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		doc := string(text)
		for name, table := range tables {
			begin, end := "<!-- "+name+" -->\n", "<!-- end -->\n"
			before, rest, ok := strings.Cut(doc, begin)
			require.True(t, ok, "%s has no %s", file, begin)
			_, after, ok := strings.Cut(rest, end)
			require.True(t, ok)
			doc = before + begin + table(t) + end + after
		}
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(doc), 0o644))
			continue
		}
		assert.Equal(t, doc, string(text), "run: go test ./internal/facts -run TestDocs -update")
	}
}

// constraintTable has a row for each constrained member of each input.
func constraintTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| Input | Member | Rule | Source |\n|---|---|---|---|\n")
	for _, s := range services(t) {
		for _, name := range sorted(s.table.Operations) {
			op := bind(t, s, name)
			input := "`" + op.in.goType.String() + "`"
			documented := s.table.Documented[name]
			row := func(member, rule, source string) {
				fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", input, member, rule, source)
				input = ""
			}
			op.in.eachConstraint("", "", func(member, path, rule string) {
				source := "service model"
				if _, ok := documented[path]; ok || path == "grantType" {
					source = "API reference, " + name
				}
				row(member, rule, source)
			})
			grants := s.table.Grants[name]
			for _, grant := range sorted(grants) {
				for _, member := range grants[grant] {
					row(goName(member), "required for `"+grant+"`", grantSources[grant])
				}
			}
		}
	}
	return b.String()
}

// grantSources are where a grant's members are defined.
var grantSources = map[string]string{
	"authorization_code": "RFC 6749, 4.1.3",
	"refresh_token":      "RFC 6749, 6",
	"urn:ietf:params:oauth:grant-type:device_code":    "RFC 8628, 3.4",
	"urn:ietf:params:oauth:grant-type:jwt-bearer":     "RFC 7523, 2.1",
	"urn:ietf:params:oauth:grant-type:token-exchange": "RFC 8693, 2.1",
}

// eachConstraint visits the members of n, at every depth, that have a constraint, with
// their name in Go, their path in the table and the constraint in words.
func (n *node) eachConstraint(member, path string, visit func(member, path, rule string)) {
	join := func(prefix, name string) string { return strings.TrimPrefix(prefix+"."+name, ".") }
	switch n.Type {
	case "list":
		n.item.eachConstraint(member+"[]", path+"[]", visit)
	case "structure":
		for _, name := range sorted(n.members) {
			m := n.members[name]
			var rules []string
			if slices.Contains(n.Required, name) && m.canBeAbsent() {
				rules = append(rules, "required")
			}
			rules = append(rules, m.limitWords()...)
			if len(rules) > 0 {
				visit(join(member, goName(name)), join(path, name), strings.Join(rules, ", "))
			}
			m.eachConstraint(join(member, goName(name)), join(path, name), visit)
		}
		return
	}
	if n.Type == "list" {
		if rules := n.item.limitWords(); len(rules) > 0 {
			visit(member+"[]", path+"[]", strings.Join(rules, ", "))
		}
	}
}

// limitWords returns the limits of a shape in words.
func (n *node) limitWords() (rules []string) {
	unit := map[string]string{"string": " characters", "list": " items"}[n.Type]
	low, high := orZero(n.Min), n.Max
	switch {
	case high != nil && low > 0 && low == *high:
		rules = append(rules, "exactly "+strconv.FormatInt(low, 10)+strings.TrimSuffix(unit, "s"))
	case high != nil && low > 0:
		rules = append(rules, fmt.Sprintf("%d to %d%s", low, *high, unit))
	case high != nil:
		rules = append(rules, fmt.Sprintf("at most %d%s", *high, unit))
	case low > 0:
		rules = append(rules, fmt.Sprintf("at least %d%s", low, unit))
	}
	switch n.Pattern {
	case "":
	case anyARN:
		rules = append(rules, "ARN")
	case strictARN:
		rules = append(rules, "ARN in a listed partition")
	case timestamp:
		rules = append(rules, "ISO 8601 with a zone")
	default:
		rules = append(rules, "`"+n.Pattern+"`")
	}
	switch {
	case len(n.Enum) > 8:
		rules = append(rules, fmt.Sprintf("one of the %d values of `%s`", len(n.Enum), n.goType))
	case len(n.Enum) > 0:
		rules = append(rules, "one of `"+strings.Join(n.Enum, "`, `")+"`")
	}
	return rules
}

// operationTable has a row for each operation. It makes each call without a response
// to see whether it is retried.
func operationTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| Package | Operation | Signed | Idempotent |\n|---|---|---|---|\n")
	for _, s := range services(t) {
		dir := "`" + s.dir + "`"
		for _, name := range sorted(s.table.Operations) {
			op := bind(t, s, name)
			idempotent := "yes"
			switch sent := op.sentAfterLostResponses(t); sent {
			case 1:
				idempotent = "no"
			default:
				require.Equal(t, 3, sent)
				if _, ok := op.in.members["ClientToken"]; ok {
					idempotent = "by its `ClientToken`"
				}
			}
			signed := map[string]string{"signed": "yes", "none": "no", "optional": "if there are credentials"}[s.table.Operations[name].Auth]
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", dir, name, signed, idempotent)
			dir = ""
		}
	}
	return b.String()
}

// losing is an HTTP client that loses every response.
type losing struct{ sent int }

func (l *losing) Do(req *http.Request) (*http.Response, error) {
	l.sent++
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
	return nil, io.ErrUnexpectedEOF
}

func (op *operation) sentAfterLostResponses(t *testing.T) int {
	l := new(losing)
	client, err := op.new(awstokens.Config{Region: region, HTTPClient: l, Credentials: someKeys, Retryer: patient{}, DisableValidation: true})
	require.NoError(t, err)
	in := op.in.new(op.in.sample(""))
	reflect.ValueOf(client).MethodByName(op.name).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(in)})
	return l.sent
}

// patient retries everything, without a wait.
type patient struct{}

func (patient) IsErrorRetryable(error) bool                  { return true }
func (patient) MaxAttempts() int                             { return 3 }
func (patient) RetryDelay(int, error) (time.Duration, error) { return 0, nil }
func (patient) GetInitialToken() func(error) error           { return func(error) error { return nil } }
func (patient) GetRetryToken(context.Context, error) (func(error) error, error) {
	return func(error) error { return nil }, nil
}

// exceptionTable has a row for each exception.
func exceptionTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| Package | Exception | HTTP | Members | Retried |\n|---|---|---|---|---|\n")
	for _, s := range services(t) {
		dir := "`" + s.dir + "`"
		op := anyOperation(t, s)
		for _, name := range sorted(s.table.Exceptions) {
			facts := s.table.Exceptions[name]
			var members []string
			for _, member := range sorted(facts.Members) {
				if !slices.Contains(commonFields[s.dir], member) {
					members = append(members, "`"+cmp.Or(exceptionFields[member], goName(member))+"`")
				}
			}
			_, err := (&stub{status: facts.Status, header: http.Header{"X-Amzn-Errortype": {name}}, response: "{}"}).call(t, op, someKeys, op.in.new(op.in.sample("")))
			var says interface{ RetryableError() bool }
			require.True(t, errors.As(err, &says))
			retried := map[bool]string{true: "yes", false: "no"}[says.RetryableError()]
			fmt.Fprintf(&b, "| %s | `%s` | %d | %s | %s |\n", dir, name, facts.Status, strings.Join(members, ", "), retried)
			dir = ""
		}
	}
	return b.String()
}
