package session

import (
	"sync/atomic"
	"time"
)

// Flow counts what a session, a stream or a WebSocket carried: the bytes of
// events, messages and bodies, without what the protocols add.
type Flow struct {
	Sent, Received atomic.Int64
	moved          atomic.Int64 // Unix ms of the last one, heartbeats apart
}

// Begin counts a request that opened it.
func (f *Flow) Begin(received int) {
	f.Received.Add(int64(received))
	f.Move()
}

// Move notes that something was carried just now.
func (f *Flow) Move() { f.MoveAt(time.Now()) }

// MoveAt is Move of some other time.
func (f *Flow) MoveAt(at time.Time) { f.moved.Store(at.UnixMilli()) }

// idle is how long nothing was carried, in milliseconds.
func (f *Flow) idle() int64 { return max(0, time.Now().UnixMilli()-f.moved.Load()) }
