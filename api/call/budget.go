package call

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// budget bounds the memory that bodies and answers of all requests under way,
// or all streams, hold together, so that no number of large ones exhausts it.
// What is taken is taken before it is allocated, where its size is known. A
// request counts only what it holds beyond firstRead: small ones are bounded by
// the number of connections.
//
// A key has at most a quarter of it while others ask, and at most three
// quarters alone, so that some is left for the next one. Without keys there are
// no such shares.
type budget struct {
	name  string // of the limit, in the answer
	users string // what holds the memory, in the answer
	limit int64
	used  atomic.Int64 // changed under mu

	mu       sync.Mutex
	asked    *account              // the last one that was refused
	askedAt  time.Time             // when
	arrivals map[*arrival]struct{} // bodies that are arriving and hold something
}

// askedFor is how long a key that was refused counts as one that asks: clients
// that are throttled come again after a second.
const askedFor = 5 * time.Second

// holder takes from a budget. It is a key's account, where there are several keys.
type holder struct {
	account *account // nil without keys
	bytes   *atomic.Int64
}

// reserve takes n bytes for a holder, or returns the error to answer with.
func (b *budget) reserve(h holder, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := int64(0)
	if h.account != nil {
		own = h.bytes.Load()
		most := b.limit / 4 * 3
		if b.used.Load() > own || b.asked != nil && b.asked != h.account && time.Since(b.askedAt) < askedFor {
			most = b.limit / 4
		}
		if own+n > most {
			b.refusedLocked(h)
			return b.full(most, b.users+" with this key hold")
		}
	}
	if b.used.Load()+n > b.limit {
		b.refusedLocked(h)
		return b.full(b.limit, b.users+" hold")
	}
	b.used.Add(n)
	if h.account != nil {
		h.bytes.Add(n)
	}
	return nil
}

func (b *budget) full(most int64, who string) error {
	return &wire.Error{
		Status: http.StatusTooManyRequests, Code: "throttled",
		Message: fmt.Sprintf("%s the %d bytes of memory that they may", who, most),
		Detail:  map[string]any{"limit": b.name, "max": most},
	}
}

// refusedLocked notes that a holder asks, and makes bodies that stall give way.
func (b *budget) refusedLocked(h holder) {
	b.asked, b.askedAt = h.account, time.Now()
	for a := range b.arrivals {
		a.giveWayLocked()
	}
}

func (b *budget) release(h holder, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used.Add(-n)
	if h.account != nil {
		h.bytes.Add(-n)
	}
}

// inUse returns how much is taken.
func (b *budget) inUse() int64 { return b.used.Load() }

// left returns how much is not taken.
func (b *budget) left() int64 { return b.limit - b.used.Load() }

// Take lets the request hold n more bytes, or returns the error to answer with.
// What was taken goes back with give, however the request ends.
func (c *Call) Take(n int64) error {
	if n == 0 {
		return nil
	}
	if err := c.bounds.memory.reserve(c.holder(), n); err != nil {
		return err
	}
	c.held += n
	return nil
}

// cover makes what a request has taken what its buffers hold at this moment:
// the ones it began with may be large, and handlers that do not know the size
// of their answer before they render it have it counted afterwards.
func (c *Call) cover() error {
	n := BeyondFirst(cap(c.In)) + BeyondFirst(cap(c.Out)) + BeyondFirst(cap(c.packed)) - c.held
	if n >= 0 {
		return c.Take(n)
	}
	c.GiveBack(-n)
	return nil
}

// BeyondFirst returns the part of a buffer that counts.
func BeyondFirst(size int) int64 { return max(0, int64(size)-FirstRead) }

// GiveBack gives back some of what a request has taken.
func (c *Call) GiveBack(n int64) {
	if n == 0 {
		return
	}
	c.bounds.memory.release(c.holder(), n)
	c.held -= n
}

// Give gives back all that the request has taken.
func (c *Call) Give() { c.GiveBack(c.held) }

// holder returns the holder of the memory for a call.
func (c *Call) holder() holder {
	if c.account == nil {
		return holder{}
	}
	return holder{c.account, &c.account.inflight}
}

// StalledAfter is how long a body may make no progress before it gives way to
// those that ask for memory.
const StalledAfter = 3 * time.Second

// arrival is a body that is arriving.
type arrival struct {
	budget  *budget
	latest  atomic.Int64 // when something arrived last, Unix ms
	stalled atomic.Bool  // it was ended, because it stalled while others waited
	end     func()       // ends it; it does not wait
}

// arriving has a body give way if it stalls, until the returned arrival has
// arrived. end is called at most once, and not afterwards.
func (b *budget) arriving(end func()) *arrival {
	a := &arrival{budget: b, end: end}
	a.progress()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.arrivals == nil {
		b.arrivals = map[*arrival]struct{}{}
	}
	b.arrivals[a] = struct{}{}
	return a
}

func (a *arrival) progress() { a.latest.Store(time.Now().UnixMilli()) }

// giveWayLocked ends the arrival if it has stalled. The budget's mu is held, so it has
// not arrived meanwhile.
func (a *arrival) giveWayLocked() {
	if time.Now().UnixMilli()-a.latest.Load() < StalledAfter.Milliseconds() || a.stalled.Swap(true) {
		return
	}
	a.end()
}

// arrived ends the arrival: the body need not give way any more.
func (a *arrival) arrived() {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	delete(a.budget.arrivals, a)
}

// LowerToShare lowers what an answer may bring to a quarter of what is left, but not
// below one record.
func (c *Call) LowerToShare(most *int) {
	left := c.bounds.memory.left()
	*most = min(*most, max(int(left/4), c.bounds.limits.MaxRecordBytes))
}

// TakeRead takes the memory for what may be read, most bytes, which it lowers.
func (c *Call) TakeRead(most *int) (n int64, err error) {
	c.LowerToShare(most)
	n = BeyondFirst(*most)
	return n, c.Take(n)
}

// TakeBatch takes the memory for what a query may bring, which it lowers to a quarter
// of what is left, but not below one record. A read that waits takes none, because most
// of the time it holds nothing.
func (c *Call) TakeBatch(q *topic.Query) (n int64, err error) {
	if q.Wait > 0 {
		c.LowerToShare(&q.MaxBytes)
		return 0, nil
	}
	return c.TakeRead(&q.MaxBytes)
}

// TakeFrame takes the memory for the copy of writes in their frame, and for
// their decoded records. It goes back with the body's.
func (c *Call) TakeFrame(body int, writes ...*request.WriteRequest) error {
	records := 0
	for _, w := range writes {
		records += w.Size()
	}
	return c.Take(BeyondFirst(body) + BeyondFirst(records))
}
