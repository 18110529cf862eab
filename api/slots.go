package api

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

// capReached is the answer to what would go beyond a cap, which is named like
// its variable.
func capReached(limit string, most int64, what string) *wire.Error {
	return &wire.Error{
		Status: http.StatusTooManyRequests, Code: "throttled",
		Message: fmt.Sprintf("%s: at most %d are allowed", what, most),
		Detail:  map[string]any{"limit": limit, "max": most},
	}
}

// takeRequest takes the slot of a request under way. Probes take none, and
// neither do streams, which have slots of their own.
func (s *Server) takeRequest(c *call) error {
	a := s.ring.Load().accounts[c.key]
	if a == nil || c.route.kind == probe || c.route.kind == page || c.route.kind == streaming {
		return nil
	}
	if most := s.opts.Limits.MaxInflightPerKey; !a.requests.take(most) {
		return capReached("max_inflight_per_key", int64(most), "requests under way with this key")
	}
	c.request = &a.requests
	return nil
}

// callCost is roughly the memory of a request in progress without its header and
// buffers: its stacks and net/http's state.
const callCost = 24 << 10

// place is a call's part of the memory for the headers and stacks of requests in
// progress.
type place struct {
	bytes   int64 // reserved
	counted bool  // the connection no longer counts the call; see conns.Counted
}

// takePlace reserves the memory that a request needs however small its answer is.
// Requests without it, which are probes and what is refused earlier, are bounded
// by conns.Bounds.
func (s *Server) takePlace(c *call) error {
	if c.conn == nil || !c.route.kind.gated() {
		return nil
	}
	n := int64(callCost)
	for name, values := range c.r.Header {
		for _, v := range values {
			n += int64(len(name) + len(v))
		}
	}
	if err := s.places.reserve(c.placeHolder(), n); err != nil {
		return err
	}
	c.place.bytes = n
	c.countPlace()
	return nil
}

// countPlace removes the call from what its connection counts.
func (c *call) countPlace() {
	if c.conn != nil && !c.place.counted {
		c.place.counted = true
		c.conn.Counted()
	}
}

// follows releases the memory for the stack of a call that has memory of the
// streams' share for it.
func (s *Server) follows(c *call) {
	c.countPlace()
	if c.place.bytes > 0 {
		s.places.release(c.placeHolder(), callCost)
		c.place.bytes -= callCost
	}
}

// leavePlace releases what takePlace reserved. It must be called at the end of
// every call.
func (s *Server) leavePlace(c *call) {
	c.countPlace()
	if c.place.bytes > 0 {
		s.places.release(c.placeHolder(), c.place.bytes)
		c.place.bytes = 0
	}
}

func (c *call) placeHolder() holder {
	if c.account == nil {
		return holder{}
	}
	return holder{c.account, &c.account.places}
}

// takeStream takes the slots of a stream or a WebSocket: one of the server's
// and one of its key's. release gives them back; it may be called more than
// once, and the end of the call does it anyway.
func (s *Server) takeStream(c *call) (release func(), err error) {
	l := &s.opts.Limits
	if !s.slots.streams.take(l.MaxStreams) {
		return nil, capReached("max_sse_connections", int64(l.MaxStreams), "streams and WebSockets")
	}
	back, err := s.takeFollowing(c, streamCost)
	if err != nil {
		s.slots.streams.give()
		return nil, err
	}
	a := s.ring.Load().accounts[c.key]
	if a != nil && !a.streams.take(l.MaxStreamsPerKey) {
		back()
		s.slots.streams.give()
		return nil, capReached("max_sse_connections_per_key", int64(l.MaxStreamsPerKey), "streams and WebSockets with this key")
	}
	s.follows(c)
	c.release = sync.OnceFunc(func() {
		if a != nil {
			a.streams.give()
		}
		back()
		s.slots.streams.give()
	})
	return c.release, nil
}

// About what is held for one that follows, beside the records that it is sent.
const (
	streamCost   = 36 << 10 // a stream or WebSocket: buffers, stacks
	sessionCost  = 4 << 10
	followedCost = 600 // a topic or prefix of a session or WebSocket
)

// takeFollowing takes memory for a stream or a session. release gives it back,
// once.
func (s *Server) takeFollowing(c *call, n int64) (release func(), err error) {
	h := c.followHolder()
	if err := s.following.reserve(h, n); err != nil {
		return nil, err
	}
	return func() { s.following.release(h, n) }, nil
}

// followed is the memory for the topics and prefixes that a call's sessions follow. It
// implements watch.Memory.
type followed struct {
	budget *budget
	holder holder
}

func (s *Server) followed(c *call) followed { return followed{&s.following, c.followHolder()} }

// Take implements watch.Memory.
func (f followed) Take(n int) error { return f.budget.reserve(f.holder, int64(n)*followedCost) }

// Give implements watch.Memory.
func (f followed) Give(n int) { f.budget.release(f.holder, int64(n)*followedCost) }

// followHolder returns the holder of the memory for what a call follows.
func (c *call) followHolder() holder {
	if c.account == nil {
		return holder{}
	}
	return holder{c.account, &c.account.open}
}

// giveSlots gives back every slot that the call still has.
func (c *call) giveSlots() {
	if c.request != nil {
		c.request.give()
		c.request = nil
	}
	if c.release != nil {
		c.release()
		c.release = nil
	}
}

// takeBytes sets a write's payload bytes aside under the cap on all that is
// live; giveBytes ends that, once the write is through. A write under way
// counts from before it is published until after it, so that no number of
// writers at the same moment gets past the cap together; for an instant it may
// count twice, and another one be refused early. What routers forward is not
// asked.
func (s *Server) takeBytes(e Engine, x string, w *topic.Write) (n int64, err error) {
	most := s.opts.Limits.MaxTotalBytes
	if most == 0 {
		return 0, nil
	}
	for i := range w.Records {
		n += int64(len(w.Records[i].Data) + len(w.Records[i].Meta))
	}
	if pending := s.slots.pending.Add(n); pending+e.Totals().Bytes > most {
		s.slots.pending.Add(-n)
		if e.Repeats(x, w) {
			return 0, nil // it adds nothing
		}
		return 0, capReached("max_total_bytes", most, "bytes of live payloads")
	}
	return n, nil
}

func (s *Server) giveBytes(n int64) { s.slots.pending.Add(-n) }
