package login

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// What the processes of these tests are told in their environment.
const (
	envTask  = "AWSTOKENS_TEST_TASK"
	envCache = "AWSTOKENS_TEST_CACHE"
	envURL   = "AWSTOKENS_TEST_URL"
)

// process is this test's program again, with another task.
type process struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

func start(t *testing.T, task string, store *FileStore, url string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTask$")}
	p.Env = append(os.Environ(), envTask+"="+task, envCache+"="+store.dir, envURL+"="+url)
	p.Stderr = &p.stderr
	var err error
	p.stdin, err = p.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.StdoutPipe()
	require.NoError(t, err)
	p.stdout = bufio.NewReader(stdout)
	require.NoError(t, p.Start())
	return p
}

// line is the next that the process writes.
func (p *process) line(t *testing.T) string {
	t.Helper()
	line, err := p.stdout.ReadString('\n')
	require.NoError(t, err, "%s", &p.stderr)
	return strings.TrimSuffix(line, "\n")
}

// kill ends the process as kill -9 does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Kill())
	_ = p.Wait() // the error is that it was killed
}

// TestTask is what the processes run.
func TestTask(t *testing.T) {
	task := tasks[os.Getenv(envTask)]
	if task == nil {
		t.Skip("it is for the processes that the other tests start")
	}
	store, err := NewFileStore(os.Getenv(envCache))
	require.NoError(t, err)
	task(t, store)
	os.Exit(0) // without what a test says at its end
}

var tasks = map[string]func(*testing.T, *FileStore){"refresh": taskRefresh, "write": taskWrite, "use": taskUse}

// callers is how many goroutines of a process want the token at once.
const callers = 20

// taskRefresh says that it is ready, waits for a line, and gets the token with
// many goroutines, which it then writes.
func taskRefresh(t *testing.T, store *FileStore) {
	provider, err := NewProvider(mySSO, func(o *ProviderOptions) {
		o.Store = store
		o.Config.BaseEndpoint = os.Getenv(envURL)
	})
	require.NoError(t, err)
	fmt.Println("ready")
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	require.NoError(t, err)
	tokens := make(chan string, callers)
	for range callers {
		go func() {
			token, err := provider.RetrieveBearerToken(context.Background())
			if err != nil {
				token.Value = err.Error()
			}
			tokens <- token.Value
		}()
	}
	var got []string
	for range callers {
		got = append(got, <-tokens)
	}
	slices.Sort(got)
	fmt.Println(strings.Join(slices.Compact(got), " and "))
}

// expiredToken starts a service and logs in; the token has expired.
func expiredToken(t *testing.T) (*awstokenstest.Server, *FileStore) {
	t.Helper()
	server, store := awstokenstest.NewServer(t), newFiles(t)
	server.IdentityCenter().AutoApprove(true)
	server.IdentityCenter().RotateRefreshTokens(true)
	logIn(t, server, store)
	change(t, store, func(token *Token) { token.ExpiresAt = moment })
	return server, store
}

func TestProcessesThatRefreshAtOnceKeepTheSession(t *testing.T) {
	const processes = 50
	server, store := expiredToken(t)
	var all []*process
	for range processes {
		all = append(all, start(t, "refresh", store, server.URL()))
	}
	for _, p := range all {
		require.Equal(t, "ready", p.line(t))
	}
	for _, p := range all {
		_, err := io.WriteString(p.stdin, "\n")
		require.NoError(t, err)
	}
	for _, p := range all {
		line := p.line(t)
		assert.Equal(t, load(t, store).AccessToken.Reveal(), line, "all get the new token")
		assert.NoError(t, p.Wait())
	}
	assert.Equal(t, 2, server.IdentityCenter().Requests("CreateToken"), "one login, one refresh")
	assert.True(t, load(t, store).ExpiresAt.After(time.Now()))
}

func TestTheNextTakesOverFromAProcessThatWasKilled(t *testing.T) {
	server, store := expiredToken(t)
	server.IdentityCenter().Next(1, "CreateToken").Delay(time.Hour)
	holder := start(t, "refresh", store, server.URL())
	require.Equal(t, "ready", holder.line(t))
	_, err := io.WriteString(holder.stdin, "\n")
	require.NoError(t, err)
	eventually(t, func() bool { return server.IdentityCenter().Requests("CreateToken") == 2 })

	provider, err := NewProvider(mySSO, func(o *ProviderOptions) { o.Store, o.Config = store, server.Config() })
	require.NoError(t, err)
	got := make(chan awstokens.Secret)
	go func() { got <- get(t, provider) }()
	select {
	case <-got:
		t.Fatal("two at once")
	case <-time.After(5 * lockPause):
	}
	holder.kill(t)
	killed := time.Now()
	token := <-got
	assert.Less(t, time.Since(killed), lockTimeout/2)
	assert.Equal(t, load(t, store).AccessToken, token)
	assert.Equal(t, 3, server.IdentityCenter().Requests("CreateToken"))
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in 10 seconds")
		}
	}
}

// writeToken is the token that taskWrite writes in a round: its members agree
// with each other, and every other file is much longer.
func writeToken(round int) *Token {
	mark := awstokens.NewSecret(fmt.Sprintf("fake-%d", round))
	padding, _ := json.Marshal(map[string]string{"padding": strings.Repeat(mark.Reveal()+" ", 1+round%2*4000)})
	return &Token{AccessToken: mark, ExpiresAt: moment, RefreshToken: mark, rest: awstokens.NewSecret(string(padding))}
}

// taskWrite writes one token after the other, and a byte after each.
func taskWrite(t *testing.T, store *FileStore) {
	for round := 0; ; round++ {
		require.NoError(t, store.SaveToken(t.Context(), mySSO, writeToken(round)))
		fmt.Print(".")
	}
}

func TestAFileIsWholeWhenItsWriterIsKilled(t *testing.T) {
	const workers = 4
	kills := 40
	if os.Getenv("AWSTOKENS_EXHAUSTIVE") != "" {
		kills = 500
	}
	for worker := range workers {
		t.Run(fmt.Sprint(worker), func(t *testing.T) {
			t.Parallel()
			store := newFiles(t)
			for range kills / workers {
				killAWriter(t, store)
			}
			require.NoError(t, store.DeleteToken(t.Context(), mySSO))
			left, err := os.ReadDir(store.dir)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

func killAWriter(t *testing.T, store *FileStore) {
	p := start(t, "write", store, "")
	written, err := io.CopyN(io.Discard, p.stdout, 1+rand.Int64N(8))
	require.NoError(t, err, "%s", &p.stderr)
	for end := time.Now().Add(time.Duration(rand.IntN(2000)) * time.Microsecond); time.Now().Before(end); {
		// A sleep would not end at any moment, but at those of the scheduler.
	}
	p.kill(t)

	store.wait = func(context.Context, time.Duration) error { return errors.New("it is not whole") }
	token, err := store.LoadToken(t.Context(), mySSO)
	require.NoError(t, err)
	var round int
	_, err = fmt.Sscanf(token.AccessToken.Reveal(), "fake-%d", &round)
	require.NoError(t, err)
	assert.Equal(t, writeToken(round), token)
	assert.GreaterOrEqual(t, int64(round+1), written, "what was saved stays saved")
}
