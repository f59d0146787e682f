package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// TestSimulation puts processes that share a token cache through schedules of
// composed faults, in synthetic time: the network, the service, the disk, the
// clock, kills, logins and logouts. Refresh tokens rotate, so that one that is
// spent without a successor in the cache is the end of the session.
//
// A session may be lost only if a response that carried its next refresh token
// was lost, or its process was killed before it had saved that. Besides, no call
// sends a code or a refresh token again that may have been spent, and no two
// processes send one at once; none is spent while the disk is full, or given up
// on before its response; no login is replaced by what was there before; no user is
// asked while the token can be refreshed; and the refreshes are few.
//
// AWSTOKENS_EXHAUSTIVE=1 runs 1,500 schedules, and AWSTOKENS_SEED=n the one of
// that seed, with what happened in it.
func TestSimulation(t *testing.T) {
	first, schedules := uint64(1), uint64(60)
	if os.Getenv("AWSTOKENS_EXHAUSTIVE") != "" {
		schedules = 1500
	}
	if seed, err := strconv.ParseUint(os.Getenv("AWSTOKENS_SEED"), 10, 64); err == nil {
		first, schedules = seed, 1
	}
	var total outcome
	for seed := first; seed < first+schedules && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			s := newSimulation(t, seed)
			s.run()
			total.add(s.outcome)
			if t.Failed() || schedules == 1 {
				t.Logf("seed %d:\n%s", seed, strings.Join(s.trace, "\n"))
			}
		})
	}
	t.Logf("seeds %d to %d: %s", first, first+schedules-1, total)
	if schedules > 1 {
		assert.NotZero(t, total.lost["the response was lost"])
		assert.NotZero(t, total.lost["killed between the response and the save"])
	}
}

// outcome is what happened in schedules.
type outcome struct {
	hours                                 float64
	refreshes, logins, kills, calls, good int
	lost                                  map[string]int // sessions, by cause
}

func (o *outcome) add(other outcome) {
	o.hours += other.hours
	o.refreshes += other.refreshes
	o.logins += other.logins
	o.kills += other.kills
	o.calls += other.calls
	o.good += other.good
	if o.lost == nil {
		o.lost = map[string]int{}
	}
	for cause, n := range other.lost {
		o.lost[cause] += n
	}
}

func (o outcome) String() string {
	text := fmt.Sprintf("%.0f hours, %d refreshes, %d logins, %d kills, %d of %d calls got a token; sessions lost:", o.hours, o.refreshes, o.logins, o.kills, o.good, o.calls)
	for _, cause := range slices.Sorted(maps.Keys(o.lost)) {
		text += fmt.Sprintf(" %d because %s,", o.lost[cause], cause)
	}
	return strings.TrimSuffix(text, ",")
}

// simulation is a machine with processes, its disk and clock, and a service.
// What happens is drawn by run and what it calls only, so that it is the same
// for a seed.
type simulation struct {
	*testing.T
	outcome
	random  *rand.Rand
	server  *awstokenstest.Server
	disk    *MemoryStore
	clock   localClock
	workers []*worker
	logins  sync.WaitGroup
	start   time.Time

	full        atomic.Bool  // the disk
	badSaves    atomic.Int32 // how many of the next fail
	disturbance int
	ends        bool // a process says that the session has ended

	mu     sync.Mutex
	delays *rand.Rand
	faults []mishap           // of the next requests
	issued map[string]*issued // by refresh token
	spent  map[string]string  // refresh token -> its successor
	sent   map[string]bool    // invocation -> the service may have processed it
	ended  map[string]bool    // refresh token -> its session was ended at the portal

	refreshTokens map[string]string // by access token
	travelling    map[string]bool   // by refresh token: it is on its way to the service
	lastLogin     int
	trace         []string
}

// issued is a refresh token that the service has issued.
type issued struct {
	to        *worker
	login     int // which it goes back to
	delivered bool
	failed    bool // the store did not take it
}

// mishap is what happens to a request.
type mishap struct {
	kind string
	wait time.Duration
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	s := &simulation{
		T: t, random: rand.New(rand.NewPCG(seed, 0)), server: newService(t), disk: NewMemoryStore(), start: time.Now(), delays: rand.New(rand.NewPCG(seed, 1)),
		issued: map[string]*issued{}, spent: map[string]string{}, sent: map[string]bool{}, ended: map[string]bool{},
		refreshTokens: map[string]string{}, travelling: map[string]bool{},
	}
	s.lost = map[string]int{}
	s.server.IdentityCenter().AutoApprove(false)
	return s
}

