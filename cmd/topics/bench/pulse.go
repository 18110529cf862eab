package bench

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pulse is a moderate load of single writes at a steady rate, which measures
// what a server's clients experience while it does other work. Unlike a closed
// loop it does not slow down with the server: the latency of a write that could
// not be sent in time counts from when it was due.
type pulse struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	conns   []*conn
	beats   [][]beat // by connection
	errs    []error
}

// beat is one write.
type beat struct {
	at   time.Time
	took time.Duration
}

// window is an interval of time.
type window struct{ from, to time.Time }

func (w window) holds(t time.Time) bool { return !t.Before(w.from) && t.Before(w.to) }

// startPulse sends the request over each of conns connections once per
// interval. The caller must end it.
func startPulse(ctx context.Context, addr string, conns int, every time.Duration, request []byte) (*pulse, error) {
	all, err := dialAll(addr, conns)
	if err != nil {
		return nil, err
	}
	p := &pulse{conns: all, beats: make([][]beat, conns), errs: make([]error, conns)}
	ctx, p.cancel = context.WithCancel(ctx)
	began := time.Now()
	for i, c := range all {
		due := began.Add(every * time.Duration(i) / time.Duration(conns))
		p.running.Go(func() { p.beats[i], p.errs[i] = run(ctx, c, due, every, request) })
	}
	return p, nil
}

// run runs one connection of a pulse.
func run(ctx context.Context, c *conn, due time.Time, every time.Duration, request []byte) (beats []beat, err error) {
	for ; ; due = due.Add(every) {
		began := due
		if wait := time.Until(due); wait > 0 {
			pause(ctx, wait)
			began = time.Now() // a late timer is not the server's fault
		}
		if ctx.Err() != nil {
			return beats, nil
		}
		if _, err := c.expect(request, 200, 201); err != nil {
			return beats, err
		}
		beats = append(beats, beat{began, time.Since(began)})
	}
}

// end ends the pulse. Further calls have no effect.
func (p *pulse) end() error {
	p.cancel()
	p.running.Wait()
	closeAll(p.conns)
	return errors.Join(p.errs...)
}

// within returns the latencies of the writes that began in the windows. It must
// be called after end.
func (p *pulse) within(windows []window) []time.Duration {
	var took []time.Duration
	for _, beats := range p.beats {
		for _, b := range beats {
			for _, w := range windows {
				if w.holds(b.at) {
					took = append(took, b.took)
					break
				}
			}
		}
	}
	return took
}
