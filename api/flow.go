package api

import (
	"sync/atomic"
	"time"
)

// flow counts what a session, a stream or a WebSocket carried: the bytes of
// events, messages and bodies, without what the protocols add.
type flow struct {
	sent, received atomic.Int64
	moved          atomic.Int64 // Unix ms of the last one, heartbeats apart
}

// begin counts a request that opened it.
func (f *flow) begin(received int) {
	f.received.Add(int64(received))
	f.move()
}

// move notes that something was carried just now.
func (f *flow) move() { f.moved.Store(time.Now().UnixMilli()) }

// idle is how long nothing was carried, in milliseconds.
func (f *flow) idle() int64 { return max(0, time.Now().UnixMilli()-f.moved.Load()) }
