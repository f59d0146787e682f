package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// TestKills kills processes that share a token cache, at random and in the
// middle of a refresh, while refresh tokens rotate. A session may be lost only
// if the kill fell between the request of a refresh and the save of its
// response. What happened is counted.
//
// By default it takes about two seconds, or as long as the first refresh takes.
// AWSTOKENS_KILLS=10m lets 24 processes run for ten minutes.
func TestKills(t *testing.T) {
	run, processes := 3*time.Second/2, 6
	if text := os.Getenv("AWSTOKENS_KILLS"); text != "" {
		var err error
		run, err = time.ParseDuration(text)
		require.NoError(t, err)
		processes = 24
	}
	k := newKills(t)
	for range processes {
		k.start()
	}
	for end := time.Now().Add(run); (time.Now().Before(end) || !k.hasRefreshed()) && !t.Failed(); {
		k.killOne()
		k.explainLoss()
	}
	for len(k.running) > 0 {
		k.kill(k.running[0])
	}
	k.ended = true // or nobody was there to say so
	k.explainLoss()
	provider, _ := newProvider(t, k.server, k.store, func(o *ProviderOptions) { o.Config.Now = k.now })
	get(t, provider)
	t.Logf("%d processes in %s: %d kills, %d of them during a refresh; %d refreshes; sessions lost: %v", processes, run, k.count["kills"], k.count["during a refresh"], k.count["refreshes"], k.lost)
	assert.NotZero(t, k.count["kills"])
}

// clockRate is how much faster the clock of the processes runs than time: a
// token that lives an hour expires after 0.3 seconds.
const clockRate = 12_000

// fastClock is the wall clock of the processes, which agree on it.
func fastClock(epoch time.Time) func() time.Time {
	return func() time.Time { return epoch.Add(time.Since(epoch) * clockRate).Round(0) }
}

const envEpoch = "AWSTOKENS_TEST_EPOCH"

// kills is the test's view of its processes. What they write about their
// refreshes outlives them.
type kills struct {
	*testing.T
	server  *awstokenstest.Server
	store   *FileStore
	now     func() time.Time
	epoch   string
	running []*child
	count   map[string]int
	lost    map[string]int // sessions, by cause

	mu     sync.Mutex
	spent  map[string][]*spending // by the refresh token's digest
	active *child                 // who refreshes
	ended  bool                   // a process says that the session is over
}

// spending is how far a refresh came.
type spending struct {
	by        *child
	got, kept bool
}

// child is a process that is going to be killed.
type child struct {
	*process
	read chan struct{} // closed when all that it wrote was read
}

func newKills(t *testing.T) *kills {
	epoch := time.Now().Truncate(time.Second)
	k := &kills{
		T: t, server: awstokenstest.NewServer(t), store: newFiles(t), now: fastClock(epoch), epoch: strconv.FormatInt(epoch.Unix(), 10),
		count: map[string]int{}, lost: map[string]int{}, spent: map[string][]*spending{},
	}
	k.server.IdentityCenter().AutoApprove(true)
	k.server.IdentityCenter().RotateRefreshTokens(true)
	k.logIn()
	return k
}

func (k *kills) logIn() {
	token := logIn(k.T, k.server, NewMemoryStore())
	token.ExpiresAt = k.now().Add(tokenLife).Truncate(time.Second)
	require.NoError(k, k.store.SaveToken(k.Context(), mySSO, token))
}

func (k *kills) start() {
	k.Setenv(envEpoch, k.epoch)
	m := &child{process: start(k.T, "use", k.store, k.server.URL()), read: make(chan struct{})}
	k.running = append(k.running, m)
	go func() {
		defer close(m.read)
		for {
			line, err := m.stdout.ReadString('\n')
			if err != nil {
				return // a line that is not whole is of a write that was cut off
			}
			k.note(m, strings.Fields(line))
		}
	}()
}

// note notes what a process writes: sends, gets and keeps the successor of a
// refresh token, or finds the session ended.
func (k *kills) note(m *child, words []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if words[0] == "ended" {
		k.ended = true
		return
	}
	tries := k.spent[words[1]]
	switch words[0] {
	case "sends":
		k.active = m
		k.spent[words[1]] = append(tries, &spending{by: m})
	case "gets":
		tries[len(tries)-1].got = true
		k.count["refreshes"]++
	case "keeps":
		tries[len(tries)-1].kept = true
		k.active = nil
	}
}

