package watch

// cursor is how far a session's client has got in one topic. The session's
// lock guards it.
type cursor struct {
	topic  string
	number uint64 // of no other cursor of the session, gone ones included
	start  uint64 // where it began
	at     uint64 // the last seq that was sent, or passed over
	of     uint64 // which topic of the name it is in; 0: none was read yet
	born   uint64 // the session's epoch when it began, or began anew
	line   *line  // the shared reading of the topic; nil unless running
	digits span   // of at, in the session's document

	prefix  bool // came by a prefix: goes when its topic does
	queued  bool // in ready
	connect bool // nothing was read yet in this Run
	drained bool // everything up to the head was sent
	failing bool // Failed was called, and no read succeeded since
	removed bool // not in the session any more

	gone    bool   // its topic is not there, as far as the follower has told
	deleted bool   // its topic was deleted, which is still to be sent
	head    uint64 // of the deleted topic
	doomed  bool   // if the topic is not there the cursor can go
}

// queue is cursors in the order of their turns. The zero queue is empty.
type queue struct {
	cursors []*cursor
	first   int
}

// push adds a cursor unless it is there already.
func (q *queue) push(c *cursor) {
	if c.queued {
		return
	}
	c.queued = true
	if q.first > 0 && len(q.cursors) == cap(q.cursors) {
		n := copy(q.cursors, q.cursors[q.first:])
		clear(q.cursors[n:])
		q.cursors, q.first = q.cursors[:n], 0
	}
	q.cursors = append(q.cursors, c)
}

// pop takes the next cursor; nil: there is none.
func (q *queue) pop() *cursor {
	if q.first == len(q.cursors) {
		q.cursors, q.first = q.cursors[:0], 0
		return nil
	}
	c := q.cursors[q.first]
	q.cursors[q.first] = nil
	q.first++
	c.queued = false
	return c
}
