package session

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// Sending is when what is being sent to a client began to be written; clients
// that take nothing are known by it.
type Sending struct{ since atomic.Int64 }

// Begin notes that something is being written from now on.
func (w *Sending) Begin(now time.Time) { w.since.Store(now.UnixMilli()) }

// End notes that it was written.
func (w *Sending) End() { w.since.Store(0) }

// Sends reports whether something is being written at this moment.
func (w *Sending) Sends() bool { return w.since.Load() != 0 }

// Stalled reports whether the client has taken nothing for a while.
func (w *Sending) Stalled() bool {
	since := w.since.Load()
	return since != 0 && time.Now().UnixMilli()-since > call.StalledAfter.Milliseconds()
}

// NoMemory ends a stream or WebSocket whose records find no memory. Its
// client comes again, and goes on where it was.
func NoMemory() *wire.Error {
	return &wire.Error{
		Status: http.StatusTooManyRequests, Code: "throttled",
		Message: "the records on their way to those who watch hold all the memory they may",
		Detail:  map[string]any{"limit": "stream_bytes"}, RetryAfter: call.StalledAfter,
	}
}
