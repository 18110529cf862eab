package queue

import (
	"container/list"
	"maps"
	"slices"
	"unique"
)

// Request is the request of a claim or a stream, clamped by its caller.
type Request struct {
	Node    string
	Max     int
	LeaseMS int64 // 0: the queue's
	WaitMS  int64 // of a claim
}

// Waiter is a claim that waits for jobs, or a stream, which waits for jobs as
// long as it has a free slot.
type Waiter struct {
	Request
	Data any // the caller's own

	stream  bool
	leaving bool // a stream that is given no further job
	closed  bool
	n       uint64 // by arrival
	until   int64  // a claim is answered by then
	window  int64  // a claim is served from then on, or 0 for a cohort of its own
	held    map[uint64]struct{}
	places  []*list.Element // in the line, by arrival
}

// place is a claim in the line, or some free slots of a stream.
type place struct {
	waiter *Waiter
	slots  int
}

// wait is a claim among the times at which claims are answered.
type wait struct {
	until  int64
	waiter *Waiter
}

func (w wait) before(o wait) bool {
	return w.until < o.until || w.until == o.until && w.waiter.n < o.waiter.n
}

func (q *Queue) newWaiter(r Request) *Waiter {
	r.Node = unique.Make(r.Node).Value() // shared by all leases of the node
	r.Max = max(r.Max, 1)
	q.arrived++
	return &Waiter{Request: r, n: q.arrived}
}

// Wait puts a claim in line. Serve follows, and answers it if that is possible at
// once. With a claim jitter it waits for its cohort's window.
func (q *Queue) Wait(now Time, r Request) *Waiter {
	w := q.newWaiter(r)
	w.until = now.Mono + max(r.WaitMS, 0)
	if q.cfg.ClaimJitterMS > 0 {
		if q.window == 0 || q.window <= now.Mono {
			q.window = now.Mono + q.cfg.ClaimJitterMS
		}
		w.window = q.window
		w.until = max(w.until, w.window)
	}
	w.places = append(w.places, q.line.PushBack(&place{w, w.Max}))
	q.waits.add(wait{w.until, w})
	return w
}

// Stream opens a stream, which holds at most r.Max jobs at a time.
func (q *Queue) Stream(now Time, r Request) *Waiter {
	w := q.newWaiter(r)
	w.stream, w.held = true, make(map[uint64]struct{})
	if q.streams == nil {
		q.streams = make(map[*Waiter]struct{})
	}
	q.streams[w] = struct{}{}
	q.reseat(w)
	return w
}

// Leave ends a waiter whose client is gone: it takes no job any more. The change
// releases what a stream holds; nil if that is nothing. These deliveries count,
// unless the stream's node had said that it leaves.
func (q *Queue) Leave(now Time, w *Waiter) *Change {
	if w.closed {
		return nil
	}
	q.dismiss(w)
	delete(q.stalled, w)
	c := &Change{Kind: Release, At: now, Counted: !w.leaving}
	for _, seq := range slices.Sorted(maps.Keys(w.held)) {
		j, _ := q.idle(seq)
		if j == nil {
			continue // the call on it goes before, or is undone and releases it
		}
		q.hold(j, Release)
		changed := Changed{Deliveries: j.deliveries}
		if w.leaving {
			changed = uncounted(j)
		}
		changed.Seq = seq
		c.Jobs = append(c.Jobs, changed)
	}
	return c.orNil()
}

// retire gives a node's streams no further job: the node is about to end them.
func (q *Queue) retire(node string) {
	for w := range q.streams {
		if w.Node == node {
			w.leaving = true
			q.unseat(w)
		}
	}
}

// dismiss takes a waiter out of all lines.
func (q *Queue) dismiss(w *Waiter) {
	w.closed = true
	delete(q.streams, w)
	q.unseat(w)
	if !w.stream {
		q.waits.remove(wait{w.until, w})
	}
}

// Dismiss ends all claims that wait, and returns them by arrival: the queue
// drains, or its topic is gone. Streams are left to Leave.
func (q *Queue) Dismiss() (claims []*Waiter) {
	for e := q.line.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*place).waiter; !w.stream {
			claims = append(claims, w)
		}
	}
	for _, w := range claims {
		q.dismiss(w)
	}
	q.window = 0
	return claims
}

// unseat takes a waiter's places out of the line.
func (q *Queue) unseat(w *Waiter) {
	for _, e := range w.places {
		q.line.Remove(e)
	}
	w.places = nil
}

// reseat puts all free slots of a stream at the end of the line.
func (q *Queue) reseat(w *Waiter) {
	q.unseat(w)
	if !q.open(w) {
		return
	}
	if free := w.Max - len(w.held); free > 0 {
		w.places = append(w.places, q.line.PushBack(&place{w, free}))
	}
}

// freed gives a stream back the slot of a job, at the end of the line.
func (q *Queue) freed(w *Waiter, seq uint64) {
	if _, has := w.held[seq]; !has {
		return
	}
	delete(w.held, seq)
	if !q.open(w) {
		return
	}
	if e := q.line.Back(); e != nil && e.Value.(*place).waiter == w {
		e.Value.(*place).slots++
		return
	}
	w.places = append(w.places, q.line.PushBack(&place{w, 1}))
}

// open reports whether a stream's free slots are for further jobs.
func (q *Queue) open(w *Waiter) bool {
	_, stalled := q.stalled[w]
	return !stalled && !w.leaving && !w.closed
}

// stall gives a stream no further job: it let a lease expire.
func (q *Queue) stall(w *Waiter) {
	if w.closed {
		return
	}
	if q.stalled == nil {
		q.stalled = make(map[*Waiter]struct{})
	}
	q.stalled[w] = struct{}{}
	q.unseat(w)
}

// alive ends the stall of a node's streams: it has called, in time or not.
func (q *Queue) alive(node string) {
	var woken []*Waiter
	for w := range q.stalled {
		if w.Node == node {
			woken = append(woken, w)
		}
	}
	slices.SortFunc(woken, func(a, b *Waiter) int { return int(a.n) - int(b.n) })
	for _, w := range woken {
		delete(q.stalled, w)
		q.reseat(w)
	}
}

// Loss informs a stream that it no longer holds a job.
type Loss struct {
	Stream *Waiter
	Seq    uint64
	Lease  LeaseID
	Why    Reason // Expired, Released or Gone
}

// lose notes that the stream that holds a job, if one does, holds it no more.
func (q *Queue) lose(j *job, why Reason) {
	if w := j.lease.stream; w != nil && !w.closed {
		q.losses = append(q.losses, Loss{w, j.seq, j.lease.id, why})
	}
}

// Losses returns what streams have lost since the last call.
func (q *Queue) Losses() []Loss {
	losses := q.losses
	q.losses = nil
	return losses
}
