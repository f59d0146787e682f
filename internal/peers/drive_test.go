package peers

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// object is an input, or an output with its names in lower case.
type object = map[string]any

// with returns a copy of the object with one more member.
func with(o object, name string, value any) object {
	o = maps.Clone(o)
	o[name] = value
	return o
}

// driver calls an emulator of its own, over the network and with the clients of
// one side, and keeps the responses.
type driver struct {
	*testing.T
	server *awstokenstest.Server
	side   func(*pair) side
	cfg    awstokens.Config // of the sides that are made

	last      *wire
	responses []recorded
}

// recorded is a response of the emulator, success or error.
type recorded struct {
	operation string // with its service
	wire
}

func drive(t *testing.T, side func(*pair) side) *driver {
	return &driver{T: t, server: awstokenstest.NewServer(t), side: side}
}

// Do sends a request and keeps the response.
func (d *driver) Do(req *http.Request) (*http.Response, error) {
	d.last = nil
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	d.last = &wire{status: resp.StatusCode, header: resp.Header, response: string(body)}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// caller calls the operations of all services with the same credentials.
type caller struct {
	*driver
	sides map[string]side // by service
}

func (d *driver) as(cfg awstokens.Config) *caller {
	d.Helper()
	keys, err := cfg.Credentials.Retrieve(d.Context())
	require.NoError(d, err)
	c := &caller{d, map[string]side{}}
	d.cfg = cfg
	for _, p := range pairs(d.T, unvalidated, func(ours *awstokens.Config, sdk *aws.Config) {
		ours.Region, ours.BaseEndpoint, ours.Credentials, ours.Now, ours.HTTPClient = cfg.Region, cfg.BaseEndpoint, cfg.Credentials, cfg.Now, d
		sdk.Region, sdk.BaseEndpoint, sdk.HTTPClient = cfg.Region, &cfg.BaseEndpoint, d
		sdk.Credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey.Reveal(), keys.SessionToken.Reveal())
	}) {
		c.sides[p.name] = d.side(p)
	}
	return c
}

// call calls an operation by the name of its service, a slash and its own name.
func (c *caller) call(name string, in any) (object, error) {
	c.Helper()
	input, err := json.Marshal(in)
	require.NoError(c, err)
	service, operation, _ := strings.Cut(name, "/")
	out, err := c.sides[service].call(c.T, operation, input)
	if c.last != nil {
		c.responses = append(c.responses, recorded{name, *c.last})
	}
	if err != nil {
		return nil, err
	}
	members, _ := values(c.T, out).(object)
	return members, nil
}

// good makes a call that must succeed.
func (c *caller) good(name string, in object) object {
	c.Helper()
	out, err := c.call(name, in)
	require.NoError(c, err, name)
	return out
}

// bad makes a call that the service must refuse with a code.
func (c *caller) bad(name, code string, in object) {
	c.Helper()
	_, err := c.call(name, in)
	var api smithy.APIError
	require.ErrorAs(c, err, &api, name)
	assert.Equal(c, code, api.ErrorCode(), name)
}

// service returns the emulator's controls of a service.
func (d *driver) service(name string) awstokenstest.Service {
	switch name {
	case "licensemanager":
		return d.server.LicenseManager().Service
	case "sts":
		return d.server.STS().Service
	}
	return d.server.IdentityCenter().Service
}

// requests returns the number of requests for an operation.
func (d *driver) requests(service, operation string) int {
	return d.service(service).Requests(operation)
}

// next scripts a fault for the next request.
func (d *driver) next(service, operation string) awstokenstest.Faults {
	return d.service(service).Next(1, operation)
}
