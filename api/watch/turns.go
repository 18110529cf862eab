package watch

import (
	"context"
	"sync/atomic"
	"time"
)

// Turns is a Run without a goroutine of its own: whoever calls Turn sends what there
// is at the time.
//
// What a Group needs of it for each event comes first, so that it is together in memory.
type Turns struct {
	host Host
	out  Shared  // run.out, if it is one
	sole *cursor // the session's only one, if it is in a group
	made uint64  // Session.made then
	run  run

	beats  atomic.Bool
	stop   func() bool           // ends waking when the context does
	group  atomic.Pointer[Group] // the one that the session is in, or nil
	unsent unsent                // of an event that a group has sent
}

// turnSteps is how many events and batches a Turn sends at most.
const turnSteps = 16

// Host gives a session its turns.
type Host interface {
	// Ready is called when there may be something for a Turn. It is called from
	// anywhere, also during a Turn, and must not use the session.
	Ready()
	// Aside is called by Turn before it waits for a disk or for others.
	Aside()
	// Claim takes the turn of a session that is at rest. It reports false if the session
	// has a turn or waits for one. Otherwise Release must be called, which asks for
	// another turn if Ready was called meanwhile.
	Claim() bool
	Release()
}

// Begin begins a Run of a session that proceeds by Turns. End must be called afterwards,
// unless it fails.
func (t *Turns) Begin(ctx context.Context, s *Session, out Output, host Host) error {
	if err := s.begin(); err != nil {
		return err
	}
	t.host = host
	t.out, _ = out.(Shared)
	t.run = run{Session: s, ctx: ctx, out: out, beats: &t.beats, aside: host.Aside, last: time.Now()}
	t.run.heart = time.AfterFunc(s.options.Heartbeat, func() {
		t.beats.Store(true)
		host.Ready()
	})
	t.stop = context.AfterFunc(ctx, host.Ready)
	s.mu.Lock()
	s.waker = host.Ready
	s.mu.Unlock()
	s.subscriber.Wake(host.Ready)
	host.Ready()
	return nil
}

// Turn sends what there is, up to a limit; more reports whether there may be more.
// With an error the Run is over, as with that of Run. Turns must not overlap.
func (t *Turns) Turn() (more bool, err error) {
	t.leave()
	err = t.finish()
	if err != nil {
		return false, err
	}
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
			err = r.rest()
			if err == nil {
				t.join()
			}
			return false, err
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
	t.leave()
	s := t.run.Session
	s.subscriber.Wake(nil)
	s.mu.Lock()
	s.waker = nil
	s.mu.Unlock()
	t.stop()
	t.run.heart.Stop()
	s.end()
}
