package watch

import (
	"context"
	"sync/atomic"
	"time"
)

// Turns is a Run without a goroutine of its own: whoever calls Turn sends what there
// is at the time.
type Turns struct {
	run   run
	beats atomic.Bool
	stop  func() bool // ends waking when the context does
}

// turnSteps is how many events and batches a Turn sends at most.
const turnSteps = 16

// Waking is how Turns and their caller tell each other.
type Waking struct {
	// Ready is called when there may be something for a Turn. It is called from
	// anywhere, also during a Turn, and must not use the session.
	Ready func()
	// Aside is called by Turn before it waits for a disk or for others.
	Aside func()
}

// Begin begins a Run that proceeds by Turns. End must be called afterwards.
func (s *Session) Begin(ctx context.Context, out Output, w Waking) (*Turns, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	t := &Turns{}
	t.run = run{Session: s, ctx: ctx, out: out, beats: &t.beats, aside: w.Aside, last: time.Now()}
	t.run.heart = time.AfterFunc(s.options.Heartbeat, func() {
		t.beats.Store(true)
		w.Ready()
	})
	t.stop = context.AfterFunc(ctx, w.Ready)
	s.mu.Lock()
	s.waker = w.Ready
	s.mu.Unlock()
	s.subscriber.Wake(w.Ready)
	w.Ready()
	return t, nil
}

// Turn sends what there is, up to a limit; more reports whether there may be more.
// With an error the Run is over, as with that of Run. Turns must not overlap.
func (t *Turns) Turn() (more bool, err error) {
	r := &t.run
	for n := range turnSteps {
		if r.ctx.Err() != nil {
			return false, context.Cause(r.ctx)
		}
		if n == 0 { // what comes later asks for another turn
			err = r.collect()
			if err != nil {
				return false, err
			}
		}
		c := r.pop()
		if c == nil {
			return false, r.rest()
		}
		err = r.give(c)
		if err != nil {
			return false, err
		}
	}
	r.noteSent() // the next turn may come late
	return true, nil
}

// rest is the end of a Turn after which there is nothing to send.
func (r *run) rest() error {
	r.noteSent()
	if r.beatDue() {
		return r.beat()
	}
	return nil
}

// End releases what only a running session needs.
func (t *Turns) End() {
	s := t.run.Session
	s.subscriber.Wake(nil)
	s.mu.Lock()
	s.waker = nil
	s.mu.Unlock()
	t.stop()
	t.run.heart.Stop()
	s.end()
}
