package watch

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
)

// errClosed is returned by Run if the session is closed.
var errClosed = errors.New("watch: the session is closed")

// run is the state of one call of Session.Run, or of one Turns.
type run struct {
	*Session
	sent   bool      // an event was sent since last was set
	last   time.Time // when the last event or heartbeat was sent
	ctx    context.Context
	out    Output
	heart  *time.Timer  // for when a heartbeat is due if no event is sent before it
	beats  *atomic.Bool // set when the timer fires, of Turns; nil if heart.C receives then
	aside  func()       // called before something is waited for; nil if that is of no interest
	events []follow.Event
}

// Run sends events until ctx is done, and then returns its cause, or until out
// returns an error. The session can then be run again from where it was.
func (s *Session) Run(ctx context.Context, out Output) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	r := &run{Session: s, ctx: ctx, out: out, heart: time.NewTimer(s.options.Heartbeat), last: time.Now()}
	defer r.heart.Stop()
	err := r.collect()
	for err == nil {
		err = r.step()
	}
	return err
}

// begin prepares all cursors for a Run and queues them.
func (s *Session) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.running = true
	for _, c := range s.cursors {
		c.line = s.frames.acquire(c.topic, s.options)
		c.connect, c.drained, c.failing = true, false, false
		s.ready.push(c)
	}
	return nil
}

// end releases what only a running session needs.
func (s *Session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	for _, c := range s.cursors {
		s.releaseLine(c)
	}
	for s.ready.pop() != nil {
	}
	s.ready = queue{}
	s.id.outdate()
}

// step sends one event or batch, or waits until there is one.
func (r *run) step() error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	select {
	case <-r.subscriber.Ready():
		return r.collect()
	default:
	}
	if c := r.pop(); c != nil {
		return r.give(c)
	}
	r.noteSent()
	select {
	case <-r.subscriber.Ready():
		return r.collect()
	case <-r.wake:
	case <-r.heart.C:
		return r.beat()
	case <-r.ctx.Done():
	}
	return nil
}

// pop returns the next cursor that may have something to send, or nil.
func (r *run) pop() *cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready.pop()
}

// give gives a cursor its turn.
func (r *run) give(c *cursor) error {
	r.noteSent()
	if r.beatDue() { // no event for the heartbeat's time, for example because everything is filtered out
		if err := r.beat(); err != nil {
			return err
		}
	}
	return r.serve(c)
}

// noteSent sets last if an event was sent. It is called before whatever comes next may
// take time: another event, a wait, a beat. The timer is left alone: setting it for
// each event costs more than looking at last when it fires.
func (r *run) noteSent() {
	if r.sent {
		r.sent, r.last = false, time.Now()
	}
}

// beatDue reports whether the timer has fired, once each time.
func (r *run) beatDue() bool {
	if r.beats != nil {
		return r.beats.Load() && r.beats.Swap(false)
	}
	select {
	case <-r.heart.C:
		return true
	default:
		return false
	}
}

// beat handles the timer: it calls Idle if there was no event for the heartbeat's time.
func (r *run) beat() error {
	r.noteSent()
	if left := r.options.Heartbeat - time.Since(r.last); left > 0 {
		r.heart.Reset(left)
		return nil
	}
	err := r.out.Idle()
	r.last = time.Now() // it may have taken long
	r.heart.Reset(r.options.Heartbeat)
	return err
}

// refusal is a topic that a prefix covers but that cannot be followed.
type refusal struct {
	topic string
	err   error
}

// collect takes the events that the subscriber has received.
func (r *run) collect() error {
	for _, no := range r.take() {
		r.sent = true
		if err := r.out.Failed(no.topic, no.err); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) take() (refused []refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sending = nil
	r.events = r.subscriber.Take(r.events[:0])
	for i := range r.events {
		m := &r.events[i]
		c := r.cursors[m.Topic]
		switch {
		case c != nil && m.Deleted:
			c.deleted, c.head, c.gone = true, m.Head, !m.Created
		case c != nil && m.Created:
			c.gone = false
		case c == nil && m.Created && r.covered(m.Topic) && r.allowed(m.Topic):
			var err error
			if c, err = r.arrive(m.Topic); err != nil {
				refused = append(refused, refusal{m.Topic, err})
				continue
			}
		}
		if c != nil {
			r.ready.push(c)
		}
	}
	if cap(r.events) > maxMoves {
		r.events = nil
	}
	clear(r.events[:cap(r.events)])
	return refused
}

// maxMoves is how much capacity for movements is kept from one Run step to the
// next.
const maxMoves = 16

// arrive adds a topic that was created and that a prefix covers. s.mu is held.
func (s *Session) arrive(topic string) (*cursor, error) {
	if err := s.roomFor(true); err != nil {
		return nil, err
	}
	if s.options.Strong {
		st, err := s.frames.engine.State(topic, false)
		if err == nil {
			err = s.acceptable(&st)
		}
		if err != nil && !absent(err) {
			return nil, err
		}
	}
	if err := s.take(1); err != nil {
		return nil, err
	}
	c := &cursor{topic: topic, prefix: true}
	s.insert(c)
	c.connect = false
	return c, nil
}

// absent reports whether err means that a topic does not exist.
func absent(err error) bool {
	e := new(record.Error)
	return errors.As(err, &e) && e.Kind == record.KindNotFound
}
