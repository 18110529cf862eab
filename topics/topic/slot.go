package topic

import (
	"context"
	"sync"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
)

// Slot is the room that a request has in the log, and the memory in which its
// entries are encoded.
type Slot struct {
	room wal.Reservation
	buf  []byte
}

var slots = sync.Pool{New: func() any { return new(Slot) }}

func NewSlot(room wal.Reservation) *Slot {
	s := slots.Get().(*Slot)
	s.room = room
	return s
}

// Release returns the room that is left.
func (s *Slot) Release() {
	s.room.Release()
	s.room = wal.Reservation{}
	if cap(s.buf) <= maxPooled {
		slots.Put(s)
	}
}

// Append puts an entry, and its encoded records, at the tail of the log.
func (s *Slot) Append(e entry.Entry, records []byte) (wal.Span, error) {
	payload, err := e.Encode(s.buf[:0])
	if err != nil {
		return wal.Span{}, err
	}
	s.buf = payload
	return s.room.Append(byte(e.Type()), payload, records)
}

// AppendLast is Append of the last entry of the request: it returns the room that
// is left, unless it fails.
func (s *Slot) AppendLast(e entry.Entry, records []byte) (wal.Span, error) {
	payload, err := e.Encode(s.buf[:0])
	if err != nil {
		return wal.Span{}, err
	}
	s.buf = payload
	return s.room.AppendLast(byte(e.Type()), payload, records)
}

// LogEntry appends an entry, and its encoded records, when there is room. No lock
// is held.
func (c *Shared) LogEntry(ctx context.Context, e entry.Entry, records []byte, mode wal.Mode) (wal.Span, error) {
	s := NewSlot(wal.Reservation{})
	defer s.Release()
	payload, err := e.Encode(s.buf[:0])
	if err != nil {
		return wal.Span{}, err
	}
	s.buf = payload
	s.room, err = c.Log.Reserve(ctx, len(payload)+len(records), mode|wal.Patient)
	if err != nil {
		return wal.Span{}, err
	}
	return s.room.Append(byte(e.Type()), payload, records)
}

// TryLogEntry appends an entry if there is room at the moment.
func (c *Shared) TryLogEntry(e entry.Entry, mode wal.Mode) (wal.Span, error) {
	s := NewSlot(c.Log.Unreserved(mode))
	defer s.Release()
	return s.Append(e, nil)
}
