package http1

import (
	"net/http"
	"net/url"
	"strconv"
)

// noURL is the URL of requests whose handlers need none any more.
var noURL = new(url.URL)

// Lasts is called by a handler whose answer may go on for days, with pauses between
// its parts. From the next Flush on the request has no header and no URL, the
// header of the answer is not kept, and the connection has no buffers while there
// is nothing to write. It does nothing if w is not of this package, if the
// request has a body, and in a loop.
func Lasts(w http.ResponseWriter) {
	r, _ := w.(*response)
	if r != nil && r.conn.looped == nil && r.conn.request.Body == http.NoBody {
		r.lasting = true
	}
}

// rest gives the buffers back until there is more to write. What the client has
// sent already, though it waits for an answer that does not end, stays in them.
func (c *conn) rest() {
	if len(c.work.in) > 0 {
		return
	}
	c.request.Header, c.request.URL = nil, noURL
	c.release()
}

// Leave lets a handler return before its answer ends, if that lasts and needs no
// goroutine while there is nothing to write. When the handler has returned, then is
// called, and the answer goes on until its End is called, once: last is run as the end of
// the handler, in a goroutine of its own, after which the connection takes its next
// request. aside is called before a write may wait for the client, except in last.
//
// Between Leave and then nothing may use the ResponseWriter, and End must not be
// called. From then on one goroutine at a time may write, and the request is there until
// last returns; of its header and URL see Lasts. The context of the request ends when
// the client goes or the server is closed: End must be called then, too.
//
// If the handler panics, then is not called and the connection ends, as it does if then
// or last panics. Leave returns nil if w is not of this package, and in a loop: nothing is
// called then.
func Leave(w http.ResponseWriter, then, aside func()) *Lasting {
	r, _ := w.(*response)
	if r == nil || r.conn.looped != nil {
		return nil
	}
	r.then, r.aside = then, aside
	return (*Lasting)(r.conn)
}

// Lasting is an answer whose handler has left.
type Lasting conn

// End ends the answer; see Leave.
func (l *Lasting) End(last func()) { go l.server.proceed((*conn)(l), last) }

// AppendChunk appends p as a chunk of an answer that has no length.
func AppendChunk(b, p []byte) []byte {
	b = append(strconv.AppendInt(b, int64(len(p)), 16), "\r\n"...)
	return append(append(b, p...), "\r\n"...)
}

// Try writes what the connection takes of a chunk without waiting: no deadline matters
// for that. The answer must have no length, and its header must have been sent. Finish
// must write the rest, if there is one, before anything else is written.
func (l *Lasting) Try(chunk []byte) (rest []byte, err error) {
	l.putting = chunk
	err = l.raw.Control(l.putNow)
	rest, l.putting = l.putting, nil
	if err == nil {
		err = l.putErr
	}
	if err != nil {
		l.response.err = err
		l.cancel()
	}
	return rest, err
}

// Finish writes the rest of a chunk, and waits for the client as Write does.
func (l *Lasting) Finish(rest []byte) error {
	r := &l.response
	if r.err == nil {
		r.err = (*conn)(l).write(rest)
	}
	if r.err != nil {
		l.cancel()
	}
	return r.err
}

// tryOnce is for Try what tryWrite is for write.
func (c *conn) tryOnce(fd uintptr) {
	n, err := writeNow(fd, c.putting)
	c.putting = c.putting[max(n, 0):]
	if err == errNothing {
		err = nil
	}
	c.putErr = err
}

// write writes b, and calls aside before it waits for the client.
func (c *conn) write(b []byte) error {
	c.putting, c.putErr = b, nil
	err := c.raw.Write(c.put)
	c.putting = nil
	if err == nil {
		err = c.putErr
	}
	return err
}

// tryWrite writes what can be written without waiting. It returns false to be
// called again when there is room for more.
func (c *conn) tryWrite(fd uintptr) bool {
	for len(c.putting) > 0 && c.putErr == nil {
		n, err := writeNow(fd, c.putting)
		if err == errNothing {
			c.response.aside()
			return false
		}
		c.putting, c.putErr = c.putting[max(n, 0):], err
	}
	return true
}
