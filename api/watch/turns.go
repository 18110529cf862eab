package watch

import (
	"context"
	"errors"
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

// errNothing ends a Turn.
var errNothing = errors.New("watch: nothing to send")

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
	t.run = run{Session: s, ctx: ctx, out: out, beats: &t.beats, aside: w.Aside}
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
	for range turnSteps {
		err := t.run.step()
		if err == errNothing { //nolint:errorlint // the very one
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
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

// look is the end of a step of Turns that found nothing in the session's queue.
func (r *run) look() error {
	select {
	case <-r.subscriber.Ready():
		return r.collect()
	case <-r.wake:
		return nil
	default:
	}
	if r.beatDue() {
		return r.beat()
	}
	return errNothing
}
