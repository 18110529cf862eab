package topics

import (
	"context"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/topics/delivery"
)

// deliveries is what is to be delivered: a writer only puts its topic in line,
// and one goroutine tells those who wait for it, by priority. A topic is in
// line once, however much is written to it meanwhile.
type deliveries struct {
	wake chan struct{} // capacity 1: there is something in the line

	mu     sync.Mutex // guards the line; nothing is taken behind it
	line   []*topic   // pushed
	births []birth    // in the order of what happened

	step  sync.Mutex // held by who delivers; guards the queue
	queue *delivery.Queue[*topic]

	quit context.CancelFunc
	gone chan struct{}
}

// birth is the making or the deleting of a topic that somebody follows.
type birth struct {
	topic   string
	id      uint64
	deleted bool
	head    uint64 // of a deleted one
}

func newDeliveries() *deliveries {
	began := time.Now()
	// Not the registry's clock: that one may be set back.
	clock := func() int64 { return time.Since(began).Milliseconds() }
	return &deliveries{wake: make(chan struct{}, 1), queue: delivery.New[*topic](clock)}
}

// notify has those woken who wait for t: long polls at once, followers and
// routers by the dispatcher. t.mu is held.
func (r *Registry) notify(t *topic) {
	t.notify()
	if t.routed() || r.following.follows(t.name) {
		r.push(t)
	}
}

// noteBirth notes for t's followers that it is there now, or that it is about
// to go. t.mu is held.
func (r *Registry) noteBirth(t *topic, deleted bool) {
	if !r.following.follows(t.name) {
		return
	}
	d := r.deliveries
	d.mu.Lock()
	d.births = append(d.births, birth{t.name, t.id, deleted, t.head})
	d.mu.Unlock()
	r.push(t)
}

// push puts t in line. The lock of t may be held.
func (r *Registry) push(t *topic) {
	if t.queued.Swap(true) {
		return // whoever delivers it has not looked at it yet
	}
	d := r.deliveries
	d.mu.Lock()
	d.line = append(d.line, t)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// RunDelivery starts the goroutine that delivers; Close ends it.
func (r *Registry) RunDelivery() {
	d := r.deliveries
	ctx, cancel := context.WithCancel(context.Background())
	d.quit, d.gone = cancel, make(chan struct{})
	go func() {
		defer close(d.gone)
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		for {
			var due <-chan time.Time
			if after := r.deliverDue(ctx, r.Pressure); after > 0 {
				timer.Reset(after)
				due = timer.C
			}
			select {
			case <-d.wake:
			case <-due:
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (d *deliveries) stop() {
	if d.quit != nil {
		d.quit()
		<-d.gone
	}
}

// Deliver does what RunDelivery would, without pressure: it delivers everything
// that is in line.
func (r *Registry) Deliver() {
	r.deliverDue(context.Background(), func() float64 { return 0 })
}

// deliveriesPerLook is how many deliveries go by one look at the pressure.
const deliveriesPerLook = 64

// deliverDue delivers until there is nothing that is due, or ctx ends, and says
// when there may be something; 0: when somebody pushes.
func (r *Registry) deliverDue(ctx context.Context, pressure func() float64) (after time.Duration) {
	d := r.deliveries
	d.step.Lock()
	defer d.step.Unlock()
	present := pressure()
	for n := 1; ctx.Err() == nil; n++ {
		if n%deliveriesPerLook == 0 {
			present = pressure()
		}
		r.enqueue()
		t, after, ok := d.queue.Pop(present)
		if !ok {
			return after
		}
		t.queued.Store(false) // before the look: what comes behind it pushes again
		r.deliver(t)
	}
	return 0
}

// enqueue takes the line into the queue. d.step is held.
func (r *Registry) enqueue() {
	d := r.deliveries
	d.mu.Lock()
	line := d.line
	d.line = nil
	d.mu.Unlock()
	now := r.now()
	for _, t := range line {
		d.queue.Push(t, t.urgency(now))
	}
}

// routed reports whether routers forward from t or to it.
func (t *topic) routed() bool {
	rs := t.routes.Load()
	if rs == nil {
		return false
	}
	l := rs.links.Load()
	return len(l.out)+len(l.in) > 0
}

// waits reports whether the router cannot go on by itself.
func (rt *router) waits() bool {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.blocked != ""
}

// urgency is the priority that t's deliveries begin with.
func (t *topic) urgency(now int64) int64 {
	cfg := t.shown.Load()
	if cfg == nil {
		return 0
	}
	return t.priority(cfg, now)
}

// deliver tells everybody who waits for t that it has moved. No lock is held.
func (r *Registry) deliver(t *topic) {
	r.tellFollowers(t)
	r.route(t)
	for _, rt := range t.incoming() {
		if rt.waits() {
			r.route(rt.source) // there may be room in t now
		}
	}
}

// tellFollowers tells t's followers that it has moved, after the births that
// came before. It does not wait for t: deliveries of all topics go through
// here. A topic that is deleted stops being visible before its end is noted, so
// that no news of it follows the news of its end.
func (r *Registry) tellFollowers(t *topic) {
	r.following.telling.Lock()
	defer r.following.telling.Unlock()
	r.tellBirthsLocked()
	if t.isVisible() {
		r.following.tell(r, t.name, nil)
	}
}

// tellBirths tells followers what was made and deleted.
func (r *Registry) tellBirths() {
	r.following.telling.Lock()
	defer r.following.telling.Unlock()
	r.tellBirthsLocked()
}

func (r *Registry) tellBirthsLocked() {
	d := r.deliveries
	d.mu.Lock()
	births := d.births
	d.births = nil
	d.mu.Unlock()
	for i := range births {
		r.following.tell(r, births[i].topic, &births[i])
	}
}
