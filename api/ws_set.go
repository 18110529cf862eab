package api

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/wire"
)

// socketSet is the WebSockets that are open. The HTTP server's own shutdown
// neither knows them nor waits for them.
type socketSet struct {
	timing socketTiming
	joined atomic.Int64 // bytes; beyond framesJoined messages go out in more pieces
	mu     sync.Mutex   // guards what follows
	open   map[*socket]struct{}
	none   chan struct{} // closed when the last one leaves; nil if none waits for that
}

// socketTiming is how patient a socket is with its client.
type socketTiming struct {
	ping     time.Duration // from one ping to the next
	silence  time.Duration // without a sign of life a client is gone
	stall    time.Duration // a client that takes nothing for so long is closed
	farewell time.Duration // for closing in good order
}

func newSocketSet() *socketSet {
	return &socketSet{
		timing: socketTiming{
			ping: 15 * time.Second, silence: 90 * time.Second, stall: 30 * time.Second, farewell: 5 * time.Second,
		},
		open: map[*socket]struct{}{},
	}
}

func (set *socketSet) enter(so *socket) {
	set.mu.Lock()
	defer set.mu.Unlock()
	set.open[so] = struct{}{}
}

func (set *socketSet) leave(so *socket) {
	set.mu.Lock()
	defer set.mu.Unlock()
	delete(set.open, so)
	if len(set.open) == 0 && set.none != nil {
		close(set.none)
		set.none = nil
	}
}

// count is how many are open.
func (set *socketSet) count() int64 {
	set.mu.Lock()
	defer set.mu.Unlock()
	return int64(len(set.open))
}

// list is the open ones, in no order.
func (set *socketSet) list() []*socket {
	set.mu.Lock()
	defer set.mu.Unlock()
	all := make([]*socket, 0, len(set.open))
	for so := range set.open {
		all = append(all, so)
	}
	return all
}

// empty is closed once none is open.
func (set *socketSet) empty() <-chan struct{} {
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

// newSocketID makes the name that administrators know a socket by.
func newSocketID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return "ws_" + base64.RawURLEncoding.EncodeToString(raw[:])
}

// Views are the open WebSockets of the keys that are asked for, in no
// order.
func (set *socketSet) Views(of func(*auth.Key) bool) []session.View {
	var views []session.View
	for _, so := range set.list() {
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
func (set *socketSet) End(id string, of func(*auth.Key) bool, cause *wire.Error) bool {
	for _, so := range set.list() {
		if so.id == id && of(so.key) {
			so.dismiss(cause)
			return true
		}
	}
	return false
}

// Revoke sends away the clients of the keys that are gone.
func (set *socketSet) Revoke(gone func(*auth.Key) bool) {
	for _, so := range set.list() {
		if gone(so.key) {
			so.dismiss(call.ErrRevoked)
		}
	}
}

// EndStalled cuts off the clients that take nothing.
func (set *socketSet) EndStalled() {
	for _, so := range set.list() {
		if so.out.sending.Stalled() {
			so.cut() // nothing gets through that could say why
		}
	}
}
