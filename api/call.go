package api

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// keepBuffer is the largest buffer that goes back to a pool: one big body or
// answer must not stay resident for ever.
const keepBuffer = 1 << 20

// keepRecords is the same for a batch's records.
const keepRecords = 2048

// call is one request on its way through the server. It is the handlers'
// http.ResponseWriter: the answer is collected in out and sent at once by
// finish, with its length, so that a panic half-way leaves nothing sent, HEAD
// costs nothing extra and compression sees the whole. A call and its buffers
// belong to the request's goroutine and are reused after it.
type call struct {
	w          http.ResponseWriter
	r          *http.Request
	route      *route
	key        *auth.Key // who calls
	sharing    *sharing  // with pages of other origins; nil if with none
	topic      string    // the :topic of the path, decoded; not checked yet
	seq        string    // the :seq behind it, decoded; not checked yet
	start      time.Time
	status     int          // 0 until WriteHeader
	code       string       // of the error that is the answer, if it is one
	out        []byte       // the answer's body so far
	in         []byte       // the request's body; decoded values alias it
	packed     wire.Packed  // out, compressed
	static     *wire.Static // unless nil, the answer's body instead of out
	configures bool         // it is a write that brings a config
	dry        bool         // it is only to answer what it would do
	admitted   bool         // counted as under way; see traffic
	hangUp     bool         // close the connection after the answer
	conn       *conns.Conn  // its connection; nil in tests without one
	extra      bool         // conn is beyond the bound
	place      place        // memory of its header and stack
	incoming   incoming     // the request's body, while it is read
	whole      bool         // the request's body has been read to its end
	streamed   bool         // the answer is a stream: finish has nothing to send
	cut        bool         // end the connection: the stream is not whole
	undo       func()       // takes back what the answer gives, if that does not reach the client; nil: nothing is to be
	account    *account     // of the key, where several keys share the memory
	held       int64        // taken from the server's memory budget
	arrival    *arrival     // of the body, once it holds memory
	request    *tally       // the slot of a request under way, if it holds one
	release    func()       // gives back the slots of a stream, if it holds any
	notices    wire.Notices // about the request
	parsed     parsedQuery  // the last query string, which may be an earlier call's
	underway   underwayPlace
	cost       topic.Cost
	costs      wire.Costs
	records    []record.Record // scratch of the write decoder
}

var calls = sync.Pool{New: func() any { return new(call) }}

func beginCall(w http.ResponseWriter, r *http.Request) *call {
	c := calls.Get().(*call)
	c.w, c.r, c.start = w, r, time.Now()
	return c
}

// Header implements http.ResponseWriter.
func (c *call) Header() http.Header { return c.w.Header() }

// WriteHeader implements http.ResponseWriter: the first status stands.
func (c *call) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

// Write implements http.ResponseWriter. It buffers and cannot fail.
func (c *call) Write(b []byte) (int, error) {
	c.out = append(c.out, b...)
	return len(b), nil
}

// Unwrap lets http.ResponseController reach the connection.
func (c *call) Unwrap() http.ResponseWriter { return c.w }

// reset forgets an answer begun: an error takes its place.
func (c *call) reset() {
	c.takeBack()
	c.status, c.out, c.static = 0, c.out[:0], nil
	clear(c.w.Header())
	c.sharing.apply(c.r, c.w.Header())
}

// refuse answers e in the place of whatever was begun. What has left already
// cannot be taken back: then the connection is cut.
func (c *call) refuse(e *wire.Error) {
	c.code = e.Code
	if c.streamed {
		c.cut, c.status = true, e.Status
		return
	}
	c.reset()
	e = withheldFrom(c, e)
	if c.comesAgain(e) {
		c.refuseInEvents(e)
		return
	}
	wire.WriteError(c, e)
}

// abort ends the call's connection without an answer.
func (c *call) abort() {
	c.streamed, c.cut = true, true
	if c.status == 0 {
		c.status = wire.StatusClientGone
	}
}

// outlast lifts the deadlines of the request and its answer, for a call that
// waits for something which may take longer than any client is given.
// answerWithin sets the answer's again.
func (c *call) outlast() {
	c.patient()
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{}) // as in patient
}

// answerWithin gives the client so much time for what is written next.
func (c *call) answerWithin(d time.Duration) {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(d)) // as in patient
}

// jsonHeader is shared by all answers of the hot routes. It is never appended to.
var jsonHeader = []string{wire.MediaJSON}

// shortLengths has the Content-Length of answers that are shorter than its length:
// most are. As jsonHeader they are shared.
var shortLengths = func() (headers [512][]string) {
	for n := range headers {
		headers[n] = []string{strconv.Itoa(n)}
	}
	return headers
}()

// lengthHeader returns the Content-Length of a body of n bytes.
func lengthHeader(n int) []string {
	if n < len(shortLengths) {
		return shortLengths[n]
	}
	return []string{strconv.Itoa(n)}
}

// lastPiece is the end of an answer, which net/http keeps in a buffer of its
// own until the handler has returned.
const lastPiece = 2 << 10

// finish sends the answer with its length. A stream has gone out by itself.
//
// The call has its slots until all but the last piece is on the wire: clients
// that take nothing hold no more answers than they have slots. Before the last
// piece they come back, because a client that has the answer may ask again.
func (c *call) finish(body []byte) {
	if c.streamed {
		return
	}
	if c.status == 0 {
		c.status = http.StatusOK
	}
	h := c.w.Header()
	if c.hangUp {
		h.Set("Connection", "close")
	}
	if c.status != http.StatusNoContent && c.status != http.StatusNotModified {
		h["Content-Length"] = lengthHeader(len(body))
	}
	c.w.WriteHeader(c.status)
	if len(body) == 0 || c.r.Method == http.MethodHead {
		return
	}
	if last := len(body) - lastPiece; last > 0 {
		if _, err := c.w.Write(body[:last]); err != nil {
			return // the client is gone
		}
		body = body[last:]
	}
	c.giveSlots()
	if _, err := c.w.Write(body); err == nil && c.undo != nil && c.flushed() {
		c.undo = nil
	}
}

// flushed sends what net/http has in its buffers, and reports whether that could
// be written.
func (c *call) flushed() bool {
	err := http.NewResponseController(c.w).Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// takeBack takes back what an answer would have given.
func (c *call) takeBack() {
	if undo := c.undo; undo != nil {
		c.undo = nil
		undo()
	}
}

// letGo drops the call's buffers before its end.
func (c *call) letGo() { c.in, c.out, c.packed, c.records, c.static = nil, nil, nil, nil, nil }

// recycle gives the call and its buffers back.
func (c *call) recycle() {
	clear(c.records)
	*c = call{
		parsed:  c.parsed.kept(),
		out:     keep(c.out, keepBuffer),
		in:      keep(c.in, keepBuffer),
		packed:  keep(c.packed, keepBuffer),
		records: keep(c.records, keepRecords),
	}
	calls.Put(c)
}

// keep returns s emptied for reuse, or nil if it holds more than most.
func keep[T any](s []T, most int) []T {
	if cap(s) > most {
		return nil
	}
	return s[:0]
}
