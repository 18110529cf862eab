package call

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// slots counts what is under way against the caps. Every slot that was taken
// is given back when its request ends, however it ends.
type slots struct {
	streams tally
	pending atomic.Int64 // payload bytes of the writes under way; see takeBytes
}

// account is what one key has under way. Without keys there are no accounts.
type account struct {
	requests tally
	streams  tally
	looks    rate         // scrapes and admin reads
	inflight atomic.Int64 // bytes of the memory for requests
	places   atomic.Int64 // bytes of the memory for their headers and stacks
	open     atomic.Int64 // bytes of the memory for streams
}

// tally counts slots in use.
type tally struct{ n atomic.Int64 }

// take takes a slot if fewer than most are in use.
func (g *tally) take(most int) bool {
	for {
		n := g.n.Load()
		if n >= int64(most) {
			return false
		}
		if g.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (g *tally) give() { g.n.Add(-1) }

// CapReached is the answer to what would go beyond a cap, which is named like
// its variable.
func CapReached(limit string, most int64, what string) *wire.Error {
	return &wire.Error{
		Status: http.StatusTooManyRequests, Code: "throttled",
		Message: fmt.Sprintf("%s: at most %d are allowed", what, most),
		Detail:  map[string]any{"limit": limit, "max": most},
	}
}

// takeRequest takes the slot of a request under way. Probes take none, and
// neither do streams, which have slots of their own.
func (c *Call) takeRequest() error {
	a := c.bounds.ring.Load().accounts[c.Key]
	if a == nil || c.Route.Kind == Probe || c.Route.Kind == Page || c.Route.Kind == Streaming {
		return nil
	}
	if most := c.bounds.limits.MaxInflightPerKey; !a.requests.take(most) {
		return CapReached("max_inflight_per_key", int64(most), "requests under way with this key")
	}
	c.slot = &a.requests
	return nil
}

// CallCost is roughly the memory of a request in progress without its header and
// buffers: its stacks and net/http's state.
const CallCost = 24 << 10

// place is a call's part of the memory for the headers and stacks of requests in
// progress.
type place struct {
	bytes   int64 // reserved
	counted bool  // the connection no longer counts the call; see conns.Counted
}

// takePlace reserves the memory that a request needs however small its answer is.
// Requests without it, which are probes and what is refused earlier, are bounded
// by conns.Bounds.
func (c *Call) takePlace() error {
	if c.conn == nil || !c.Route.Kind.Gated() {
		return nil
	}
	n := int64(CallCost)
	for name, values := range c.Request.Header {
		for _, v := range values {
			n += int64(len(name) + len(v))
		}
	}
	if err := c.bounds.places.reserve(c.placeHolder(), n); err != nil {
		return err
	}
	c.place.bytes = n
	c.countPlace()
	return nil
}

// countPlace removes the call from what its connection counts.
func (c *Call) countPlace() {
	if c.conn != nil && !c.place.counted {
		c.place.counted = true
		c.conn.Counted()
	}
}

// follows releases the memory for the stack of a call that has memory of the
// streams' share for it.
func (c *Call) follows() {
	c.countPlace()
	if c.place.bytes > 0 {
		c.bounds.places.release(c.placeHolder(), CallCost)
		c.place.bytes -= CallCost
	}
}

// leavePlace releases what takePlace reserved. It must be called at the end of
// every call.
func (c *Call) leavePlace() {
	c.countPlace()
	if c.place.bytes > 0 {
		c.bounds.places.release(c.placeHolder(), c.place.bytes)
		c.place.bytes = 0
	}
}

func (c *Call) placeHolder() holder {
	if c.account == nil {
		return holder{}
	}
	return holder{c.account, &c.account.places}
}

// TakeStream takes the slots of a stream or a WebSocket: one of the server's
// and one of its key's. release gives them back; it may be called more than
// once, and the end of the call does it anyway.
func (c *Call) TakeStream() (release func(), err error) {
	b := c.bounds
	l := b.limits
	if !b.slots.streams.take(l.MaxStreams) {
		return nil, CapReached("max_sse_connections", int64(l.MaxStreams), "streams and WebSockets")
	}
	back, err := c.TakeFollowing(StreamCost)
	if err != nil {
		b.slots.streams.give()
		return nil, err
	}
	a := b.ring.Load().accounts[c.Key]
	if a != nil && !a.streams.take(l.MaxStreamsPerKey) {
		back()
		b.slots.streams.give()
		return nil, CapReached("max_sse_connections_per_key", int64(l.MaxStreamsPerKey), "streams and WebSockets with this key")
	}
	c.follows()
	c.endStream = sync.OnceFunc(func() {
		if a != nil {
			a.streams.give()
		}
		back()
		b.slots.streams.give()
	})
	return c.endStream, nil
}

// About what is held for one that follows, beside the records that it is sent.
const (
	StreamCost   = 36 << 10 // a stream or WebSocket: buffers, stacks
	SessionCost  = 4 << 10
	FollowedCost = 600 // a topic or prefix of a session or WebSocket
)

// TakeFollowing takes memory for a stream or a session. release gives it back,
// once.
func (c *Call) TakeFollowing(n int64) (release func(), err error) {
	open := c.open() // the call may have been recycled when it is released
	if err := open.Reserve(n); err != nil {
		return nil, err
	}
	return func() { open.Release(n) }, nil
}

// Followed is the memory for the topics and prefixes that a call's sessions follow. It
// implements watch.Memory.
type Followed struct{ open Share }

// Followed returns the memory for what the call's sessions follow.
func (c *Call) Followed() Followed { return Followed{c.open()} }

// Take implements watch.Memory.
func (f Followed) Take(n int) error { return f.open.Reserve(int64(n) * FollowedCost) }

// Give implements watch.Memory.
func (f Followed) Give(n int) { f.open.Release(int64(n) * FollowedCost) }

// followHolder returns the holder of the memory for what a call follows.
func (c *Call) followHolder() holder {
	if c.account == nil {
		return holder{}
	}
	return holder{c.account, &c.account.open}
}

// GiveSlots gives back every slot that the call still has.
func (c *Call) GiveSlots() {
	if c.slot != nil {
		c.slot.give()
		c.slot = nil
	}
	if c.endStream != nil {
		c.endStream()
		c.endStream = nil
	}
}

// TakeBytes sets a write's payload bytes aside under the cap on all that is
// live; giveBytes ends that, once the write is through. A write under way
// counts from before it is published until after it, so that no number of
// writers at the same moment gets past the cap together; for an instant it may
// count twice, and another one be refused early. What routers forward is not
// asked.
func (b *Bounds) TakeBytes(e Payloads, x string, w *topic.Write) (n int64, err error) {
	most := b.limits.MaxTotalBytes
	if most == 0 {
		return 0, nil
	}
	for i := range w.Records {
		n += int64(len(w.Records[i].Data) + len(w.Records[i].Meta))
	}
	if pending := b.slots.pending.Add(n); pending+e.Totals().Bytes > most {
		b.slots.pending.Add(-n)
		if e.Repeats(x, w) {
			return 0, nil // it adds nothing
		}
		return 0, CapReached("max_total_bytes", most, "bytes of live payloads")
	}
	return n, nil
}

func (b *Bounds) GiveBytes(n int64) { b.slots.pending.Add(-n) }

// again takes back a slot that was given back, whatever the number of those
// that are in use.
func (g *tally) again() { g.n.Add(1) }

// LendSlot gives the slot of a request under way to others while the call waits. back
// takes it back: a call that has what it waited for counts, whatever the cap.
func (c *Call) LendSlot() (back func()) {
	slot := c.slot
	if slot == nil {
		return func() {}
	}
	slot.give()
	c.slot = nil
	return func() {
		slot.again()
		c.slot = slot
	}
}
