package topics

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// commit is a change that has its place in the log and in its topic, on its
// way to being published.
type commit struct {
	topic  *topic
	class  record.Class
	span   wal.Span       // its frame; zero for ephemeral records
	synced wal.LSN        // the log must be synced to here, whatever the class
	op     topicOperation // what apply will do; records are not kept
	sizes  []uint32
	tags   []byte // packed
	bytes  int64
	body   []byte // ephemeral records
	key    string
	came   clock.Moment
	count  *atomic.Int64   // that it is counted in; see applying
	jobs   []queue.Written // of the records, at a queue: those that say something of their job

	err     error         // the log failed first; set before settled
	settled atomic.Bool   // published, or failed and out of the line
	done    chan struct{} // closed when settled; nil if no goroutine waits
}

// commitOf is a commit and its entry in one allocation.
type commitOf[E any] struct {
	commit
	entry E
}

// satisfied reports whether the commit's own condition holds; earlier commits of
// the topic may still stand before it.
func (c *commit) satisfied(log *wal.Log) bool {
	if c.synced > 0 && log.Synced() < c.synced {
		return false
	}
	switch c.class {
	case record.Fsync:
		return log.Synced() >= c.span.End
	case record.Disk:
		return log.Written() >= c.span.End
	}
	return true
}

// need is the room in the log that a request asks for.
type need struct {
	bytes int // of payload; 0 if the request need not wait for room
	mode  wal.Mode
}

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

// errRetry makes propose begin again: another request was faster.
var errRetry = errors.New("topics: the request is to be looked at again")

// propose gives a request its place in the log. prepare returns the room that the
// request needs; it may take long, and holds no room meanwhile. assign then takes
// the locks, checks the request and appends its entries to the slot. Both are
// called again when assign returns errRetry, or finds that it needs more room,
// and after the change that it has to come after. propose returns how long the
// request waited for room.
//
// prepare must ask for no less than the entries take. Otherwise a request that
// assign refuses for room would find room here, without end.
func (r *Registry) propose(ctx context.Context, prepare func() (need, error), assign func(*slot) error) (throttled time.Duration, err error) {
	for {
		n, err := prepare()
		if err == nil {
			var waited time.Duration
			waited, err = r.tryAssign(ctx, n, assign)
			throttled += waited
		}
		again, err := r.again(err)
		if !again {
			return throttled, logError(err)
		}
	}
}

// tryAssign calls assign once, when there is room.
func (r *Registry) tryAssign(ctx context.Context, n need, assign func(*slot) error) (waited time.Duration, err error) {
	room := r.log.Unreserved(n.mode)
	if n.bytes > 0 {
		room, err = r.log.Reserve(ctx, n.bytes, n.mode)
		if err != nil {
			return room.Waited, err
		}
	}
	s := newSlot(room)
	defer s.release()
	return room.Waited, assign(s)
}

// again reports whether a request that got err is to be made again: at once
// when another was faster, and after the change that it has to come after.
// Otherwise it returns the error that the request ends with.
func (r *Registry) again(err error) (bool, error) {
	if errors.Is(err, errRetry) || errors.Is(err, wal.ErrBusy) {
		return true, nil
	}
	under, ok := errors.AsType[*underWayError](err)
	if !ok {
		return false, err
	}
	err = r.awaitChange(under.at)
	return err == nil, err
}

// needing returns a prepare for propose that always needs the same.
func needing(bytes int, mode wal.Mode) func() (need, error) {
	return func() (need, error) { return need{bytes, mode}, nil }
}

// finish waits until the commit's condition holds, publishes it, and returns
// what that took.
func (r *Registry) finish(c *commit) (Cost, error) {
	began := time.Now()
	synced, err := r.satisfy(c)
	err = r.publish(c, err)
	if err != nil {
		return Cost{}, err
	}
	return Cost{Append: time.Since(began) - synced, Sync: synced}, nil
}

// finishChange waits until the change at that position is durable, shows it to
// readers, and returns what that took.
func (r *Registry) finishChange(at wal.LSN) (Cost, error) {
	began := time.Now()
	err := r.awaitChange(at)
	if err != nil {
		return Cost{}, err
	}
	return Cost{Sync: time.Since(began)}, nil
}

// logEntry appends an entry, and its encoded records, when there is room. No lock
// is held.
func (r *Registry) logEntry(ctx context.Context, e entry.Entry, records []byte, mode wal.Mode) (wal.Span, error) {
	s := newSlot(wal.Reservation{})
	defer s.release()
	payload, err := e.Encode(s.buf[:0])
	if err != nil {
		return wal.Span{}, err
	}
	s.buf = payload
	s.room, err = r.log.Reserve(ctx, len(payload)+len(records), mode|wal.Patient)
	if err != nil {
		return wal.Span{}, err
	}
	return s.room.Append(byte(e.Type()), payload, records)
}

// tryLogEntry appends an entry if there is room at the moment.
func (r *Registry) tryLogEntry(e entry.Entry, mode wal.Mode) (wal.Span, error) {
	s := newSlot(r.log.Unreserved(mode))
	defer s.release()
	return s.append(e, nil)
}
