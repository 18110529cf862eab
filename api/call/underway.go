package call

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// underwayShards is how many lists there are of requests in progress, so that
// requests on several processors rarely meet at a lock.
const underwayShards = 16

// Underway is the requests in progress, without probes and streams. Each is an
// element of a list and allocates nothing: writes pass here.
type Underway struct {
	boot   string // distinguishes the ids of this process from those of another
	last   atomic.Uint64
	shards [underwayShards]struct {
		mu    sync.Mutex
		first *Call
		_     [48]byte // a cache line each
	}
}

// SocketClaim is how a claim over a WebSocket is listed among the requests.
var SocketClaim = &Route{Method: "GET", Pattern: "/v0/ws"}

// underwayPlace is a call's place in the list of its shard, which guards next
// and previous. The other fields of the call that the list shows do not change
// while it is there.
type underwayPlace struct {
	number         uint64 // 0: it is not in a list
	next, previous *Call
	wait           atomic.Pointer[wait]
}

func newUnderway() *Underway {
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // never fails
	return &Underway{boot: hex.EncodeToString(raw[:])}
}

func (u *Underway) enter(c *Call) {
	p := &c.underway
	p.number = u.last.Add(1)
	shard := &u.shards[p.number%underwayShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	p.next = shard.first
	if p.next != nil {
		p.next.underway.previous = c
	}
	shard.first = c
}

// leave removes a call, if it has entered.
func (u *Underway) leave(c *Call) {
	p := &c.underway
	if p.number == 0 {
		return
	}
	shard := &u.shards[p.number%underwayShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if p.next != nil {
		p.next.underway.previous = p.previous
	}
	if p.previous != nil {
		p.previous.underway.next = p.next
	} else {
		shard.first = p.next
	}
	p.next, p.previous, p.number = nil, nil, 0
}

// Each calls visit for every call, with the lock of its shard held.
func (u *Underway) Each(visit func(*Call)) {
	for i := range u.shards {
		shard := &u.shards[i]
		shard.mu.Lock()
		for c := shard.first; c != nil; c = c.underway.next {
			visit(c)
		}
		shard.mu.Unlock()
	}
}

// ID is the name of a call for administrators.
func (u *Underway) ID(number uint64) string {
	return "req_" + u.boot + "_" + strconv.FormatUint(number, 10)
}

// Number returns the number in an id, or 0 if it is none of this process.
func (u *Underway) Number(id string) uint64 {
	digits, ok := strings.CutPrefix(id, "req_"+u.boot+"_")
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || u.ID(n) != id {
		return 0
	}
	return n
}

// wait is the part of a request in which it waits for something to happen, and
// can be cancelled. Either it ends by itself or it is cancelled: whoever comes
// first decides.
type wait struct {
	cancel context.CancelFunc
	over   atomic.Uint32 // one of the following
}

const (
	waiting uint32 = iota
	ended
	cancelled
)

// Await begins a wait. end ends it, and returns errCancelled if it was
// cancelled; then nothing that came of it may reach the client.
func (c *Call) Await(cancel context.CancelFunc) (end func() error) {
	w := &wait{cancel: cancel}
	c.underway.wait.Store(w)
	return func() error {
		c.underway.wait.Store(nil)
		if !w.over.CompareAndSwap(waiting, ended) {
			return errCancelled
		}
		return nil
	}
}

// errCancelled is the answer to a request that was cancelled.
var errCancelled = &wire.Error{Status: http.StatusGone, Code: "request_cancelled", Message: "an administrator cancelled the request"}

// Cancel cancels the wait of a call, if it is of a key that is asked for. done
// is false if the call does not wait.
func (u *Underway) Cancel(number uint64, of func(*auth.Key) bool) (found, done bool) {
	shard := &u.shards[number%underwayShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for c := shard.first; c != nil && number != 0; c = c.underway.next {
		if c.underway.number != number || !of(c.Key) {
			continue
		}
		w := c.underway.wait.Load()
		if w == nil || !w.over.CompareAndSwap(waiting, cancelled) {
			return true, false
		}
		w.cancel()
		return true, true
	}
	return false, false
}

// Number returns the number of a call in the list; 0 if it is not there.
func (c *Call) Number() uint64 { return c.underway.number }

// Waits reports whether the call waits for something to happen, and can be cancelled.
func (c *Call) Waits() bool { return c.underway.wait.Load() != nil }
