package call

import (
	"net/http"
	"time"
)

// StreamPiece is how much of a stream goes out under one deadline: little
// enough for the slowest line that is not dead.
const StreamPiece = 256 << 10

// Stream is an answer that goes out while it is made, however long it takes
// and however long it is: only each piece of it is bounded in time. Its header
// leaves with the first byte; until then the call can still be answered with
// an error.
type Stream struct {
	c        *Call
	media    string
	patience time.Duration // for one piece
	err      error         // of the connection
}

// begin commits the call to the stream.
func (w *Stream) begin() {
	if w.c.Streamed {
		return
	}
	w.c.Streamed, w.c.Status = true, http.StatusOK
	h := w.c.Header()
	h.Set("Content-Type", w.media)
	h.Set("Cache-Control", "no-store")
	w.c.Writer.WriteHeader(http.StatusOK)
}

// Write implements io.Writer.
func (w *Stream) Write(b []byte) (n int, err error) {
	w.begin()
	// The deadline is lifted after each piece: HTTP/2 would take the time until
	// the next one for the client's.
	defer w.c.Outlast()
	for len(b) > 0 && w.err == nil {
		w.c.AnswerWithin(w.patience)
		var m int
		m, w.err = w.c.Writer.Write(b[:min(len(b), StreamPiece)])
		n, b = n+m, b[m:]
	}
	return n, w.err
}

// End commits the call to the stream as it is, and gives the client so much
// time for what is left of it in buffers.
func (w *Stream) End() {
	w.begin()
	w.c.AnswerWithin(w.patience)
}

// Stream returns the answer as a stream.
func (c *Call) Stream(media string) *Stream {
	return &Stream{c: c, media: media, patience: c.bounds.limits.WriteTimeout}
}

// Failed returns the error of the connection, or nil.
func (w *Stream) Failed() error { return w.err }
