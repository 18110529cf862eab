package watch

import "context"

// serve gives a cursor its turn: it sends one event or one batch.
func (r *run) serve(c *cursor) error {
	r.mu.Lock()
	r.sending = c
	if c.removed {
		r.mu.Unlock()
		return nil
	}
	if c.deleted {
		return r.sendDeleted(c) // unlocks
	}
	line, at, connect := c.line, c.at, c.connect
	r.mu.Unlock()
	read, err := line.next(r.ctx, at, r.aside)
	switch {
	case err == nil:
		return r.deliver(c, at, connect, &read)
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case absent(err):
		r.mu.Lock()
		if c.removable && !c.removed {
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

// deliver sends what was read after the cursor at. A reading of another topic of
// the same name is discarded: the topic was deleted and created again, the
// subscriber will report that, and the cursor will begin anew.
func (r *run) deliver(c *cursor, at uint64, connect bool, read *reading) error {
	r.mu.Lock()
	waited := c.drained
	another := read.topic != 0 && c.of != 0 && c.of != read.topic
	if !another {
		// From here on the client may receive some of the topic, even of an event
		// that is cut off, so the deletion of the topic must be reported.
		c.removable = false
		if read.topic != 0 {
			c.of = read.topic
		}
	}
	r.mu.Unlock()
	if another {
		return nil
	}
	if t := read.tombstone; t != nil {
		if err := r.send(c, t.GapTo, func() error { return r.out.Tombstone(c.topic, t, connect) }); err != nil {
			return err
		}
	}
	last := false
	if f := read.frame; f != nil {
		last = f.To >= read.head
		if err := r.frames.hold(f); err != nil {
			return err
		}
		err := r.send(c, f.To, func() error { return r.out.Records(f, last) })
		r.frames.drop(f)
		if err != nil {
			return err
		}
		if waited {
			r.frames.delivered(f, 1)
		}
	}
	r.mu.Lock()
	if c.removed {
		r.mu.Unlock()
		return nil
	}
	c.connect, c.failing = false, false
	r.move(c, read.next)
	moved := read.next != at || read.tombstone != nil
	drained := read.next >= read.head
	news := drained && !last && (moved || !c.drained)
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

// send moves a cursor to to and sends the event that covers the move. If that
// fails the cursor moves back. Nothing is sent for a removed cursor.
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

// move sets a cursor's position. s.mu is held.
func (s *Session) move(c *cursor, to uint64) {
	if c.at != to {
		c.at = to
		s.id.move(c)
	}
}

// deletion is an event of a deleted topic that was sent.
type deletion struct {
	topic string
	head  uint64 // of the topic
	epoch uint64 // Session.epoch of the event
}

// minPast is how many deletions a session remembers at least; it remembers more
// if it may follow more topics. They serve a client that resumes from before
// topics were created and deleted, which its id does not mention.
const minPast = 64

// sendDeleted reports that a topic was deleted. If the topic exists again, its
// records come next. r.mu must be held and is released.
func (r *run) sendDeleted(c *cursor) error {
	before := *c
	r.epoch++
	c.deleted, c.drained, c.failing, c.connect = false, false, false, false
	c.start, c.at, c.of, c.born = 0, 0, 0, r.epoch
	c.removable = c.prefix
	r.id.outdate()
	r.mu.Unlock()
	r.sent = true
	err := r.out.Deleted(c.topic, c.head, "deleted")
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		// The epoch is not reset: an id with it may have arrived nevertheless.
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
