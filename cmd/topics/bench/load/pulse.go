package load

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Pulse is a moderate load of single writes at a steady rate, which measures
// what a server's clients experience while it does other work. Unlike a closed
// loop it does not slow down with the server: the latency of a write that could
// not be sent in time counts from when it was due.
type Pulse struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	conns   []*Conn
	Beats   [][]Beat // by connection
	errs    []error
}

// Beat is one write.
type Beat struct {
	At   time.Time
	Took time.Duration
}

// Window is an interval of time.
type Window struct{ From, To time.Time }

func (w Window) holds(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }

// StartPulse sends the request over each of conns connections once per
// interval. The caller must end it.
func StartPulse(ctx context.Context, addr string, conns int, every time.Duration, request []byte) (*Pulse, error) {
	all, err := DialAll(addr, conns)
	if err != nil {
		return nil, err
	}
	p := &Pulse{conns: all, Beats: make([][]Beat, conns), errs: make([]error, conns)}
	ctx, p.cancel = context.WithCancel(ctx)
	began := time.Now()
	for i, c := range all {
		due := began.Add(every * time.Duration(i) / time.Duration(conns))
		p.running.Go(func() { p.Beats[i], p.errs[i] = run(ctx, c, due, every, request) })
	}
	return p, nil
}

// run runs one connection of a pulse.
func run(ctx context.Context, c *Conn, due time.Time, every time.Duration, request []byte) (beats []Beat, err error) {
	for ; ; due = due.Add(every) {
		began := due
		if wait := time.Until(due); wait > 0 {
			Pause(ctx, wait)
			began = time.Now() // a late timer is not the server's fault
		}
		if ctx.Err() != nil {
			return beats, nil
		}
		if _, err := c.Expect(request, 200, 201); err != nil {
			return beats, err
		}
		beats = append(beats, Beat{began, time.Since(began)})
	}
}

// End ends the pulse. Further calls have no effect.
func (p *Pulse) End() error {
	p.cancel()
	p.running.Wait()
	CloseAll(p.conns)
	return errors.Join(p.errs...)
}

// Within returns the latencies of the writes that began in the windows. It must
// be called after end.
func (p *Pulse) Within(windows []Window) []time.Duration {
	var took []time.Duration
	for _, beats := range p.Beats {
		for _, b := range beats {
			for _, w := range windows {
				if w.holds(b.At) {
					took = append(took, b.Took)
					break
				}
			}
		}
	}
	return took
}
