package http1

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/eventloop"
)

// response is the http.ResponseWriter of a request of the subset. The header and
// the body are kept until the handler has returned, if they are small, and sent
// with one system call. Its bytes are those of net/http.
type response struct {
	conn    *conn
	status  int   // 0 before WriteHeader
	length  int64 // announced by the handler; -1 if it is not
	written int64 // bytes of the body that the handler has written
	sent    bool  // the header has been sent
	chunked bool
	close   bool           // the connection ends with the answer
	duplex  bool           // the body need not be read before the answer is sent
	lasting bool           // the handler needs nothing of the request any more; see Lasts
	brief   bool           // the handler has called Later
	kind    eventloop.Kind // of the loop that it belongs to, then
	err     error

	then, aside func() // see Leave; nil unless the handler leaves
	later       func() // see Later; nil unless the handler leaves
}

func (w *response) begin() {
	w.status, w.length, w.written, w.err, w.then, w.aside = 0, -1, 0, nil, nil, nil
	w.sent, w.chunked, w.duplex, w.lasting, w.close = false, false, false, false, w.conn.request.Close
	w.brief, w.later = false, nil
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.conn.borrow().answer }

// WriteHeader implements http.ResponseWriter. Informational answers are not sent:
// clients do not depend on them.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 {
		return
	}
	w.status = status
	answer := w.Header()
	if announced := answer["Content-Length"]; len(announced) > 0 {
		if n, err := strconv.ParseInt(announced[0], 10, 64); err == nil && n >= 0 {
			w.length = n
			return
		}
		delete(answer, "Content-Length")
	}
}

// bodyless reports whether answers with the status have no body.
func (w *response) bodyless() bool {
	return w.status == http.StatusNoContent || w.status == http.StatusNotModified
}

