package slotfs

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// lane is the operations below one root.
type lane struct {
	root    string
	slots   chan struct{} // one value for each running read; waiting reads get a slot in order
	waiting atomic.Int64

	mu struct {
		sync.Mutex
		first, last *op // those running, the oldest first; the lock guards every op in the list
	}
}

// op is one running operation.
type op struct {
	began      time.Time
	prev, next *op
}

var ops = sync.Pool{New: func() any { return new(op) }}

// Stats are the reads of a root.
type Stats struct {
	Reading int // running
	Waiting int // for a slot
	Slots   int
}

func newLane(root string, reads int) *lane {
	return &lane{root: root, slots: make(chan struct{}, reads)}
}

func (l *lane) stats() Stats {
	return Stats{Reading: len(l.slots), Waiting: int(l.waiting.Load()), Slots: cap(l.slots)}
}

// patience is how long a read waits for a slot that could give up otherwise.
const patience = 30 * time.Second

// take takes a slot for a read.
func (l *lane) take(ctx context.Context) error {
	select {
	case l.slots <- struct{}{}:
		return nil
	default:
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	if ctx.Done() == nil {
		l.slots <- struct{}{}
		return nil
	}
	tired := time.NewTimer(patience)
	defer tired.Stop()
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-tired.C:
		return vfs.ErrBusy
	}
}

func (l *lane) give() { <-l.slots }

// begin records an operation until it ends.
func (l *lane) begin() *op {
	o := ops.Get().(*op)
	l.mu.Lock()
	defer l.mu.Unlock()
	o.began, o.prev = time.Now(), l.mu.last
	if l.mu.last == nil {
		l.mu.first = o
	} else {
		l.mu.last.next = o
	}
	l.mu.last = o
	return o
}

func (l *lane) end(o *op) {
	l.mu.Lock()
	if o.prev == nil {
		l.mu.first = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next == nil {
		l.mu.last = o.prev
	} else {
		o.next.prev = o.prev
	}
	l.mu.Unlock()
	*o = op{}
	ops.Put(o)
}

func (l *lane) oldest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.first == nil {
		return 0
	}
	return time.Since(l.mu.first.began)
}
