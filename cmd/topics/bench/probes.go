package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

const (
	// probeTick is the pause between two probes: the part measures their latency,
	// not their rate.
	probeTick = 2 * time.Millisecond
	// probedConns is the limit of connections while requests are in progress on
	// all of them, and floodConns the number of clients that keep opening more.
	probedConns = 64
	floodConns  = 256
	probeTopic  = "bench-probes"
)

// probeTargets are the paths that orchestrators and load balancers probe.
var probeTargets = []string{"/health", "/health/quick", "/live", "/v0/ready"}

// ProbeResult is the latency of the probes in one state of the server, over one
// kind of connection.
type ProbeResult struct {
	State       string  `json:"state"`
	Connections string  `json:"connections"` // "kept", or "new" for each probe
	Probes      int     `json:"probes"`
	Failed      int     `json:"failed"` // no answer over a new connection
	P50US       float64 `json:"p50_us"`
	P99US       float64 `json:"p99_us"`
	MaxUS       float64 `json:"max_us"`
	Health      string  `json:"health"` // status codes of /health
	Live        string  `json:"live"`   // status codes of /live
}

// probeState is a state of a server. begin brings the server into it, and done
// ends it.
type probeState struct {
	name  string
	env   []string
	begin func(ctx context.Context, s *server) (done func() error, err error)
}

func (b *bench) probeStates() []probeState {
	states := []probeState{
		{"at rest", nil, func(context.Context, *server) (func() error, error) { return func() error { return nil }, nil }},
		{"64 writers, fsync", nil, writersAtWork},
	}
	states = append(states, b.heldStates()...)
	return append(states, probeState{fmt.Sprintf("%d connections, all busy, and %d more clients", probedConns, floodConns),
		[]string{fmt.Sprintf("TOPICS_MAX_CONNECTIONS=%d", probedConns)}, fullConnections})
}

// measureProbes measures each state on a new server, whose disk can hold its
// syncs.
func (b *bench) measureProbes(ctx context.Context) ([]ProbeResult, error) {
	var results []ProbeResult
	for _, state := range b.probeStates() {
		rs, err := b.measureState(ctx, state)
		if err != nil {
			return results, fmt.Errorf("%s: %w", state.name, err)
		}
		for _, r := range rs {
			b.logf("probes: %s, %s connections  p50 %.0f us, p99 %.0f us, at most %.0f us, /health %s, /live %s",
				r.State, r.Connections, r.P50US, r.P99US, r.MaxUS, r.Health, r.Live)
		}
		results = append(results, rs...)
	}
	return results, nil
}

func (b *bench) measureState(ctx context.Context, state probeState) (results []ProbeResult, err error) {
	dir, done, err := scratch(b.dir, "probes")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	s, err := bootOptions(ctx, child.Options{Dir: dir, Command: heldCommand, Env: append(b.env(), state.env...)})
	if err != nil {
		return nil, err
	}
	defer s.kill()
	if err := s.configure(ctx, probeTopic, "fsync"); err != nil {
		return nil, err
	}
	if err := s.call(load.WriteRequest(probeTopic, 1)); err != nil {
		return nil, err
	}
	end, err := state.begin(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, fresh := range []bool{false, true} {
		r, err := probeFor(ctx, s.addr, fresh, b.cmd.Interval)
		if err != nil {
			return results, errors.Join(err, end())
		}
		r.State = state.name
		results = append(results, r)
	}
	return results, end()
}

// probeFor sends probes for a duration. An answer of any status counts.
func probeFor(ctx context.Context, addr string, fresh bool, during time.Duration) (r ProbeResult, err error) {
	r.Connections = "kept"
	if fresh {
		r.Connections = "new"
	}
	var c *load.Conn
	var took []time.Duration
	seen := map[string][]int{}
	for i, end := 0, time.Now().Add(during); time.Now().Before(end) && ctx.Err() == nil; i++ {
		target := probeTargets[i%len(probeTargets)]
		began := time.Now()
		if c == nil {
			if c, err = load.Dial(addr); err != nil {
				return r, err
			}
		}
		status, _, err := c.Exchange(load.Render("GET", target, nil))
		if err != nil {
			// At its limit the server closes kept connections after each answer.
			c.Close()
			c = nil
			if fresh {
				r.Failed++
			}
			continue
		}
		took = append(took, time.Since(began))
		if all := seen[target]; len(all) == 0 || all[len(all)-1] != status {
			seen[target] = append(all, status)
		}
		if fresh {
			c.Close()
			c = nil
		}
		load.Pause(ctx, probeTick)
	}
	if c != nil {
		c.Close()
	}
	r.Probes = len(took)
	r.P50US, r.P99US, r.MaxUS = load.Micros(quantile.Median(took)), load.Micros(quantile.Of(took, 0.99)), load.Micros(quantile.Of(took, 1))
	r.Health, r.Live = fmt.Sprint(seen["/health"]), fmt.Sprint(seen["/live"])
	return r, ctx.Err()
}

// writersAtWork writes over 64 connections until done is called.
func writersAtWork(ctx context.Context, s *server) (done func() error, err error) {
	all, err := load.DialAll(s.addr, 64)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	request := load.WriteRequest(probeTopic, 1)
	var running sync.WaitGroup
	errs := make([]error, len(all))
	for i, c := range all {
		running.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				_, errs[i] = c.Expect(request, 200)
			}
		})
	}
	return func() error {
		cancel()
		running.Wait()
		load.CloseAll(all)
		return errors.Join(errs...)
	}, nil
}

// fullConnections fills all connections with long polls, while other clients
// keep opening connections.
func fullConnections(ctx context.Context, s *server) (done func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	poll := load.Render("GET", "/v0/topics/"+probeTopic+"/diff?from_seq=1&wait_ms=30000", nil)
	for range probedConns {
		running.Go(func() { hold(ctx, s.addr, poll, time.Minute) })
	}
	for range floodConns {
		running.Go(func() { hold(ctx, s.addr, nil, 100*time.Millisecond) })
	}
	return func() error {
		cancel()
		running.Wait()
		return nil
	}, nil
}

// hold opens a connection, sends a request, and keeps the connection for a
// duration or until the server closes it, repeatedly until ctx ends.
func hold(ctx context.Context, addr string, request []byte, during time.Duration) {
	dialer := net.Dialer{Timeout: time.Second}
	for ctx.Err() == nil {
		c, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(during))
		if _, err := c.Write(request); err == nil {
			_, _ = io.Copy(io.Discard, c)
		}
		stop()
		c.Close()
	}
}
