package watch

import "context"

// serve gives a cursor its turn: one event that its topic has, or one batch.
func (r *run) serve(c *cursor) error {
	r.mu.Lock()
	r.sending = c
	if c.removed {
		r.mu.Unlock()
		return nil
	}
	if c.deleted {
		return r.tellDeleted(c) // unlocks
	}
	line, at, connect := c.line, c.at, c.connect
	r.mu.Unlock()
	read, err := line.next(r.ctx, at)
	switch {
	case err == nil:
		return r.tell(c, at, connect, &read)
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case absent(err):
		r.mu.Lock()
		if c.doomed && !c.removed {
			r.drop(c)
		}
		r.mu.Unlock()
		return nil
	}
	r.mu.Lock()
	again := c.failing
	c.failing = true
	r.mu.Unlock()
	if again { // the next movement, or the next Run, tries again
		return nil
	}
	r.sent = true
	return r.out.Failed(c.topic, err)
}

// tell sends what was read from a cursor at. What is of another topic than
// before is left alone: it was deleted and made again, the follower will say so,
// and then the cursor begins anew.
func (r *run) tell(c *cursor, at uint64, connect bool, read *reading) error {
	r.mu.Lock()
	another := read.topic != 0 && c.of != 0 && c.of != read.topic
	if !another {
		// The client may get of it from here on, even of an event that is cut
		// off: that it goes will have to be told.
		c.doomed = false
		if read.topic != 0 {
			c.of = read.topic
		}
	}
	r.mu.Unlock()
	if another {
		return nil
	}
	if t := read.stone; t != nil {
		if err := r.send(c, t.GapTo, func() error { return r.out.Tombstone(c.topic, t, connect) }); err != nil {
			return err
		}
	}
	if f := read.frame; f != nil {
		if err := r.frames.hold(f); err != nil {
			return err
		}
		err := r.send(c, f.To, func() error { return r.out.Records(f) })
		r.frames.drop(f)
		if err != nil {
			return err
		}
	}
	r.mu.Lock()
	if c.removed {
		r.mu.Unlock()
		return nil
	}
	c.connect, c.failing = false, false
	r.move(c, read.next)
	moved := read.next != at || read.stone != nil
	drained := read.next >= read.head
	news := drained && (moved || !c.drained)
	c.drained = drained
	if !drained && moved {
		r.ready.push(c)
	}
	r.mu.Unlock()
	if !news {
		return nil
	}
	r.sent = true
	return r.out.CaughtUp(c.topic, read.head)
}

// send moves a cursor and sends the event that moves it. If that fails the
// cursor goes back. There is no event of what is not followed any more.
func (r *run) send(c *cursor, to uint64, event func() error) error {
	r.mu.Lock()
	if c.removed {
		r.mu.Unlock()
		return nil
	}
	from := c.at
	r.move(c, to)
	r.mu.Unlock()
	r.sent = true
	err := event()
	if err != nil {
		r.mu.Lock()
		r.move(c, from)
		r.mu.Unlock()
	}
	return err
}

// move sets a cursor. s.mu is held.
func (s *Session) move(c *cursor, to uint64) {
	if c.at != to {
		c.at = to
		s.id.move(c)
	}
}

// deletion is a deletion of a topic that was sent.
type deletion struct {
	topic string
	head  uint64 // of the topic
	epoch uint64 // of the session, with it
}

// minPast is how many deletions a session remembers, if it may not have more
// topics than that: for a client that resumes before topics were made and
// deleted of which its id says nothing.
const minPast = 64

// tellDeleted says that a topic was deleted. If it is there again its records
// come next. It is called with the lock, and gives it back.
func (r *run) tellDeleted(c *cursor) error {
	before := *c
	r.epoch++
	c.deleted, c.drained, c.failing, c.connect = false, false, false, false
	c.start, c.at, c.of, c.born = 0, 0, 0, r.epoch
	c.doomed = c.prefix
	r.id.outdate()
	r.mu.Unlock()
	r.sent = true
	err := r.out.Deleted(c.topic, c.head, "deleted")
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		// The epoch stays: an id that has it may have arrived nevertheless.
		c.deleted, c.start, c.at, c.of, c.born = true, before.start, before.at, before.of, before.born
		return err
	}
	if r.past = append(r.past, deletion{c.topic, c.head, c.born}); len(r.past) > max(r.max, minPast) {
		r.past = append(r.past[:0], r.past[1:]...)
	}
	if !c.removed {
		r.ready.push(c)
	}
	return nil
}
