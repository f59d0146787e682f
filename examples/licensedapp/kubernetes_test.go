package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// The manifest agrees with the program: its flags, paths, variables and times.
func TestManifest(t *testing.T) {
	data, err := os.ReadFile("kubernetes.yaml")
	require.NoError(t, err)
	manifest := string(data)
	find := func(pattern string) string {
		t.Helper()
		found := regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(manifest)
		require.NotNil(t, found, pattern)
		return found[1]
	}

	var args []string
	for _, arg := range regexp.MustCompile(`(?m)^ +- (-[a-z].*)$`).FindAllStringSubmatch(manifest, -1) {
		args = append(args, arg[1])
	}
	s, err := parse(args, io.Discard)
	require.NoError(t, err)
	assert.True(t, s.live)
	assert.NotEmpty(t, s.sku)
	assert.NotEmpty(t, s.entitlement)
	assert.Equal(t, ":"+find(`containerPort: (\d+)$`), s.addr, "reachable from outside the pod")
	assert.Equal(t, find(`name: seat\n +mountPath: (\S+)$`), path.Dir(s.store))
	assert.Contains(t, manifest, "\n          emptyDir: {}\n")

	token := find(`name: AWS_LICENSE_ACCESS_FILE\n +value: (\S+)$`)
	assert.Equal(t, find(`name: token\n +mountPath: (\S+)$`), path.Dir(token))
	assert.Equal(t, find(`stringData:\n +(\S+): `), path.Base(token))
	assert.Equal(t, find(`kind: Secret\nmetadata:\n  name: (\S+)$`), find(`secretName: (\S+)$`))

	a := newApp(nil, memoryRequest(awstokenstest.NewServer(t)), "", nil)
	a.keeper = a.keep(t.Context()) // closed, for want of an API
	for probe, want := range map[string]int{"readiness": http.StatusServiceUnavailable, "liveness": http.StatusOK} {
		response := httptest.NewRecorder()
		a.handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, find(probe+`Probe:\n +httpGet:\n +path: (\S+)\n +port: http$`), nil))
		assert.Equal(t, want, response.Code, probe)
	}

	grace, err := time.ParseDuration(find(`terminationGracePeriodSeconds: (\d+)`) + "s")
	require.NoError(t, err)
	assert.Greater(t, grace, shutdownTime)
	assert.LessOrEqual(t, drainTime+checkInTime, shutdownTime)
	assert.NotContains(t, manifest, "\t")
	assert.Equal(t, 1, strings.Count(manifest, "\n---\n"))
}
