package topics

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/topics/delivery"
	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// deliveries holds the topics that have changed. A writer only appends its topic
// to the line; one goroutine notifies subscribers and routers, by priority. A topic
// is in line once, however much is written to it meanwhile.
type deliveries struct {
	wake chan struct{} // capacity 1: the line is not empty

	mu   lockorder.Mutex[lockorder.Last] // guards line
	line []*topic.Topic                  // in the order of push

	step  lockorder.Mutex[lockorder.Delivery] // held while delivering; guards queue
	queue *delivery.Queue[*topic.Topic]

	shared        *topic.Shared
	subscriptions *follow.Hub
	forwarders    *router.Forwarders

	quit context.CancelFunc
	gone chan struct{}
}

// newDeliveries returns deliveries, which have to be given forwarders.
func newDeliveries(shared *topic.Shared, subscriptions *follow.Hub) *deliveries {
	began := time.Now()
	// The registry's clock may be set back.
	clock := func() int64 { return time.Since(began).Milliseconds() }
	return &deliveries{
		shared: shared, subscriptions: subscriptions,
		wake: make(chan struct{}, 1), queue: delivery.New[*topic.Topic](clock),
	}
}

// push appends t to the line. t.Mu may be held.
func (d *deliveries) push(t *topic.Topic) {
	if t.Queued.Swap(true) {
		return // its delivery has not begun yet
	}
	d.mu.Lock()
	d.line = append(d.line, t)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run starts the goroutine that delivers, with the pressure of the log's queue. stop
// ends it.
func (d *deliveries) run() {
	ctx, cancel := context.WithCancel(context.Background())
	d.quit, d.gone = cancel, make(chan struct{})
	go func() {
		defer close(d.gone)
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		for {
			var due <-chan time.Time
			if after := d.deliverDue(ctx, d.shared.Pressure); after > 0 {
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

// deliveriesPerLook is the number of deliveries between two looks at the pressure.
const deliveriesPerLook = 64

// deliverDue delivers until nothing is due, or ctx ends. It returns after how
// long something will be due, or 0 if not before the next push.
func (d *deliveries) deliverDue(ctx context.Context, pressure func() float64) (after time.Duration) {
	d.step.Lock()
	defer d.step.Unlock()
	present := pressure()
	for n := 1; ctx.Err() == nil; n++ {
		if n%deliveriesPerLook == 0 {
			present = pressure()
		}
		d.enqueueLocked()
		t, after, ok := d.queue.Pop(present)
		if !ok {
			return after
		}
		t.Queued.Store(false) // before delivering: a later change pushes again
		d.deliver(t)
	}
	return 0
}

// enqueueLocked moves the line into the queue. d.step is held.
func (d *deliveries) enqueueLocked() {
	d.mu.Lock()
	line := d.line
	d.line = nil
	d.mu.Unlock()
	now := d.shared.Now()
	for _, t := range line {
		d.queue.Push(t, t.Urgency(now))
	}
}

// deliver notifies t's subscribers and routers that it has changed. No lock is
// held.
func (d *deliveries) deliver(t *topic.Topic) {
	d.subscriptions.Notify(t.Name, t.IsVisible)
	d.forwarders.Route(t)
	for _, rt := range router.Incoming(t) {
		if rt.Waits() {
			d.forwarders.Route(rt.Source) // t may have room now
		}
	}
}

// RunDelivery starts the goroutine that delivers. Close stops it.
func (r *Registry) RunDelivery() { r.deliveries.run() }

// Deliver delivers everything that is in line, as RunDelivery would without
// pressure.
func (r *Registry) Deliver() {
	r.deliveries.deliverDue(context.Background(), func() float64 { return 0 })
}
