package call

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/wire"
)

// FirstRead is how much is set aside for a body before any of it is there.
// Beyond, the buffer grows with what arrives, whatever the client announced.
const FirstRead = 16 << 10

// Body reads the request's body, which must be JSON.
func (c *Call) Body() ([]byte, error) { return c.BodyOf(needJSON) }

// BodyOf reads the request's body, decompressed, into the call's buffer. It is
// nil when the request has none, and valid until the call is recycled. typed
// returns the error that refuses a body by its header.
func (c *Call) BodyOf(typed func(http.Header) error) ([]byte, error) {
	r := c.Request
	if r.ContentLength == 0 {
		return nil, nil
	}
	refused := typed(r.Header)
	if r.ContentLength > 0 && refused != nil {
		return nil, refused
	}
	limit := c.bounds.limits.MaxBodyBytes
	if r.ContentLength > limit {
		return nil, wire.PayloadTooLarge(limit)
	}
	if refused != nil { // of unknown length: is there anything?
		if n, err := io.ReadFull(r.Body, make([]byte, 1)); n == 0 && err == io.EOF {
			c.whole = true
			return nil, nil
		}
		return nil, refused
	}
	in := &c.incoming
	*in = incoming{call: c, src: r.Body}
	defer in.through()
	src, done, err := wire.Decode(strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ", ")), in, limit)
	if err != nil {
		return nil, bodyError(c, err)
	}
	defer done()
	if src == io.Reader(in) && r.ContentLength > 0 {
		limit = r.ContentLength // it does not need a larger buffer
	}
	c.In = c.In[:0]
	if want := min(r.ContentLength+1, FirstRead); int64(cap(c.In)) < want {
		c.In = make([]byte, 0, want)
	}
	if c.In, err = in.readAll(src, limit); err != nil {
		return nil, bodyError(c, err)
	}
	c.whole = true
	if len(c.In) == 0 {
		return nil, nil
	}
	c.Patient()
	return c.In, nil
}

// Patient lifts the deadline for reading the request, which is through: while
// the server waits with its answer, net/http's own read for the client's going
// away must not run into it.
func (c *Call) Patient() {
	// Not supported only outside a real connection.
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{})
}

// isJSON reports whether the body is declared as JSON, parameters aside.
func isJSON(h http.Header) bool {
	v := h["Content-Type"]
	if len(v) == 0 {
		return false
	}
	if v[0] == wire.MediaJSON {
		return true
	}
	media, _, _ := strings.Cut(v[0], ";")
	return strings.EqualFold(strings.TrimSpace(media), wire.MediaJSON)
}

// needJSON refuses a body that is not declared as JSON.
func needJSON(h http.Header) error {
	if isJSON(h) {
		return nil
	}
	if h.Get("Content-Type") == "" {
		return wire.UnsupportedMedia("a body needs Content-Type: %s", wire.MediaJSON)
	}
	return wire.UnsupportedMedia("Content-Type %q is not %s", h.Get("Content-Type"), wire.MediaJSON)
}

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// incoming is the bytes of a body as they arrive.
type incoming struct {
	call *Call
	src  io.Reader
	// giveUp makes Read fail, without waiting. If it is nil, the deadline of the
	// call's request does.
	giveUp func()
}

// Read implements io.Reader.
func (in *incoming) Read(p []byte) (int, error) {
	n, err := in.src.Read(p)
	if a := in.call.arrival; a != nil && n > 0 {
		a.progress()
	}
	return n, err
}

// Need takes memory for the decoded body. From then on the body gives way to
// others if it stalls.
func (in *incoming) Need(n int64) error {
	c := in.call
	if n <= 0 {
		return nil
	}
	if err := c.Take(n); err != nil {
		c.hangUp = true // the rest of the body is not wanted
		return err
	}
	if c.arrival == nil {
		giveUp := in.giveUp
		if giveUp == nil {
			w := c.Writer
			giveUp = func() { _ = http.NewResponseController(w).SetReadDeadline(longAgo) } // as in patient
		}
		c.arrival = c.bounds.memory.arriving(giveUp)
	}
	return nil
}

// GiveBack gives back memory that Need has taken.
func (in *incoming) GiveBack(n int64) { in.call.GiveBack(n) }

// through ends the arrival.
func (in *incoming) through() {
	if in.call.arrival != nil {
		in.call.arrival.arrived()
	}
}

// readAll reads src, which reads the incoming bytes, into the call's buffer, up
// to limit bytes in all.
func (in *incoming) readAll(src io.Reader, limit int64) ([]byte, error) {
	buf := in.call.In
	for {
		if len(buf) == cap(buf) {
			size := min(max(2*int64(cap(buf)), 512), limit+1)
			if err := in.Need(BeyondFirst(int(size)) - BeyondFirst(cap(buf))); err != nil {
				return buf, err
			}
			buf = append(make([]byte, 0, size), buf...)
		}
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return buf, wire.PayloadTooLarge(limit)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// Stalled is the answer to a body that has given way.
func Stalled() *wire.Error {
	return &wire.Error{
		Status: http.StatusTooManyRequests, Code: "throttled",
		Message: "the body stalled while others waited for memory",
		Detail:  map[string]any{"limit": "inflight_bytes"},
	}
}

// bodyError returns the error to answer with if reading a body failed. The rest of
// the body is of no use, so neither is the connection.
func bodyError(c *Call, err error) error {
	var own *wire.Error
	switch {
	case errors.As(err, &own):
		return own
	case c.arrival != nil && c.arrival.stalled.Load():
		c.hangUp = true
		return Stalled()
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.hangUp = true
		return wire.Invalid("the body did not arrive in time")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return wire.Invalid("the body ends too early")
	}
	return wire.Invalid("the body cannot be read: %s", err)
}

// Fieldless reads a body that may be there and has no fields yet.
func (c *Call) Fieldless() error {
	body, err := c.Body()
	if err != nil || body == nil {
		return err
	}
	f := wire.ReadFields(body, &c.Notices)
	f.Enter("the body")
	for f.NextField() {
		f.Unknown(nil)
	}
	return f.Finish()
}

// ReadMessage reads a message that arrives on the call's connection, up to the size of
// a body, into the call's buffer. giveUp makes src fail, without waiting, if the
// message stalls while others wait for memory.
func (c *Call) ReadMessage(src io.Reader, giveUp func()) ([]byte, error) {
	in := &c.incoming
	*in = incoming{call: c, src: src, giveUp: giveUp}
	message, err := in.readAll(in, c.bounds.limits.MaxBodyBytes)
	in.through()
	c.arrival = nil
	return message, err
}
