package watch

import (
	"context"
	"errors"
	"time"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// errClosed is why a session that was closed does not run.
var errClosed = errors.New("watch: the session is closed")

// run is one Run of a session.
type run struct {
	*Session
	ctx   context.Context
	out   Output
	heart *time.Timer
	sent  bool // there was an event since the timer was set
	moves []topics.Movement
}

// Run sends what the topics have until ctx ends, whose cause it returns, or out
// fails. Then the session can run again, from where it was.
func (s *Session) Run(ctx context.Context, out Output) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	r := &run{Session: s, ctx: ctx, out: out, heart: time.NewTimer(s.options.Heartbeat)}
	defer r.heart.Stop()
	err := r.collect()
	for err == nil {
		err = r.step()
	}
	return err
}

// begin makes every topic be looked at.
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

// end gives back all that only a running session needs.
func (s *Session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	for _, c := range s.cursors {
		s.rest(c)
	}
	for s.ready.pop() != nil {
	}
	s.ready = queue{}
	s.id.outdate()
}

// step sends one thing, or waits until there is one.
func (r *run) step() error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	select {
	case <-r.follower.Moved():
		return r.collect()
	default:
	}
	r.mu.Lock()
	c := r.ready.pop()
	r.mu.Unlock()
	if c != nil {
		select {
		case <-r.heart.C: // busy for so long, and perhaps with what the client does not want
			if err := r.beat(); err != nil {
				return err
			}
		default:
		}
		return r.serve(c)
	}
	if r.sent {
		r.sent = false
		r.heart.Reset(r.options.Heartbeat)
	}
	select {
	case <-r.follower.Moved():
		return r.collect()
	case <-r.wake:
	case <-r.heart.C:
		return r.beat()
	case <-r.ctx.Done():
	}
	return nil
}

// beat is for when the timer fires.
func (r *run) beat() error {
	r.heart.Reset(r.options.Heartbeat)
	if r.sent {
		r.sent = false
		return nil
	}
	return r.out.Idle()
}

// refusal is a topic that came by a prefix and is not followed.
type refusal struct {
	topic string
	err   error
}

// collect takes what the follower was told.
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
	r.moves = r.follower.Take(r.moves[:0])
	for i := range r.moves {
		m := &r.moves[i]
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
	if cap(r.moves) > maxMoves {
		r.moves = nil
	}
	clear(r.moves[:cap(r.moves)])
	return refused
}

// maxMoves is how much room for movements a session that waits may keep.
const maxMoves = 16

// arrive follows a topic that was made under a prefix. s.mu is held.
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
	c := &cursor{topic: topic, prefix: true}
	s.insert(c)
	c.connect = false
	return c, nil
}

// absent says that a topic is not there.
func absent(err error) bool {
	e := new(record.Error)
	return errors.As(err, &e) && e.Kind == record.KindNotFound
}