// Write implements http.ResponseWriter. A small last piece is kept until the handler
// has returned, however much was sent before, so that a client that has the whole
// answer meets nothing of its request under way.
func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case len(p) == 0:
		return 0, nil
	case w.bodyless():
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	if w.length >= 0 && w.written > w.length {
		return 0, http.ErrContentLength
	}
	work := w.conn.borrow()
	if w.conn.request.Method == http.MethodHead {
		work.kept = append(work.kept, p[:min(len(p), cap(work.kept)-len(work.kept))]...) // for its type
		return len(p), nil
	}
	if len(p) > cap(work.kept) {
		if err := w.send(p, false); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if len(work.kept)+len(p) > cap(work.kept) {
		if err := w.send(nil, false); err != nil {
			return 0, err
		}
		work = w.conn.borrow() // the connection has given back the other, if the answer lasts
	}
	work.kept = append(work.kept, p...)
	return len(p), nil
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what has been written so far.
func (w *response) FlushError() error {
	w.WriteHeader(http.StatusOK)
	return w.send(nil, false)
}

// SetReadDeadline sets the deadline for reading the body. Once that has been read
// there is nothing that no deadline would make a difference to.
func (w *response) SetReadDeadline(at time.Time) error {
	c := w.conn
	if c.looped != nil || at.IsZero() && (c.work == nil || c.work.body.left == 0) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.watching.looking {
		c.reads.override(at)
	}
	return nil
}

// SetWriteDeadline sets the deadline for writing the answer.
func (w *response) SetWriteDeadline(at time.Time) error {
	if w.conn.looped != nil {
		return nil // a loop does not wait for the client
	}
	w.conn.mu.Lock()
	defer w.conn.mu.Unlock()
	w.conn.writes.override(at)
	return nil
}

// EnableFullDuplex lets the handler read the body after it has begun to answer.
func (w *response) EnableFullDuplex() error {
	w.duplex = true
	return nil
}

// finish sends what is left of the answer. It returns an error if the client
// cannot take it for whole.
func (w *response) finish() error {
	w.WriteHeader(http.StatusOK)
	if err := w.send(nil, true); err != nil {
		return err
	}
	if w.length >= 0 && w.written != w.length && w.conn.request.Method != http.MethodHead && !w.bodyless() {
		return http.ErrContentLength
	}
	return nil
}

// send sends the header, unless it has been sent, then the kept part of the body
// and p. done says that the answer ends with it.
func (w *response) send(p []byte, done bool) error {
	if w.err != nil {
		return w.err
	}
	now := time.Now()
	work := w.conn.borrow()
	if !w.sent {
		w.sent = true
		w.renderHeader(now, p, done)
	}
	if w.conn.request.Method == http.MethodHead {
		work.kept = work.kept[:0]
	}
	size := len(work.kept) + len(p)
	if w.chunked && size > 0 {
		work.out = append(strconv.AppendInt(work.out, int64(size), 16), "\r\n"...)
	}
	work.out = append(work.out, work.kept...)
	work.kept = work.kept[:0]
	end := ""
	if w.chunked && size > 0 {
		end = "\r\n"
	}
	if w.chunked && done {
		end += "0\r\n\r\n"
	}
	if len(p) == 0 {
		work.out = append(work.out, end...)
	}
	if len(work.out)+len(p) > 0 {
		w.write(now, p, end)
	}
	if w.lasting && !done {
		w.conn.rest()
	}
	return w.err
}

// write sends the rendered bytes, then p and end. Without p, end is among the rendered
// bytes.
func (w *response) write(now time.Time, p []byte, end string) {
	work := w.conn.work
	if w.conn.looped == nil {
		w.conn.mu.Lock()
		if !w.conn.writes.explicit {
			w.conn.writes.atLeast(now, w.conn.server.WriteTimeout)
		}
		w.conn.mu.Unlock()
	}
	switch {
	case w.conn.looped != nil:
		if len(p) == 0 {
			end = ""
		}
		w.err = w.conn.putLooped(work.out, p, []byte(end))
	case len(p) == 0 && w.aside != nil:
		w.err = w.conn.write(work.out)
	case len(p) == 0:
		_, w.err = w.conn.tcp.Write(work.out)
	default:
		if w.aside != nil {
			w.aside() // it is large
		}
		parts := net.Buffers(append(work.parts[:0], work.out, p))
		if end != "" {
			parts = append(parts, []byte(end))
		}
		_, w.err = parts.WriteTo(w.conn.tcp)
	}
	work.out = work.out[:0]
	if w.err != nil {
		w.conn.cancel() // the handler may wait for something to send
	}
}

// renderHeader renders the status line and the header. p is what the body begins
// with if nothing is kept.
func (w *response) renderHeader(now time.Time, p []byte, done bool) {
	work := w.conn.work
	h := work.answer
	isHead := w.conn.request.Method == http.MethodHead
	begin := work.kept
	if len(begin) == 0 {
		begin = p
	}
	var media, connection, coding string
	counted := w.length < 0 && done && !w.bodyless() && (!isHead || w.written > 0)
	if counted {
		w.length = w.written
	}
	ending := connectionEnds(h) // by the handler
	stopping := w.conn.server.stopping.Load()
	w.close = w.close || ending || stopping
	if !w.close && !w.duplex && !work.body.drain() {
		w.close = true
	}
	switch {
	case w.bodyless():
		delete(h, "Content-Length")
		if w.status == http.StatusNotModified {
			delete(h, "Content-Type")
		}
	case len(h["Content-Type"]) == 0 && len(h["Content-Encoding"]) == 0 && len(begin) > 0:
		media = http.DetectContentType(begin)
	}
	delete(h, "Transfer-Encoding")
	if !isHead && !w.bodyless() && w.length < 0 {
		w.chunked, coding = true, "chunked"
	}
	if w.close && (stopping || !ending) {
		delete(h, "Connection")
		connection = "close"
	}
	b := appendStatus(work.out[:0], w.status)
	b = appendFields(b, h)
	if len(h["Date"]) == 0 {
		b = append(b, dateLine(now)...)
	}
	if counted {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), w.written, 10), "\r\n"...)
	}
	b = appendField(b, "Content-Type", media)
	b = appendField(b, "Connection", connection)
	b = appendField(b, "Transfer-Encoding", coding)
	work.out = append(b, "\r\n"...)
}

// connectionEnds reports whether a handler ends the connection.
func connectionEnds(h http.Header) bool {
	v := h["Connection"]
	return len(v) > 0 && v[0] == "close"
}

func appendStatus(b []byte, status int) []byte {
	if status == http.StatusOK {
		return append(b, "HTTP/1.1 200 OK\r\n"...)
	}
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10)
	words := http.StatusText(status)
	if words == "" {
		words = "status code " + strconv.Itoa(status)
	}
	return append(append(append(b, ' '), words...), "\r\n"...)
}

// appendFields appends a header, in the order of the names.
func appendFields(b []byte, h http.Header) []byte {
	var room [16]string
	names := room[:0]
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			b = append(append(append(b, name...), ": "...), clean(value)...)
			b = append(b, "\r\n"...)
		}
	}
	return b
}

// appendField appends a field unless it is empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
}

// newlines replaces what would end a field.
var newlines = strings.NewReplacer("\n", " ", "\r", " ")

// clean returns a value without line ends, and without spaces around it.
func clean(value string) string {
	if strings.ContainsAny(value, "\r\n") {
		value = newlines.Replace(value)
	}
	return strings.Trim(value, " \t")
}