func (s *simulation) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, fmt.Sprintf("%9s  ", time.Since(s.start).Round(time.Second))+fmt.Sprintf(format, args...))
}

// wrong notes a violation.
func (s *simulation) wrong(format string, args ...any) {
	s.note("VIOLATION: "+format, args...)
	s.Errorf(format, args...)
}

// chance is true once in n times.
func (s *simulation) chance(n int) bool { return s.random.IntN(n) == 0 }

func (s *simulation) upTo(d time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(d)))
}

func (s *simulation) run() {
	for range 2 + s.random.IntN(3) {
		s.workers = append(s.workers, s.newWorker())
	}
	s.logIn()
	for step := 1; step <= 24; step++ {
		time.Sleep(s.upTo(25 * time.Minute))
		for range s.random.IntN(4) {
			s.disturb()
		}
		s.call()
		s.restart()
		if s.chance(2) {
			s.full.Store(false)
		}
		if s.ends || step%8 == 0 {
			s.settle()
		}
	}
	s.logins.Wait()
	s.settle()
	for _, w := range s.workers {
		w.cancel()
	}
	s.hours, s.refreshes = time.Since(s.start).Hours(), len(s.spent)
	if most := int(1.4*s.hours) + 2*s.disturbance + 10; s.refreshes > most {
		s.wrong("%d refreshes in %.0f hours with %d disturbances", s.refreshes, s.hours, s.disturbance)
	}
}

// What happens to requests: the service does not process them, or their process
// may not learn what came of them.
var (
	faults = []string{
		"unsent", "cut", "500", "502", "503", "nonsense", "internal error", "throttled", "slow down", "refused once",
	}
	losses = []string{
		"lost", "forwarded, 504", "garbled", "killed at the request", "killed at the response", "killed before the save", "killed after the save",
	}
)

var clockJumps = []time.Duration{30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 30 * time.Hour, 100 * 24 * time.Hour, 400 * 24 * time.Hour}

// disturb lets something happen.
func (s *simulation) disturb() {
	s.disturbance++
	w := s.workers[s.random.IntN(len(s.workers))]
	switch n := s.random.IntN(100); {
	case n < 50:
		kinds := faults
		if s.chance(3) {
			kinds = losses
		}
		f := mishap{kind: kinds[s.random.IntN(len(kinds))]}
		if s.chance(3) {
			f.wait = s.upTo(90 * time.Second)
		}
		s.mu.Lock()
		s.faults = append(s.faults, f)
		s.mu.Unlock()
		s.note("next: %s after %s", f.kind, f.wait)
	case n < 65:
		by := clockJumps[s.random.IntN(len(clockJumps))]
		if s.chance(2) {
			by = -by
		}
		s.clock.set(by)
		s.note("the clock is set by %s", by)
	case n < 75:
		s.full.Store(true)
		s.note("the disk is full")
	case n < 80:
		s.badSaves.Store(1)
		s.note("the next save fails")
	case n < 90:
		if h := w.provider.token.Load(); h != nil {
			w.provider.Discard(h.AccessToken)
			s.note("%s discards its token", w.name)
		}
	case n < 99 || s.chance(2):
		after := s.upTo(time.Minute)
		if s.chance(8) {
			after = s.upTo(12 * time.Minute) // which may be too late
		}
		w.logIn(s.chance(2), after)
	default:
		w.logOut()
	}
}

// call lets all processes use the token: some callers at once, who are patient
// or not, and then one many times.
func (s *simulation) call() {
	var callers sync.WaitGroup
	for _, w := range s.workers {
		for range 1 + s.random.IntN(3) {
			patience := s.upTo(2 * time.Minute)
			callers.Go(func() { w.retrieve(patience) })
		}
	}
	callers.Wait()
	for _, w := range s.workers {
		for range 5 {
			s.calls++
			err := w.retrieve(5 * time.Second)
			if err == nil {
				s.good++
			}
			s.ends = errors.Is(err, ErrSessionEnded) || errors.Is(err, ErrLoginRequired)
		}
	}
}

// restart starts a process for each that was killed.
func (s *simulation) restart() {
	for i, w := range s.workers {
		if w.dead.Load() {
			s.kills++
			s.workers[i] = s.newWorker()
		}
	}
}

