package tip

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// PoolOptions are the settings of a Pool. Zero values mean the defaults.
type PoolOptions struct {
	// Options are the settings of each user's Provider.
	Options

	// MaxUsers is how many users the Pool remembers. One more makes it forget the
	// user that was asked for least recently, but none whose credentials are being
	// renewed. The default is 10,000; a user takes about 5 KB.
	MaxUsers int

	// Idle is how long after its last use the Pool forgets a user. The default is
	// one hour.
	Idle time.Duration
}

// Pool keeps the credentials of many users of an application. It remembers the
// users that were asked for lately, with their credentials and sessions; for one
// that it has forgotten it needs a new JWT. It makes no call for a user that is not
// asked for. The cost of a user does not grow with the number of users. A Pool is
// safe for concurrent use.
type Pool struct {
	exchanger *exchanger
	maxUsers  int
	idle      time.Duration

	mu     sync.Mutex
	users  map[string]*list.Element // of recent
	recent list.List                // of *pooled, the one used last in front
	timer  *time.Timer              // runs sweep; nil if there are no users
}

// pooled is a user in a Pool. The Pool's lock guards it.
type pooled struct {
	name     string
	provider *Provider
	source   Source
	used     time.Time
	callers  int // in Retrieve
}

// NewPool returns a Pool without users. The configuration and the errors are those
// of [NewProvider].
func NewPool(cfg awstokens.Config, app Application, options ...func(*PoolOptions)) (*Pool, error) {
	var o PoolOptions
	for _, option := range options {
		if option != nil {
			option(&o)
		}
	}
	if o.MaxUsers < 0 || o.Idle < 0 {
		return nil, errors.New("identity propagation: PoolOptions.MaxUsers and PoolOptions.Idle must not be negative")
	}
	o.MaxUsers = cmp.Or(o.MaxUsers, 10_000)
	o.Idle = cmp.Or(o.Idle, time.Hour)
	x, err := newExchanger(cfg, app, o.Options)
	if err != nil {
		return nil, err
	}
	return &Pool{exchanger: x, maxUsers: o.MaxUsers, idle: o.Idle, users: make(map[string]*list.Element)}, nil
}

// For returns a provider of a user's credentials, which works as a [Provider] does.
// All providers for one user share the credentials; the Source of the latest
// Retrieve is the one that is asked for a JWT. For makes no call.
//
// The user is a key. It must identify one person across all token issuers, and come
// from the authentication of that person. Retrieve returns an error for an empty key
// and for a nil Source.
func (p *Pool) For(user string, source Source) awstokens.CredentialsProvider {
	return &handle{p, user, source}
}

// Forget drops the tokens and credentials of a user, for example when the user
// signs out. It does not revoke them.
func (p *Pool) Forget(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.users[user]; ok {
		p.remove(e)
	}
}

// handle is the provider that For returns.
type handle struct {
	pool   *Pool
	user   string
	source Source
}

// Retrieve implements awstokens.CredentialsProvider.
func (h *handle) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	if h.user == "" || h.source == nil {
		return awstokens.Credentials{}, &Error{StepGetJWT, errors.New("the user is empty or the Source is nil")}
	}
	u := h.pool.enter(h.user, h.source)
	defer h.pool.leave(u)
	return u.provider.Retrieve(ctx)
}

// Discard drops credentials that a service refused as expired.
func (h *handle) Discard(refused awstokens.Credentials) {
	h.pool.mu.Lock()
	e, ok := h.pool.users[h.user]
	h.pool.mu.Unlock()
	if ok {
		e.Value.(*pooled).provider.Discard(refused)
	}
}

// enter returns a user for a call of Retrieve, and remembers it.
func (p *Pool) enter(name string, source Source) *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	e, ok := p.users[name]
	if !ok {
		u := &pooled{name: name}
		u.provider = p.exchanger.provider(func(ctx context.Context) (awstokens.Secret, error) {
			p.mu.Lock()
			source := u.source
			p.mu.Unlock()
			return source(ctx)
		})
		e = p.recent.PushFront(u)
		p.users[name] = e
	}
	p.recent.MoveToFront(e)
	u := e.Value.(*pooled)
	u.source, u.used = source, now
	u.callers++
	p.evict(now)
	if p.timer == nil {
		p.timer = time.AfterFunc(p.idle, p.sweep)
	}
	return u
}

func (p *Pool) leave(u *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u.callers--
	u.used = time.Now()
}

// maxBusy is how many users whose credentials are being renewed evict comes upon
// before it gives up, so that its cost does not grow with their number. The next call
// continues with others.
const maxBusy = 16

// evict forgets users that are idle, and the least recently used ones beyond the
// limit.
func (p *Pool) evict(now time.Time) {
	for busy := 0; busy < maxBusy && p.recent.Len() > 0; {
		e := p.recent.Back()
		u := e.Value.(*pooled)
		if now.Sub(u.used) < p.idle && len(p.users) <= p.maxUsers {
			return
		}
		if u.callers > 0 || u.provider.cache.Renewing() { // the user could get a second exchange at once
			u.used = now
			p.recent.MoveToFront(e)
			busy++
			continue
		}
		p.remove(e)
	}
}

func (p *Pool) remove(e *list.Element) {
	p.recent.Remove(e)
	delete(p.users, e.Value.(*pooled).name)
}

// sweep forgets idle users, and runs again when the next one will be idle.
func (p *Pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.evict(now)
	p.timer = nil
	if last := p.recent.Back(); last != nil {
		const least = time.Second // a user whose credentials are being renewed may have been idle for long
		p.timer = time.AfterFunc(max(least, p.idle-now.Sub(last.Value.(*pooled).used)), p.sweep)
	}
}
