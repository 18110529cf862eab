package api

import (
	"net/http"
	"time"
)

// streamPiece is how much of a stream goes out under one deadline: little
// enough for the slowest line that is not dead.
const streamPiece = 256 << 10

// stream is an answer that goes out while it is made, however long it takes
// and however long it is: only each piece of it is bounded in time. Its header
// leaves with the first byte; until then the call can still be answered with
// an error.
type stream struct {
	c        *call
	media    string
	patience time.Duration // for one piece
	err      error         // of the connection
}

// begin commits the call to the stream.
func (w *stream) begin() {
	if w.c.streamed {
		return
	}
	w.c.streamed, w.c.status = true, http.StatusOK
	h := w.c.Header()
	h.Set("Content-Type", w.media)
	h.Set("Cache-Control", "no-store")
	w.c.w.WriteHeader(http.StatusOK)
}

// Write implements io.Writer.
func (w *stream) Write(b []byte) (n int, err error) {
	w.begin()
	// The deadline is lifted after each piece: HTTP/2 would take the time until
	// the next one for the client's.
	defer w.c.outlast()
	for len(b) > 0 && w.err == nil {
		w.c.answerWithin(w.patience)
		var m int
		m, w.err = w.c.w.Write(b[:min(len(b), streamPiece)])
		n, b = n+m, b[m:]
	}
	return n, w.err
}

// end commits the call to the stream as it is, and gives the client so much
// time for what is left of it in buffers.
func (w *stream) end() {
	w.begin()
	w.c.answerWithin(w.patience)
}
