package api

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// An eventStream is the output of its session. What it sends is complete with
// the client, or lost, when a method returns: nothing is queued. Only of what Try has
// sent there may be a rest.
var _ watch.Shared = (*eventStream)(nil)

// eventBuffers are for what stands around the bodies of events, and for small
// events as a whole. Streams that are idle hold none.
var eventBuffers = sync.Pool{New: func() any { return new([]byte) }}

const (
	// copied is the largest body that is sent with what stands around it in one
	// piece; copying it costs less than another write.
	copied = 4 << 10
	// keepEvent is the largest buffer that goes back to the pool.
	keepEvent = 64 << 10
)

// open sends what every stream begins with: how soon to come back, and where
// it begins, for a client that is cut off before it has its first event; then the
// warnings about the request.
func (st *eventStream) open() error {
	return st.send(append(st.appendID([]byte("retry: 2000")), "\n\n"...), warnings(st.call))
}

// startOfID is what comes before the id of an event.
const startOfID = "\nid: "

// appendID appends the line with the id. Without an id there is none: the
// client keeps the one it has, and comes back too early rather than too late.
func (st *eventStream) appendID(b []byte) []byte {
	if st.session == nil {
		return b
	}
	line := append(b, startOfID...)
	if with := st.session.AppendID(line); len(with) > len(line) {
		return with
	}
	return b
}

// Records sends a record event, and with it the caught-up event that follows.
func (st *eventStream) Records(f *watch.Frame, last bool) error {
	buf := eventBuffers.Get().(*[]byte)
	whole := f.Lines || len(f.Body) <= copied
	b, cut := appendRecords((*buf)[:0], f, st.appendID, last, whole)
	var err error
	if whole {
		err = st.send(b)
	} else {
		err = st.send(b[:cut], f.Body, b[cut:])
	}
	keepEventBuffer(buf, b)
	st.flow.Move()
	return err
}

// appendRecords appends a record event and what belongs to it. Unless it is to be whole,
// the body is left out, and cut is where it belongs. See beginEvent for appendID.
func appendRecords(b []byte, f *watch.Frame, appendID func([]byte) []byte, last, whole bool) (with []byte, cut int) {
	b = beginEvent(b, "record", appendID)
	switch {
	case f.Lines:
		b = appendLines(b, f.Body)
	case whole:
		b = append(b, f.Body...)
	}
	cut = len(b)
	b = append(b, endOfEvent...)
	if last {
		b = appendCaughtUp(beginEvent(b, "caught-up", appendID), f.Topic, f.To)
		b = append(b, endOfEvent...)
	}
	return b, cut
}

// Render implements watch.Shared: it returns the chunk that Records sends.
func (st *eventStream) Render(f *watch.Frame, id []byte, last bool) []byte {
	buf := eventBuffers.Get().(*[]byte)
	appendID := func(b []byte) []byte { return append(append(b, startOfID...), id...) }
	b, _ := appendRecords((*buf)[:0], f, appendID, last, true)
	chunk := http1.AppendChunk(make([]byte, 0, len(b)+chunkOverhead), b)
	keepEventBuffer(buf, b)
	return chunk
}

// chunkOverhead is room for what stands around a chunk.
const chunkOverhead = 16

// Try implements watch.Shared.
func (st *eventStream) Try(chunk []byte, now time.Time) (rest []byte, err error) {
	rest, err = st.lasting.Try(chunk)
	st.flow.Sent.Add(int64(len(chunk) - len(rest)))
	st.flow.MoveAt(now)
	return rest, err
}

// Finish implements watch.Shared.
func (st *eventStream) Finish(rest []byte) error {
	defer st.lift()
	for len(rest) > 0 {
		n := min(len(rest), eventPiece)
		st.bound()
		if err := st.lasting.Finish(rest[:n]); err != nil {
			return err
		}
		st.flow.Sent.Add(int64(n))
		st.flow.Move()
		rest = rest[n:]
	}
	return nil
}

// Tombstone sends a tombstone event.
func (st *eventStream) Tombstone(x string, t *topic.Tombstone, connect bool) error {
	return st.small("tombstone", func(b []byte) []byte {
		b = render.Member(append(b, '{'), "topic", x)
		b = render.Member(append(b, ','), "reason", watch.Reason(t, connect))
		b = render.Number(append(b, ','), "gap_from", t.GapFrom)
		b = render.Number(append(b, ','), "gap_to", t.GapTo)
		b = render.Number(append(b, ','), "missed_estimate", t.Missed)
		b = render.Number(append(b, ','), "missed_at_least", t.AtLeast)
		b = render.Number(append(b, ','), "earliest_seq", t.Earliest)
		b = render.Number(append(b, ','), "head_seq", t.Head)
		return append(b, '}')
	})
}

