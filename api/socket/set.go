package socket

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/audit"
	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/rs/zerolog"
)

// Options is what the WebSockets need of the server.
type Options struct {
	// Engine returns what the commands work on. It returns nil before the server has one.
	Engine func() Engine
	// Refusal returns why data routes are not served, or nil.
	Refusal func() *wire.Error
	Bounds  *call.Bounds
	Limits  *wire.Limits
	Metrics *metrics.Set
	Queues  *queues.Handlers
	Trail   *audit.Trail
	// Frames is the rendering that all who watch have in common.
	Frames func() *watch.Frames
	// MakeRoom ends the streams and WebSockets whose clients take nothing.
	MakeRoom func()
	// Loops serve the WebSockets whose clients publish one record after the other.
	Loops   *eventloop.Group
	Serving context.Context // ends when the server stops serving
	Log     zerolog.Logger
	Now     func() time.Time
}

// Engine is what the commands ask for.
type Engine interface {
	queues.Engine
	Begin(ctx context.Context, name string, w *topic.Write) (*topic.Pending, error)
}

// Set is the WebSockets that are open. The HTTP server's own shutdown neither knows
// them nor waits for them.
type Set struct {
	Options
	Timing Timing

	joined atomic.Int64 // bytes that are copied to join messages to one frame
	mu     sync.Mutex   // guards what follows
	open   map[*Socket]struct{}
	none   chan struct{} // closed when the last one leaves; nil if none waits for that
}

// Timing is how patient a socket is with its client.
type Timing struct {
	Ping     time.Duration // from one ping to the next
	Silence  time.Duration // without a sign of life a client is gone
	Stall    time.Duration // a client that takes nothing for so long is closed
	Farewell time.Duration // for closing in good order
	Hot      eventloop.Hot
}

// New returns a set without WebSockets.
func New(o Options) *Set {
	return &Set{
		Options: o,
		Timing: Timing{
			Ping: 15 * time.Second, Silence: 90 * time.Second, Stall: 30 * time.Second, Farewell: 5 * time.Second,
			Hot: eventloop.UsuallyHot,
		},
		open: map[*Socket]struct{}{},
	}
}

func (set *Set) enter(so *Socket) {
	set.mu.Lock()
	defer set.mu.Unlock()
	set.open[so] = struct{}{}
}

func (set *Set) leave(so *Socket) {
	set.mu.Lock()
	defer set.mu.Unlock()
	delete(set.open, so)
	if len(set.open) == 0 && set.none != nil {
		close(set.none)
		set.none = nil
	}
}

// Count is how many are open.
func (set *Set) Count() int64 {
	set.mu.Lock()
	defer set.mu.Unlock()
	return int64(len(set.open))
}

// List is the open ones, in no order.
func (set *Set) List() []*Socket {
	set.mu.Lock()
	defer set.mu.Unlock()
	all := make([]*Socket, 0, len(set.open))
	for so := range set.open {
		all = append(all, so)
	}
	return all
}

// Empty is closed once none is open.
func (set *Set) Empty() <-chan struct{} {
	set.mu.Lock()
	defer set.mu.Unlock()
	if len(set.open) == 0 {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	if set.none == nil {
		set.none = make(chan struct{})
	}
	return set.none
}

// Finish waits until none is open, and cuts what is left when ctx ends.
func (set *Set) Finish(ctx context.Context) {
	select {
	case <-set.Empty():
	case <-ctx.Done():
		for _, so := range set.List() {
			so.Cut()
		}
	}
}

// Observe counts a command that has been answered. refused is nil if it succeeded.
func (set *Set) Observe(op string, refused *wire.Error) {
	code := "ok"
	if refused != nil {
		code = refused.Code
	}
	set.Metrics.ObserveOperation(op, code)
}

// newSocketID makes the name that administrators know a socket by.
func newSocketID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return "ws_" + base64.RawURLEncoding.EncodeToString(raw[:])
}

// Views are the open WebSockets of the keys that are asked for, in no
// order.
func (set *Set) Views(of func(*auth.Key) bool) []session.View {
	var views []session.View
	for _, so := range set.List() {
		if !of(so.key) {
			continue
		}
		v := session.View{
			ID: so.id, Kind: "websocket", Key: so.key.ID, Remote: so.remote, Transport: "websocket", Opened: so.since.UnixMilli(),
			Streaming: true, Since: so.since, Subject: so,
		}
		_, v.Prefixes = so.subs.size()
		v.Carry(&so.flow)
		views = append(views, v)
	}
	return views
}

// End ends the WebSocket with an id, if it is of a key that is asked
// for, and tells its client why. It does not wait for the end.
func (set *Set) End(id string, of func(*auth.Key) bool, cause *wire.Error) bool {
	for _, so := range set.List() {
		if so.id == id && of(so.key) {
			so.dismiss(cause)
			return true
		}
	}
	return false
}

// Revoke sends away the clients of the keys that are gone.
func (set *Set) Revoke(gone func(*auth.Key) bool) {
	for _, so := range set.List() {
		if gone(so.key) {
			so.dismiss(call.ErrRevoked)
		}
	}
}

// EndStalled cuts off the clients that take nothing.
func (set *Set) EndStalled() {
	for _, so := range set.List() {
		if so.out.sending.Stalled() {
			so.Cut() // nothing gets through that could say why
		}
	}
}
