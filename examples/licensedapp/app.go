package main

import (
	"cmp"
	"context"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// The program stops within 5 seconds, whether or not the service responds.
const (
	drainTime    = time.Second     // for requests under way
	checkInTime  = 3 * time.Second // for the seat; with a store, the next start resumes one that stays taken
	shutdownTime = 5 * time.Second
)

// app is the service. Only its feature depends on the license.
type app struct {
	keep    func(context.Context) *lease.Keeper
	keeper  *lease.Keeper
	events  *expvar.Map // of the license, by type
	metrics *expvar.Map
	last    lease.Event // that was recorded
	log     *slog.Logger
}

func newApp(api lease.API, request lease.Request, store string, log *slog.Logger) *app {
	a := &app{events: new(expvar.Map).Init(), metrics: new(expvar.Map).Init(), log: log}
	a.keep = func(ctx context.Context) *lease.Keeper {
		return lease.Keep(ctx, api, request, func(o *lease.Options) {
			o.OnEvent = a.record
			if store != "" {
				o.Store = lease.NewFileStore(store)
			}
		})
	}
	a.metrics.Set("license_events", a.events)
	a.metrics.Set("license_state", expvar.Func(func() any { return a.keeper.State() }))
	a.metrics.Set("license_held", expvar.Func(func() any { return a.isLicensed() }))
	a.metrics.Set("license_expires", expvar.Func(func() any { return a.keeper.Expires() }))
	return a
}

// record counts an event and logs it, in an outage only the first in a row.
func (a *app) record(e lease.Event) {
	a.events.Add(string(e.Type), 1)
	verdict := lease.VerdictOf(e.Err)
	repeated := e.Type == a.last.Type && verdict == lease.VerdictOf(a.last.Err)
	a.last = e
	switch {
	case e.Err == nil:
		a.log.Info("license "+string(e.Type), "expires", e.Expires)
	case !repeated:
		a.log.Warn("license "+string(e.Type), "expires", e.Expires, "verdict", verdict, "error", e.Err)
	}
}

// serve runs the service until the context ends, then gives the seat back.
func (a *app) serve(ctx context.Context, listener net.Listener) error {
	a.keeper = a.keep(context.WithoutCancel(ctx)) // which ends after the last request
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		draining, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		if server.Shutdown(draining) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	closing, cancel := context.WithTimeout(context.Background(), checkInTime)
	defer cancel()
	if err := a.keeper.Close(closing); err != nil {
		a.log.Error("license not given back", "error", err)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (a *app) isLicensed() bool {
	return a.keeper.Err() == nil
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /license", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "license:", a.keeper.State())
		if why := cmp.Or(a.keeper.Err(), a.keeper.LastError()); why != nil { // the latter while it is degraded
			fmt.Fprintln(w, "because:", why)
		}
	})
	mux.HandleFunc("GET /feature", func(w http.ResponseWriter, _ *http.Request) {
		switch a.keeper.State() {
		case lease.StateActive:
		case lease.StateDegraded: // tell the customer, and do not stop
			w.Header().Set("Warning", `199 - "the license could not be renewed yet"`)
		default:
			http.Error(w, "this feature needs a license; see /license", http.StatusPaymentRequired)
			return
		}
		fmt.Fprintln(w, "the licensed feature")
	})
	// A program that starts in an outage serves what needs no license. One that is
	// denied a seat, or has lost its own, leaves the work to others that have one.
	// In no case would a restart help.
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		state := a.keeper.State()
		denied := lease.VerdictOf(a.keeper.Err()) == lease.VerdictDenied
		if denied || state == lease.StateLost || state == lease.StateClosed {
			http.Error(w, "no license; see /license", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintln(w, a.metrics)
	})
	return mux
}