// CaughtUp sends a caught-up event.
func (st *eventStream) CaughtUp(x string, head uint64) error {
	return st.small("caught-up", func(b []byte) []byte { return appendCaughtUp(b, x, head) })
}

func appendCaughtUp(b []byte, x string, head uint64) []byte {
	b = render.Member(append(b, '{'), "topic", x)
	b = render.Number(append(b, ','), "head_seq", head)
	return append(b, '}')
}

// Deleted sends a topic-deleted event.
func (st *eventStream) Deleted(x string, head uint64, reason string) error {
	return st.small("topic-deleted", func(b []byte) []byte {
		b = render.Member(append(b, '{'), "topic", x)
		b = render.Number(append(b, ','), "head_seq", head)
		b = render.Member(append(b, ','), "reason", reason)
		return append(b, '}')
	})
}

// Failed sends an error event that names the topic. What is the server's fault
// is logged with its cause.
func (st *eventStream) Failed(x string, err error) error {
	e := wire.ErrorOf(err)
	if e.Status == http.StatusInternalServerError {
		st.server.opts.Log.Error().Str("route", st.call.Route.Pattern).Str("topic", x).Err(err).Msg("following failed")
	}
	return st.sendError(x, e)
}

// Idle sends a comment, so that whoever is between knows that the stream is
// alive.
func (st *eventStream) Idle() error {
	b := append(make([]byte, 0, 32), ": hb "...)
	b = strconv.AppendInt(b, time.Now().UnixMilli(), 10)
	return st.send(append(b, "\n\n"...))
}

// sendError sends an error event: about a topic, or without one about the
// stream, which then ends.
func (st *eventStream) sendError(x string, e *wire.Error) error {
	return st.small("error", func(b []byte) []byte { return call.AppendErrorData(b, x, e) })
}

// small sends an event whose body is rendered for it, on one line.
func (st *eventStream) small(name string, body func([]byte) []byte) error {
	buf := eventBuffers.Get().(*[]byte)
	b := append(body(beginEvent((*buf)[:0], name, st.appendID)), endOfEvent...)
	err := st.send(b)
	keepEventBuffer(buf, b)
	st.flow.Move()
	return err
}

// endOfEvent ends the last line of an event and the event.
const endOfEvent = "\n\n"

// beginEvent appends what comes before the data of an event. appendID appends the line
// with the id.
func beginEvent(b []byte, name string, appendID func([]byte) []byte) []byte {
	b = append(append(b, "event: "...), name...)
	return append(appendID(b), "\ndata: "...)
}

// keepEventBuffer gives a buffer back to the pool, as what it became.
func keepEventBuffer(buf *[]byte, b []byte) {
	if cap(b) <= keepEvent {
		*buf = b
		eventBuffers.Put(buf)
	}
}

// appendLines appends text whose line ends begin new lines of data: the client puts
// them together with \n, whatever they were.
func appendLines(b, text []byte) []byte {
	for {
		i := bytes.IndexAny(text, "\r\n")
		if i < 0 {
			return append(b, text...)
		}
		b = append(append(b, text[:i]...), "\ndata: "...)
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		text = text[i+1:]
	}
}

// send writes the parts and sees them off. The client has its time for each
// piece of what there is.
func (st *eventStream) send(parts ...[]byte) error {
	defer st.lift()
	left := 0 // of the piece that has its time
	for _, part := range parts {
		for len(part) > 0 {
			if left == 0 {
				st.bound()
				left = eventPiece
			}
			n := min(len(part), left)
			if _, err := st.call.Writer.Write(part[:n]); err != nil {
				return err
			}
			st.flow.Sent.Add(int64(n))
			part, left = part[n:], left-n
		}
	}
	return st.flush()
}

// flush sends what is in buffers. It is the controller's Flush, without the search for a
// writer that has one.
func (st *eventStream) flush() error {
	if w, ok := st.call.Writer.(interface{ FlushError() error }); ok {
		return w.FlushError()
	}
	return st.control.Flush()
}

// bound gives the client its time for the next piece, or seven eighths of it: with
// many clients, setting a timer for each event of each of them costs more than the
// rest of bound.
func (st *eventStream) bound() {
	now := time.Now()
	st.sending.Begin(now)
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.until.IsZero() {
		st.setDeadlineLocked(st.until)
		return
	}
	if st.due.Sub(now) < st.patience/8*7 {
		st.setDeadlineLocked(now.Add(st.patience))
	}
}

// lift takes the deadline away while there is nothing to send: HTTP/2 would
// take the time until the next event for the client's. HTTP/1.1 looks at it only
// while something is written.
func (st *eventStream) lift() {
	st.sending.End()
	if st.call.Request.ProtoMajor < 2 {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.until.IsZero() {
		st.setDeadlineLocked(time.Time{})
	}
}
