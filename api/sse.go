package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
)

const (
	// streamPatience is how long a client of a stream may take nothing.
	streamPatience = 30 * time.Second
	// lastWords is how long it is given when the stream has to end.
	lastWords = time.Second
	// eventPiece is how much of an event goes out under one deadline: who takes
	// less than that in its time is taken to take nothing.
	eventPiece = 32 << 10
)

// Why a stream ends before its client leaves.
var (
	errTakenOver = &wire.Error{
		Status: http.StatusConflict, Code: "stream_taken_over",
		Message: "another stream of this session was opened",
	}
	errAged = errors.New("the stream has reached its age")
)

// eventStream is an open stream of a watch session, or the sending side of a
// stream that has none. Its writing side is in
// sse_output.go.
type eventStream struct {
	server  *Server
	call    *call.Call
	lasting *http1.Lasting // of the call; nil unless it goes on without a goroutine
	flow    *session.Flow
	session *watchSession // nil: its events have no id of their own
	control *http.ResponseController
	// patience is how long the client may take nothing.
	patience time.Duration
	ctx      context.Context
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed when its use of the session is over
	sending  session.Sending
	release  func()      // gives back its slots; nil until it has them
	unhook   func() bool // ends its part in the end of the server; nil until it is open
	aging    *time.Timer // ends it; nil without an age

	mu    sync.Mutex // guards what follows, and setting the connection's deadline
	until time.Time  // when the client's time is over, because the stream has to end; zero before that
	over  bool       // the connection is not the stream's any more
	due   time.Time  // the deadline that is set; zero if none is
}

// streamWatch streams the events of a session for as long as the client stays.
func (s *Server) streamWatch(c *call.Call) error {
	if err := acceptsEvents(c); err != nil {
		return err
	}
	w := s.watches.find(c.Topic, c.Key)
	if w == nil {
		return session.None()
	}
	place, err := lastPlace(c, "")
	if err != nil {
		return err
	}
	if c.Request.Method == http.MethodHead {
		beginEvents(c)
		return nil
	}
	st := s.newEventStream(c, w)
	err = s.watches.attach(w, st)
	if err != nil {
		st.cancel(nil)
		return err
	}
	defer st.close()
	// Not before the stream that this one takes over has given back its own.
	st.release, err = c.TakeStream()
	if err != nil {
		return err
	}
	if place != nil {
		w.Rewind(*place)
	}
	return s.stream(st)
}

// beginEvents sends the header of a stream.
func beginEvents(c *call.Call) {
	c.Streamed, c.Status = true, http.StatusOK
	c.HeadEvents()
	c.Writer.WriteHeader(http.StatusOK)
	http1.Lasts(c.Writer)
}

// stream sends until the client, the session or the server goes. If the stream can do
// without a goroutine, it returns at once, and the stream goes on.
func (s *Server) stream(st *eventStream) error {
	st.unhook = context.AfterFunc(s.ctx, func() { st.end(wire.ShuttingDown()) })
	if age := s.opts.Limits.SSEMaxAge; age > 0 {
		// Streams that began together do not end together.
		age += time.Duration((rand.Float64()*0.2 - 0.1) * float64(age))
		st.aging = time.AfterFunc(age, func() { st.end(errAged) })
	}
	c := st.call
	c.Give()
	c.LetGo() // a stream may be idle for days
	c.Outlast()
	beginEvents(c)
	err := context.Cause(st.ctx) // it may have been taken over while it waited
	if err == nil {
		err = st.open()
	}
	if err == nil {
		if st.goOn() {
			return nil
		}
		err = st.session.Run(st.ctx, st)
	}
	return st.stopped(err)
}

// stopped ends a stream whose session has run until err.
func (st *eventStream) stopped(err error) error {
	if errors.Is(err, watch.ErrNoMemory) {
		st.server.sessions.Tables.EndStalled()
		st.end(session.NoMemory())
		err = context.Cause(st.ctx)
	}
	return st.farewell(err)
}

// end makes the stream end, because of cause. It may be called from anywhere.
// The client has lastWords for all of what is being sent, however slowly it
// takes it: others wait for the end.
func (st *eventStream) end(cause error) {
	st.cancel(cause)
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.over && st.until.IsZero() {
		st.boundLocked()
	}
}

// boundLocked gives the client lastWords for all that is sent from now on.
func (st *eventStream) boundLocked() {
	st.until = time.Now().Add(lastWords)
	st.setDeadlineLocked(st.until)
}

// farewell sends the reason for which the server ends the stream. After an error
// of the connection it sends nothing.
func (st *eventStream) farewell(err error) error {
	cause := context.Cause(st.ctx)
	if cause == nil || err != cause { //nolint:errorlint // the very one
		return wire.ClientGone(err)
	}
	st.mu.Lock()
	st.boundLocked() // it took the event before, and may have this one, too
	st.mu.Unlock()
	var reason *wire.Error
	switch {
	case errors.Is(cause, errAged):
		err = st.send([]byte("retry: 2000\n\n"))
	case errors.As(cause, &reason):
		err = st.sendError("", reason)
	default: // the client went, as clients do
		return nil
	}
	if err != nil {
		return wire.ClientGone(err)
	}
	return nil
}

// close gives back what the stream has, unless it goes on: then its follower calls
// it again. The slots come first: who takes the session over needs them.
func (st *eventStream) close() {
	if st.call.GoesOn {
		return
	}
	if st.unhook != nil {
		st.unhook()
	}
	if st.aging != nil {
		st.aging.Stop()
	}
	if st.release != nil {
		st.release()
	}
	st.leave()
	st.server.watches.detach(st.session, st)
	st.cancel(nil)
}

// leave gives the connection back. What of the answer is still in buffers has
// to go out within lastWords.
func (st *eventStream) leave() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.over = true
	st.setDeadlineLocked(time.Now().Add(lastWords))
}

// setDeadlineLocked sets the deadline of the next write. Zero is no deadline.
func (st *eventStream) setDeadlineLocked(at time.Time) {
	st.due = at
	_ = st.control.SetWriteDeadline(at) // not supported only outside a real connection
}
