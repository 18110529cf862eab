package call

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

// KeepRecords is the same for a batch's records.
const KeepRecords = 2048

// Call is one request on its way through the server. It is the handlers'
// http.ResponseWriter: the answer is collected in Out and sent at once by
// Conclude, with its length, so that a panic half-way leaves nothing sent, HEAD
// costs nothing extra and compression sees the whole. A call and its buffers
// belong to the request's goroutine, or to whoever has taken its answer on (see
// GoesOn), and are reused after the request.
type Call struct {
	Writer     http.ResponseWriter
	Request    *http.Request
	bounds     *Bounds
	Route      *Route
	Key        *auth.Key // who calls
	Topic      string    // the :topic of the path, decoded; not checked yet
	Seq        string    // the :seq behind it, decoded; not checked yet
	Start      time.Time
	Status     int          // 0 until WriteHeader
	Code       string       // of the error that is the answer, if it is one
	Out        []byte       // the answer's body so far
	In         []byte       // the request's body; decoded values alias it
	packed     wire.Packed  // Out, compressed
	Static     *wire.Static // unless nil, the answer's body instead of Out
	Configures bool         // it is a write that brings a config
	Dry        bool         // it is only to answer what it would do
	Admitted   bool         // counted as under way, which its end must take back
	hangUp     bool         // close the connection after the answer
	conn       *conns.Conn  // its connection; nil in tests without one
	extra      bool         // conn is beyond the bound
	place      place        // memory of its header and stack
	incoming   incoming     // the request's body, while it is read
	whole      bool         // the request's body has been read to its end
	Streamed   bool         // the answer is a stream: Conclude has nothing to send
	GoesOn     bool         // the answer goes on after the handler; whoever ends it then concludes the call
	cut        bool         // end the connection: the stream is not whole
	Undo       func()       // takes back what the answer gives, if that does not reach the client; nil: nothing is to be
	account    *account     // of the key, where several keys share the memory
	held       int64        // taken from the server's memory budget
	arrival    *arrival     // of the body, once it holds memory
	slot       *tally       // the slot of a request under way, if it holds one
	endStream  func()       // gives back the slots of a stream, if it holds any
	Notices    wire.Notices // about the request
	parsed     parsedQuery  // the last query string, which may be an earlier call's
	underway   underwayPlace
	Cost       topic.Cost
	Costs      wire.Costs
	Records    []record.Record // scratch of the write decoder
	Placed     Placed          // the write that Finisher finishes
	finisher   Finisher        // see Later
	resume     func()          // calls bounds.Finish; made once
}

var calls = sync.Pool{New: func() any {
	c := new(Call)
	c.resume = func() { c.bounds.Finish(c) }
	return c
}}

// Header implements http.ResponseWriter.
func (c *Call) Header() http.Header { return c.Writer.Header() }

// WriteHeader implements http.ResponseWriter: the first status stands.
func (c *Call) WriteHeader(status int) {
	if c.Status == 0 {
		c.Status = status
	}
}

// Write implements http.ResponseWriter. It buffers and cannot fail.
func (c *Call) Write(b []byte) (int, error) {
	c.Out = append(c.Out, b...)
	return len(b), nil
}

// Unwrap lets http.ResponseController reach the connection.
func (c *Call) Unwrap() http.ResponseWriter { return c.Writer }

// reset forgets an answer begun: an error takes its place.
func (c *Call) reset() {
	c.takeBack()
	c.Status, c.Out, c.Static = 0, c.Out[:0], nil
	clear(c.Writer.Header())
	c.bounds.Sharing.apply(c.Request, c.Writer.Header())
}

// Refuse answers e in the place of whatever was begun. What has left already
// cannot be taken back: then the connection is cut.
func (c *Call) Refuse(e *wire.Error) {
	c.Code = e.Code
	if c.Streamed {
		c.cut, c.Status = true, e.Status
		return
	}
	c.reset()
	e = WithheldFrom(c, e)
	if c.comesAgain(e) {
		c.refuseInEvents(e)
		return
	}
	wire.WriteError(c, e)
}

// Abort ends the call's connection without an answer.
func (c *Call) Abort() {
	c.Streamed, c.cut = true, true
	if c.Status == 0 {
		c.Status = wire.StatusClientGone
	}
}

// Outlast lifts the deadlines of the request and its answer, for a call that
// waits for something which may take longer than any client is given.
// answerWithin sets the answer's again.
func (c *Call) Outlast() {
	c.Patient()
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Time{}) // as in patient
}

// AnswerWithin gives the client so much time for what is written next.
func (c *Call) AnswerWithin(d time.Duration) {
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(d)) // as in patient
}

// JsonHeader is shared by all answers of the hot routes. It is never appended to.
var JsonHeader = []string{wire.MediaJSON}

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

// lastPiece is the end of an answer, which http1 and net/http keep in a buffer of
// their own until the handler has returned.
const lastPiece = 2 << 10

// finish sends the answer with its length. A stream has gone out by itself.
//
// The call has its slots until all but the last piece is on the wire: clients
// that take nothing hold no more answers than they have slots. Before the last
// piece they come back, because a client that has the answer may ask again.
func (c *Call) finish(body []byte) {
	if c.Streamed {
		return
	}
	if c.Status == 0 {
		c.Status = http.StatusOK
	}
	h := c.Writer.Header()
	if c.hangUp {
		h.Set("Connection", "close")
	}
	if c.Status != http.StatusNoContent && c.Status != http.StatusNotModified {
		h["Content-Length"] = lengthHeader(len(body))
	}
	c.Writer.WriteHeader(c.Status)
	if len(body) == 0 || c.Request.Method == http.MethodHead {
		return
	}
	if last := len(body) - lastPiece; last > 0 {
		if _, err := c.Writer.Write(body[:last]); err != nil {
			return // the client is gone
		}
		body = body[last:]
	}
	c.GiveSlots()
	if _, err := c.Writer.Write(body); err == nil && c.Undo != nil && c.flushed() {
		c.Undo = nil
	}
}

// flushed sends what net/http has in its buffers, and reports whether that could
// be written.
func (c *Call) flushed() bool {
	err := http.NewResponseController(c.Writer).Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// takeBack takes back what an answer would have given.
func (c *Call) takeBack() {
	if undo := c.Undo; undo != nil {
		c.Undo = nil
		undo()
	}
}

// LetGo drops the call's buffers before its end.
func (c *Call) LetGo() {
	c.In, c.Out, c.packed, c.Records, c.Static, c.parsed = nil, nil, nil, nil, nil, parsedQuery{}
}

// recycle gives the call and its buffers back.
func (c *Call) recycle() {
	clear(c.Records)
	*c = Call{
		parsed:  c.parsed.kept(),
		Out:     Keep(c.Out, keepBuffer),
		In:      Keep(c.In, keepBuffer),
		packed:  Keep(c.packed, keepBuffer),
		Records: Keep(c.Records, KeepRecords),
		resume:  c.resume,
	}
	calls.Put(c)
}

// Keep returns s emptied for reuse, or nil if it holds more than most.
func Keep[T any](s []T, most int) []T {
	if cap(s) > most {
		return nil
	}
	return s[:0]
}

// AnswerMembers answers with rendered members that stand in c.out behind an
// open brace.
func (c *Call) AnswerMembers() {
	c.Out = append(c.AppendPerformance(append(c.Out, ',')), '}')
	c.Header()["Content-Type"] = JsonHeader
	c.WriteHeader(http.StatusOK)
}
