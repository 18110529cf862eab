package call

import (
	"context"
	"io"
	"net/http"
	"time"
)

// restWhileStopping is how long the rest of a body is taken in once the server
// stops.
const restWhileStopping = time.Second

// smallRest is what net/http itself takes in of a body before it sends the
// answer of a handler that did not read it.
const smallRest = 256 << 10

// hasRest reports whether the call is answered before its body has been read,
// and the body is more than net/http takes care of. A client that waits for 100
// Continue has sent none of it, and HTTP/2 stops a body without ending the
// connection.
func (c *Call) hasRest() bool {
	if c.Request.ProtoMajor != 1 {
		return false
	}
	large := c.Request.ContentLength < 0 || c.Request.ContentLength > smallRest
	return large && !c.whole && !c.Streamed && c.Request.Body != nil && c.Request.Header.Get("Expect") == ""
}

// sendEarly makes it possible to answer before the body has been read. The
// answer ends the connection: there may be more of the body than is taken in.
func (c *Call) sendEarly() {
	c.hangUp = true
	// Not supported only outside a real connection.
	_ = http.NewResponseController(c.Writer).EnableFullDuplex()
}

// takeRest takes in and throws away what a client is still sending after its
// answer is out. Many look for the answer only when they have sent everything,
// and would find a broken connection instead. It takes as much as a body may
// have, for as long as a body may take.
func (c *Call) takeRest() {
	control := http.NewResponseController(c.Writer)
	if control.Flush() != nil {
		return // the client is gone
	}
	within := func(d time.Duration) { _ = control.SetReadDeadline(time.Now().Add(d)) } // as in patient
	within(c.bounds.limits.BodyTimeout)
	last := c.bounds.LastRest // the function may run when the call is another request's
	defer context.AfterFunc(c.bounds.ctx, func() { within(last) })()
	_, _ = io.CopyN(io.Discard, c.Request.Body, max(c.bounds.limits.MaxBodyBytes, smallRest)) // how it ends makes no difference
}
