// Package call has what a request is on its way through the server, and what it may
// take: its body and its query, what its key may do, the memory, slots and rates that it
// shares with others, and its answer, which may also be a refusal. Handlers get a Call
// and know nothing of the server.
package call

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Bounds is what calls have in common: the memory and slots that they share, the keys
// whose shares there are, and the list of those in progress. set makes it ready.
type Bounds struct {
	limits *wire.Limits
	// ctx ends when the server stops serving.
	ctx  context.Context
	born time.Time // the server's start, by the steady clock

	memory    budget // of requests
	places    budget // of their headers and stacks
	following budget // of open streams, WebSockets and watch sessions
	slots     slots
	looks     rate // scrapes and admin reads, where there are no keys
	wrongs    wrongs

	conns    *conns.Set
	ring     atomic.Pointer[Keyring]
	Sharing  *Sharing // nil: with no pages of other origins
	Underway *Underway
	// Finish finishes a call whose handler has called Later.
	Finish func(*Call)
	// LastRest is how long the rest of a body is taken in once the server stops.
	LastRest time.Duration
}

// The sixteenths of the memory for streams that the streams, WebSockets and sessions
// themselves have.
const streamsOpen = 8

// Options is what bounds are made of.
type Options struct {
	Limits  *wire.Limits // with its defaults; it must not be modified
	Keys    *auth.Keys   // at the start
	Origins []string     // whose pages may use the API
	Conns   *conns.Set
}

// Set makes the bounds ready for calls, until ctx ends.
func (b *Bounds) Set(ctx context.Context, o *Options) {
	limits := o.Limits
	b.ctx, b.limits, b.conns, b.born = ctx, limits, o.Conns, time.Now()
	b.memory.name, b.memory.users, b.memory.limit = "inflight_bytes", "requests under way", limits.MaxInflightBytes
	b.following.name, b.following.users, b.following.limit = "stream_bytes", "streams and sessions", limits.StreamBytes/16*streamsOpen
	b.places.name, b.places.users, b.places.limit = "request_bytes", "the headers and stacks of requests under way", math.MaxInt64
	if process := limits.ProcessBytes; process > 0 {
		b.places.limit = process / 4
	}
	b.ring.Store(newKeyring(o.Keys))
	b.Sharing = newSharing(o.Origins)
	b.Underway = newUnderway()
	b.LastRest = restWhileStopping
}

// Payloads is how many bytes of payloads are live, and whether a write would add any.
type Payloads interface {
	Totals() topic.Totals
	Repeats(name string, w *topic.Write) bool
}

// Keys returns the ring of the keys that are known now.
func (b *Bounds) Keys() *Keyring { return b.ring.Load() }

// ReplaceKeys makes other keys those that are known, and returns their ring.
func (b *Bounds) ReplaceKeys(keys *auth.Keys) *Keyring {
	next := b.ring.Load().renew(keys)
	b.ring.Store(next)
	return next
}

// Usage is what calls hold at a moment.
type Usage struct {
	Memory, MemoryLimit int64 // bytes of requests
	Following           int64 // bytes of what is open
	Payloads            int64 // bytes of the writes under way
	Streams             int64 // streams and WebSockets
	OfKeys              int64 // requests under way and streams of keys
	Delayed             int64 // calls with a wrong key whose answers are delayed
}

// Usage returns what calls hold now.
func (b *Bounds) Usage() Usage {
	u := Usage{
		Memory: b.memory.inUse(), MemoryLimit: b.memory.limit, Following: b.following.inUse(),
		Payloads: b.slots.pending.Load(), Streams: b.slots.streams.n.Load(), Delayed: b.wrongs.waiting.n.Load(),
	}
	for _, a := range b.ring.Load().accounts {
		u.OfKeys += a.requests.n.Load() + a.streams.n.Load()
	}
	return u
}

// Share is a part of a budget that one holder takes from.
type Share struct {
	budget *budget
	holder holder
}

// Reserve takes n bytes, or returns the error to answer with.
func (s Share) Reserve(n int64) error { return s.budget.reserve(s.holder, n) }

// Release gives back n bytes.
func (s Share) Release(n int64) { s.budget.release(s.holder, n) }

// Own returns the memory of requests for what belongs to no call.
func (b *Bounds) Own() Share { return Share{budget: &b.memory} }

// open returns the memory for what a call follows.
func (c *Call) open() Share { return Share{&c.bounds.following, c.followHolder()} }

// Left returns how many bytes of memory requests may still take.
func (u Usage) Left() int64 { return u.MemoryLimit - u.Memory }