// killOne kills a process after a while: any, or, one time in three, one that is
// in the middle of a refresh.
func (k *kills) killOne() {
	victim := k.running[rand.IntN(len(k.running))]
	time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
	if rand.IntN(3) == 0 {
		for patience := time.Now().Add(time.Second); time.Now().Before(patience); time.Sleep(50 * time.Microsecond) {
			if active := k.refreshing(); active != nil {
				victim = active
				break
			}
		}
		time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond)
	}
	k.kill(victim)
	k.start()
}

// hasRefreshed reports whether a process got the successor of a refresh token.
func (k *kills) hasRefreshed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count["refreshes"] > 0
}

// refreshing returns a process that is in the middle of a refresh, or nil.
func (k *kills) refreshing() *child {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.running, k.active) {
		return nil
	}
	return k.active
}

func (k *kills) kill(m *child) {
	require.NoError(k, m.Process.Kill())
	<-m.read // before Wait, which closes the pipe
	_ = m.Wait()
	k.running = slices.DeleteFunc(k.running, func(r *child) bool { return r == m })
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count["kills"]++
	if k.active == m {
		k.active = nil
		k.count["during a refresh"]++
	}
}

// explainLoss looks why the session is lost that a process says to have ended,
// and logs in again. Nobody refreshes meanwhile.
func (k *kills) explainLoss() {
	k.mu.Lock()
	ended := k.ended
	k.ended = false
	k.mu.Unlock()
	if !ended {
		return
	}
	ctx, cancel := context.WithTimeout(k.Context(), 30*time.Second)
	defer cancel()
	unlock, err := k.store.Lock(ctx, mySSO, LockToken)
	require.NoError(k, err)
	defer unlock()
	token := digest(load(k.T, k.store).RefreshToken.Reveal())
	cause := k.cause(token)
	for end := time.Now().Add(2 * time.Second); cause == unexplained && time.Now().Before(end); cause = k.cause(token) {
		time.Sleep(10 * time.Millisecond) // a process's last words may be on their way
	}
	if cause == "" {
		return // somebody spoke of the session before
	}
	k.lost[cause]++
	assert.NotEqual(k, unexplained, cause)
	k.logIn() // with the lock
}

const unexplained = "nobody knows why"

// cause is why a refresh token is spent, or empty if it is not.
func (k *kills) cause(token string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	cause := ""
	for _, s := range k.spent[token] {
		alive := slices.Contains(k.running, s.by)
		switch {
		case s.got && !alive && !s.kept:
			return "killed between the response and the save"
		case !s.got && !alive:
			cause = "killed between the request and the response"
		case cause == "":
			cause = unexplained
		}
	}
	return cause
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:6])
}

// taskUse uses the session's token all the time, and writes what becomes of
// its refreshes. A write to a pipe outlives the process.
func taskUse(t *testing.T, store *FileStore) {
	seconds, err := strconv.ParseInt(os.Getenv(envEpoch), 10, 64)
	require.NoError(t, err)
	newerPauses = newerPauses[:2] // nobody here refreshes without the lock, so that a lost session need not be waited for
	client := &telling{client: awstokens.DefaultHTTPClient()}
	provider, err := NewProvider(mySSO, func(o *ProviderOptions) {
		o.Store = tellingStore{store, client}
		o.Config = awstokens.Config{BaseEndpoint: os.Getenv(envURL), HTTPClient: client, Now: fastClock(time.Unix(seconds, 0))}
		o.Report = func(err error) { fmt.Fprintln(os.Stderr, err) }
	})
	require.NoError(t, err)
	for {
		_, err := provider.RetrieveBearerToken(context.Background())
		if errors.Is(err, ErrSessionEnded) {
			fmt.Println("ended")
			time.Sleep(500 * time.Millisecond)
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// telling is an HTTP client that writes about refreshes.
type telling struct {
	client awstokens.HTTPClient
	spent  string // the digest of the last refresh token that was sent
}

func (c *telling) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var in struct{ RefreshToken string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	c.spent = digest(in.RefreshToken)
	fmt.Println("sends", c.spent)
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	response, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(strings.NewReader(string(response)))
	if resp.StatusCode == http.StatusOK {
		fmt.Println("gets", c.spent)
	}
	return resp, nil
}

// tellingStore is a store that writes about what it has saved.
type tellingStore struct {
	Store
	client *telling
}

func (s tellingStore) SaveToken(ctx context.Context, session Session, t *Token) error {
	err := s.Store.SaveToken(ctx, session, t)
	if err == nil {
		fmt.Println("keeps", s.client.spent)
	}
	return err
}
