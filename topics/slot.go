package topics

import (
	"context"
	"sync"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
)

// slot is the room that a request has in the log, and the memory in which its
// entries are encoded.
type slot struct {
	room wal.Reservation
	buf  []byte
}

var slots = sync.Pool{New: func() any { return new(slot) }}

func newSlot(room wal.Reservation) *slot {
	s := slots.Get().(*slot)
	s.room = room
	return s
}

// release returns the room that is left.
func (s *slot) release() {
	s.room.Release()
	s.room = wal.Reservation{}
	if cap(s.buf) <= maxPooled {
		slots.Put(s)
	}
}

// append puts an entry, and its encoded records, at the tail of the log.
func (s *slot) append(e entry.Entry, records []byte) (wal.Span, error) {
	payload, err := e.Encode(s.buf[:0])
	if err != nil {
		return wal.Span{}, err
	}
	s.buf = payload
	return s.room.Append(byte(e.Type()), payload, records)
}

// logEntry appends an entry, and its encoded records, when there is room. No lock
// is held.
func (c *shared) logEntry(ctx context.Context, e entry.Entry, records []byte, mode wal.Mode) (wal.Span, error) {
	s := newSlot(wal.Reservation{})
	defer s.release()
	payload, err := e.Encode(s.buf[:0])
	if err != nil {
		return wal.Span{}, err
	}
	s.buf = payload
	s.room, err = c.log.Reserve(ctx, len(payload)+len(records), mode|wal.Patient)
	if err != nil {
		return wal.Span{}, err
	}
	return s.room.Append(byte(e.Type()), payload, records)
}

// tryLogEntry appends an entry if there is room at the moment.
func (c *shared) tryLogEntry(e entry.Entry, mode wal.Mode) (wal.Span, error) {
	s := newSlot(c.log.Unreserved(mode))
	defer s.release()
	return s.append(e, nil)
}