// settle ends all faults, gives the processes the time to save what they have,
// and looks whether the session is lost. Then there is one again.
func (s *simulation) settle() {
	s.mu.Lock()
	s.faults = nil
	s.mu.Unlock()
	s.full.Store(false)
	s.badSaves.Store(0)
	s.note("settle")
	time.Sleep(refreshTimeout + saveTimeout)
	for _, w := range s.workers {
		w.killAt.Store("")
	}
	for range 3 {
		for _, w := range s.workers {
			w.retrieve(time.Minute)
		}
		s.restart()
		time.Sleep(earlyPause + time.Second)
	}
	s.ends = false
	cause := s.cause()
	err := s.newWorker().use()
	switch {
	case err == nil:
	case cause == "":
		s.wrong("the session is lost: %v", err)
	default:
		s.note("lost, because %s: %v", cause, err)
		s.lost[cause]++
		s.logIn()
	}
	for _, w := range s.workers {
		if err := w.use(); err != nil && s.cause() == "" {
			s.wrong("%s cannot go on: %v", w.name, err)
		}
	}
}

// cause is why the session of the cache is lost, or empty if it must not be.
func (s *simulation) cause() string {
	stored, err := s.disk.LoadToken(s.Context(), mySSO)
	if err != nil {
		return "somebody logged out"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := stored.RefreshToken.Reveal(); ; {
		next, spent := s.spent[token]
		last := s.issued[next]
		switch {
		case s.ended[token]:
			return "somebody logged out"
		case !spent:
			return ""
		case !last.delivered:
			return "the response was lost"
		case last.to.dead.Load() && last.failed:
			return "killed while the store did not take the token"
		case last.to.dead.Load():
			return "killed between the response and the save"
		}
		token = next // which a process has
	}
}

// logIn logs in without faults.
func (s *simulation) logIn() {
	s.server.IdentityCenter().AutoApprove(true)
	defer s.server.IdentityCenter().AutoApprove(false)
	w := s.newWorker()
	_, err := loginTo(s.T, s.server, ownStore{s.disk, w}, func(o *Options) { o.Config.HTTPClient, o.Config.Now = w, s.clock.now })
	require.NoError(s.T, err)
	s.outcome.logins++
}

// worker is a process: it has a Provider, an HTTP client and a way to the disk.
type worker struct {
	*simulation
	name     string
	http     awstokens.HTTPClient
	provider *Provider
	ctx      context.Context // until it is killed
	cancel   context.CancelFunc
	dead     atomic.Bool
	reserved atomic.Int32
	killAt   atomic.Value // a point of SaveToken
	refusals atomic.Int32 // of refresh tokens
}

var workerNames atomic.Int64

func (s *simulation) newWorker() *worker {
	w := &worker{simulation: s, name: fmt.Sprintf("process %d", workerNames.Add(1)), http: s.server.Config().HTTPClient}
	w.ctx, w.cancel = context.WithCancel(s.Context())
	w.provider, _ = newProvider(s.T, s.server, ownStore{s.disk, w}, s.clock.use, func(o *ProviderOptions) { o.Config.HTTPClient = w })
	return w
}

// kill ends the process. Its goroutines end here, or when they do anything
// that could be seen; locks are then released, as they are when a process ends.
func (w *worker) kill() {
	if w.dead.CompareAndSwap(false, true) {
		w.note("%s is killed", w.name)
		w.cancel()
	}
	runtime.Goexit()
}

func (w *worker) alive() {
	if w.dead.Load() {
		runtime.Goexit()
	}
}

func (w *worker) retrieve(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	_, err := w.provider.RetrieveBearerToken(ctx)
	return err
}

// use gets a token that the portal accepts, as portal.RoleCredentials does.
func (w *worker) use() error {
	for range 2 {
		token, err := w.provider.RetrieveBearerToken(w.ctx)
		if err != nil {
			return err
		}
		secret := awstokens.NewSecret(token.Value)
		if accepts(w.T, w.server, secret) {
			return nil
		}
		w.provider.Discard(secret)
	}
	return errors.New("the portal does not accept the token")
}

// logIn asks the user, who approves in a while.
func (w *worker) logIn(force bool, after time.Duration) {
	w.note("%s logs in, force %t, approved after %s", w.name, force, after)
	began, refusals := time.Now(), w.refusals.Load()
	prompt := promptFor(func(ctx context.Context, r Request) {
		hasWaited := time.Since(began) >= lockTimeout // for the lock of another process
		if _, err := w.disk.LoadToken(ctx, mySSO); !force && err == nil && w.refusals.Load() == refusals && !hasWaited {
			w.wrong("%s asks the user, although nobody has refused the refresh token", w.name)
		}
		select {
		case <-time.After(after):
			_ = w.server.IdentityCenter().ApproveDevice(r.UserCode.Reveal())
		case <-ctx.Done():
		}
	})
	w.logins.Go(func() {
		_, err := Login(w.ctx, mySSO, func(o *Options) {
			o.Store, o.Config, o.Flow, o.Prompt, o.Force = ownStore{w.disk, w}, w.server.Config(), FlowDevice, prompt, force
			o.Config.HTTPClient, o.Config.Now = w, w.clock.now
		})
		w.note("%s has logged in: %v", w.name, err)
	})
}

func (w *worker) logOut() {
	w.note("%s logs out", w.name)
	w.logins.Go(func() {
		err := Logout(w.ctx, mySSO, func(o *Options) {
			o.Store, o.Config, o.Timeout = ownStore{w.disk, w}, w.server.Config(), time.Minute
			o.Config.HTTPClient, o.Config.Now = w, w.clock.now
		})
		w.note("%s has logged out: %v", w.name, err)
	})
}

// ownStore is a process's way to the disk.
type ownStore struct {
	Store
	*worker
}

func (o ownStore) LoadToken(ctx context.Context, s Session) (*Token, error) {
	o.alive()
	return o.Store.LoadToken(ctx, s)
}

func (o ownStore) SaveToken(ctx context.Context, s Session, t *Token) error {
	o.alive()
	point, _ := o.killAt.Load().(string)
	if point == "killed before the save" {
		o.kill()
	}
	before, _ := o.Store.LoadToken(ctx, s)
	var err error
	switch {
	case o.full.Load() && o.reserved.Load() == 0:
		err = errFull
	case o.badSaves.Add(-1) >= 0:
		err = errors.New("input/output error")
	default:
		err = o.Store.SaveToken(ctx, s, t)
	}
	o.mu.Lock()
	known := o.issued[t.RefreshToken.Reveal()]
	known.failed = err != nil
	older := before != nil && known.login < o.issued[before.RefreshToken.Reveal()].login
	o.mu.Unlock()
	if older && err == nil {
		o.wrong("%s replaces a login by what was there before", o.name)
	}
	if err != nil {
		o.note("%s cannot save: %v", o.name, err)
	}
	if point == "killed after the save" {
		o.kill()
	}
	return err
}

func (o ownStore) SaveRegistration(ctx context.Context, s Session, r *Registration) error {
	o.alive()
	if o.full.Load() {
		return errFull
	}
	return o.Store.SaveRegistration(ctx, s, r)
}

func (o ownStore) ReserveToken(context.Context, Session) (func(), error) {
	o.alive()
	if o.full.Load() {
		return nil, errFull
	}
	o.reserved.Add(1)
	return sync.OnceFunc(func() { o.reserved.Add(-1) }), nil
}

func (o ownStore) Lock(ctx context.Context, s Session, l Lock) (func(), error) {
	o.alive()
	unlock, err := o.Store.Lock(ctx, s, l)
	if err == nil && o.dead.Load() {
		unlock()
	}
	o.alive()
	return unlock, err
}

// typed is an error of the service.
func typed(status int, code, oauth string) *http.Response {
	return response(status, http.Header{"X-Amzn-Errortype": {code}}, `{"error":"`+oauth+`","error_description":"scripted"}`)
}

func response(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
}

// Do is the process's HTTP client.
func (w *worker) Do(req *http.Request) (*http.Response, error) {
	w.alive()
	if token := req.Header.Get("X-Amz-Sso_bearer_token"); token != "" { // it logs out
		w.mu.Lock()
		w.ended[w.refreshTokens[token]] = true
		w.mu.Unlock()
		return w.http.Do(req)
	}
	f := w.next()
	if f.kind == "unsent" {
		return nil, errors.New("no route to host")
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	var in struct{ RefreshToken, DeviceCode string }
	_ = json.Unmarshal(body, &in)
	if in.RefreshToken != "" {
		defer w.send(in.RefreshToken)()
	}
	w.checkRequest(req)
	if f.kind != "" {
		w.note("%s: %s: %s", w.name, req.URL.Path, f.kind)
	}
	began := time.Now()
	if err := w.travel(req, f.wait); err != nil {
		return nil, err
	}
	if resp, err := w.instead(req, f.kind, in.RefreshToken != ""); resp != nil || err != nil {
		return resp, err
	}
	return w.forward(req, f.kind, in.RefreshToken, began)
}

// next takes what happens to the next request.
func (s *simulation) next() (f mishap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
	}
	return f
}

// instead is what a process gets in place of the service's response, if anything.
func (w *worker) instead(req *http.Request, kind string, isRefresh bool) (*http.Response, error) {
	switch kind {
	case "500", "502", "503":
		status, _ := strconv.Atoi(kind)
		return response(status, nil, "<html>"), nil
	case "cut":
		return nil, io.ErrUnexpectedEOF
	case "nonsense":
		return response(200, nil, "<html>"), nil
	case "internal error":
		return typed(500, "InternalServerException", "server_error"), w.mayRetry(req)
	case "throttled":
		return typed(400, "ThrottlingException", ""), w.mayRetry(req)
	case "slow down":
		return typed(400, "SlowDownException", "slow_down"), nil
	case "refused once":
		if isRefresh {
			w.refusals.Add(1)
			return typed(400, "InvalidGrantException", "invalid_grant"), nil
		}
	case "killed at the request":
		w.kill()
	case "killed before the save", "killed after the save":
		w.killAt.Store(kind)
	}
	return nil, nil
}

// forward sends a request to the service. Its response may be lost on the way back.
func (w *worker) forward(req *http.Request, kind, refreshToken string, began time.Time) (*http.Response, error) {
	resp, err := w.http.Do(req)
	if err != nil {
		return nil, err
	}
	if refreshToken != "" && resp.StatusCode == http.StatusBadRequest {
		w.refusals.Add(1)
	}
	token, err := w.take(resp, refreshToken)
	if err == nil {
		err = w.travel(req, 0)
	}
	switch {
	case err != nil && refreshToken != "" && time.Since(began) < refreshTimeout/5:
		w.wrong("%s gives up on a refresh", w.name)
		return nil, err
	case err != nil:
		return nil, err
	case kind == "lost":
		return nil, io.ErrUnexpectedEOF
	case kind == "forwarded, 504":
		return response(504, nil, "<html>"), nil
	case kind == "garbled":
		return response(200, nil, `{"accessToken":`), nil
	case kind == "killed at the response":
		w.kill()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if token != nil {
		token.delivered = true
	}
	w.sent[req.Header.Get("Amz-Sdk-Invocation-Id")] = false
	return resp, nil
}

// send notes that a refresh token is on its way until done.
func (w *worker) send(refreshToken string) (done func()) {
	w.mu.Lock()
	twice := w.travelling[refreshToken]
	w.travelling[refreshToken] = true
	w.mu.Unlock()
	if twice {
		w.wrong("%s sends a refresh token that another sends, too", w.name)
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.travelling, refreshToken)
	}
}

// travel is the way to the service, or back.
func (w *worker) travel(req *http.Request, wait time.Duration) error {
	w.mu.Lock()
	wait += time.Duration(w.delays.Int64N(int64(time.Second)))
	w.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-req.Context().Done():
	case <-w.ctx.Done():
	}
	w.alive()
	return req.Context().Err()
}

