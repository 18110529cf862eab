package watch

// cursor is how far a session's client has got in one topic. Session.mu guards
// it.
type cursor struct {
	topic   string
	number  uint64 // unique among all cursors the session has had
	start   uint64 // the seq after which it began
	at      uint64 // the last seq that was sent or passed over
	of      uint64 // which topic of that name it reads, see reading.topic; 0 before the first read
	born    uint64 // Session.epoch when it began, or began anew
	prefix  bool   // added by a prefix: removed together with its topic
	queued  bool   // in Session.ready
	connect bool   // not read yet in this Run, or since it was added
	drained bool   // everything up to the head was sent
	failing bool   // Failed was called and no read has succeeded since
	removed bool   // not in the session any more

	gone      bool   // the topic does not exist, according to the last event
	deleted   bool   // the topic was deleted and the event for that is still to be sent
	head      uint64 // head of the deleted topic
	removable bool   // the cursor is removed if the topic turns out not to exist

	line   *line  // shared reading of the topic; nil unless the session is running
	hash   string // see hashed; empty until it is needed
	digits span   // where at stands in the session's document
}

// queue holds cursors in the order of their turns. The zero queue is empty.
type queue struct {
	cursors []*cursor
	first   int
}

func (q *queue) empty() bool { return q.first == len(q.cursors) }

// push adds c unless it is in the queue already.
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

// pop removes and returns the next cursor, or nil if the queue is empty.
func (q *queue) pop() *cursor {
	if q.empty() {
		q.cursors, q.first = q.cursors[:0], 0
		return nil
	}
	c := q.cursors[q.first]
	q.cursors[q.first] = nil
	q.first++
	c.queued = false
	return c
}
