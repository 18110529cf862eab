package watch

import (
	"errors"
	"time"
)

// errInterrupted ends a session of whose event it is not known what was sent: there was a panic.
var errInterrupted = errors.New("watch: an event was cut off")

// unsent is the part of an event that the connection did not take at once.
type unsent struct {
	rest  []byte
	err   error  // if the connection has failed
	frame *Frame // of the event, held; nil if nothing is unsent
	from  uint64 // where the cursor was
	waits bool   // the client had everything before it
}

// deliver sends a frame of a topic, see reading.topic, to all members. Those that cannot
// take it as it is are dismissed.
func (g *Group) deliver(f *Frame, of uint64, last bool) {
	_ = g.line.frames.hold(f)
	defer g.line.frames.drop(f)
	g.mu.Lock()
	defer g.mu.Unlock()
	d := &delivery{frame: f, of: of, last: last, now: time.Now()}
	members := g.members
	done, kept := 0, 0
	defer func() {
		for _, t := range members[done:] { // after a panic
			g.dismissLocked(t)
		}
		clear(members[kept:])
		g.keepLocked(members[:kept])
	}()
	g.at.Store(f.To)
	for ; done < len(members); done++ {
		t := members[done]
		if g.deliverTo(t, d) {
			members[kept] = t
			kept++
		} else {
			g.dismissLocked(t)
		}
	}
	g.line.frames.delivered(f, d.waiters)
}

// delivery is the sending of a frame to all members.
type delivery struct {
	frame   *Frame
	of      uint64 // see reading.topic
	last    bool
	now     time.Time
	id      []byte // of the sessions after the event; nil before the first of them
	event   []byte // nil before it is rendered, for the first of them
	waiters int    // who have it and had everything before it
}

// deliverTo sends an event to a member, in a turn of its session. It reports whether the
// session stays. g.mu is held.
func (g *Group) deliverTo(t *Turns, d *delivery) bool {
	if !t.host.Claim() {
		return false
	}
	var rest []byte
	from, waited, ok := t.advance(g, d)
	err := errInterrupted
	defer func() {
		if ok && (err != nil || len(rest) > 0) {
			_ = g.line.frames.hold(d.frame)
			t.unsent = unsent{rest, err, d.frame, from, waited}
		}
		t.host.Release()
	}()
	if !ok {
		return false
	}
	if d.event == nil {
		d.event = t.out.Render(d.frame, d.id, d.last)
	}
	rest, err = t.out.Try(d.event, d.now)
	if err != nil || len(rest) > 0 {
		return false
	}
	t.run.sent, t.run.last = false, d.now
	if waited {
		d.waiters++
	}
	return true
}

// advance moves the cursor past a frame, if that is what comes next for the session.
func (t *Turns) advance(g *Group, d *delivery) (from uint64, waited, ok bool) {
	s := t.run.Session
	s.mu.Lock()
	defer s.mu.Unlock()
	c := t.sole
	if s.made != t.made || !s.onlyRecordsLocked(c) || c.at != d.frame.From || c.of != 0 && c.of != d.of || s.epoch != g.epoch {
		return 0, false, false
	}
	from, waited = c.at, c.drained
	s.move(c, d.frame.To)
	c.of, c.removable, c.drained = d.of, false, d.last
	if d.id == nil {
		d.id = s.appendIDLocked(nil)
	}
	return from, waited, true
}

// finish sends what a group has left of an event.
func (t *Turns) finish() error {
	u := t.unsent
	if u.frame == nil {
		return nil
	}
	t.unsent = unsent{}
	s := t.run.Session
	defer s.frames.drop(u.frame)
	err := u.err
	if err == nil {
		err = t.out.Finish(u.rest)
		t.run.sent = true
	}
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.move(t.sole, u.from)
		return err
	}
	if u.waits {
		s.frames.delivered(u.frame, 1)
	}
	return nil
}
