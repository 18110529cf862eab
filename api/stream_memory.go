package api

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// noStreamMemory ends a stream or WebSocket whose records find no memory. Its
// client comes again, and goes on where it was.
func noStreamMemory() *wire.Error {
	return &wire.Error{
		Status: http.StatusTooManyRequests, Code: "throttled",
		Message: "the records on their way to those who watch hold all the memory they may",
		Detail:  map[string]any{"limit": "stream_bytes"}, RetryAfter: call.StalledAfter,
	}
}

// sending is when what is being sent to a client began to be written; clients
// that take nothing are known by it.
type sending struct{ since atomic.Int64 }

func (w *sending) begin() { w.since.Store(time.Now().UnixMilli()) }
func (w *sending) end()   { w.since.Store(0) }

// stalled reports whether the client has taken nothing for a while.
func (w *sending) stalled() bool {
	since := w.since.Load()
	return since != 0 && time.Now().UnixMilli()-since > call.StalledAfter.Milliseconds()
}

// endStalled ends the streams and WebSockets whose clients take nothing: others
// want the memory of what is on its way to them.
func (s *Server) endStalled() {
	for _, st := range s.watches.streams() {
		if st.sending.stalled() {
			st.end(noStreamMemory())
		}
	}
	for _, w := range s.workers.list() {
		if w.sending.stalled() {
			w.end(noStreamMemory())
		}
	}
	for _, so := range s.sockets.list() {
		if so.out.sending.stalled() {
			so.cut() // nothing gets through that could say why
		}
	}
}

// streams are those that are open.
func (t *watches) streams() (open []*eventStream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.all {
		if w.stream != nil {
			open = append(open, w.stream)
		}
	}
	return open
}