// checkRequest notes that a code or a refresh token is sent, which must be for
// the only time in this call, unless the service says that it may be retried.
func (w *worker) checkRequest(req *http.Request) {
	if !strings.HasSuffix(req.URL.Path, "/token") {
		return
	}
	invocation := req.Header.Get("Amz-Sdk-Invocation-Id")
	w.mu.Lock()
	again := w.sent[invocation]
	w.sent[invocation] = true
	w.mu.Unlock()
	if again {
		w.wrong("%s sends what may be spent again", w.name)
	}
}

// mayRetry notes that the service has asked for a retry.
func (w *worker) mayRetry(req *http.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[req.Header.Get("Amz-Sdk-Invocation-Id")] = false
	return nil
}

// take notes the refresh token in a response, if there is one, and what was
// spent for it.
func (w *worker) take(resp *http.Response, spent string) (*issued, error) {
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var out struct{ AccessToken, RefreshToken string }
	if err != nil || json.Unmarshal(body, &out) != nil || out.RefreshToken == "" {
		return nil, err
	}
	if w.full.Load() && w.reserved.Load() == 0 {
		w.wrong("%s spends a code or a refresh token while the disk is full", w.name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	token := &issued{to: w}
	if before := w.issued[spent]; before != nil {
		token.login = before.login
	} else {
		w.lastLogin++
		token.login = w.lastLogin
	}
	w.issued[out.RefreshToken] = token
	w.refreshTokens[out.AccessToken] = out.RefreshToken
	if spent != "" {
		w.spent[spent] = out.RefreshToken
	}
	return token, nil
}
