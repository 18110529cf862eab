package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
)

// streamTopics streams the events of the topics in the query. The session that it
// makes for that ends with the stream: the client goes on by the id of the last
// event.
func (s *Server) streamTopics(c *call.Call) error {
	if err := acceptsEvents(c); err != nil {
		return err
	}
	query, err := c.Query()
	if err != nil {
		return err
	}
	req, err := request.DecodeWatchQuery(query, &s.opts.Limits)
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	lenient := p.Bool("lenient", false)
	if p.Err() != nil {
		return p.Err()
	}
	if err := c.MayWatch(req); err != nil {
		return err
	}
	place, err := lastPlace(c, query.Get("last_event_id"))
	if err != nil {
		return err
	}
	w, err := s.passingSession(c, req, place, lenient)
	if err != nil {
		return err
	}
	if c.Request.Method == http.MethodHead {
		w.discard()
		beginEvents(c)
		return nil
	}
	return s.streamPassing(c, w)
}

// lastPlace returns where the client was. The header comes before the query,
// because a browser that connects again repeats the query as it was.
func lastPlace(c *call.Call, parameter string) (*watch.Place, error) {
	id := c.Request.Header.Get("Last-Event-ID")
	if id == "" {
		id = parameter
	}
	if id == "" {
		return nil, nil
	}
	place, err := watch.ParseID(id)
	return &place, err
}

// passingSession makes a session that is not in the table yet. The caller must
// discard it or put it there.
func (s *Server) passingSession(c *call.Call, req *request.Watch, place *watch.Place, lenient bool) (*watchSession, error) {
	options := req.Options(&s.opts.Limits)
	options.Portable = true
	w, err := s.newSession(c, options)
	if err != nil {
		return nil, err
	}
	w.passing = true
	_, err = follow(w.Session, req, lenient)
	if err == nil && place != nil {
		err = w.Resume(*place)
	}
	if err == nil && len(w.AppendID(nil)) == 0 {
		err = wire.Invalid("so many topics are in no id of an event: make a session for them with POST /v0/watch")
	}
	if err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

// streamPassing streams the events of a passing session, and ends it.
func (s *Server) streamPassing(c *call.Call, w *watchSession) error {
	release, err := c.TakeStream()
	if err != nil {
		w.discard()
		return err
	}
	w.flow.Begin(0)
	st := s.newEventStream(c, w)
	st.release = release
	s.watches.addPassing(w, st)
	defer st.close()
	if !s.bounds.Keys().Knows(c.Key) { // ReplaceKeys may have looked before it was added
		return call.ErrRevoked
	}
	return s.stream(st)
}

// newEventStream makes the stream of a session, whose context the caller must
// cancel.
func (s *Server) newEventStream(c *call.Call, w *watchSession) *eventStream {
	st := &eventStream{
		server: s, call: c, session: w, control: http.NewResponseController(c.Writer),
		patience: s.watches.patience, done: make(chan struct{}), flow: &w.flow,
	}
	st.ctx, st.cancel = context.WithCancelCause(c.Request.Context())
	return st
}

// acceptsEvents refuses a client that does not take events.
func acceptsEvents(c *call.Call) error {
	if wire.OfferEvents.Quality(wire.ParseAccept(strings.Join(c.Request.Header["Accept"], ","))) > 0 {
		return nil
	}
	return &wire.Error{
		Status: http.StatusNotAcceptable, Code: "not_acceptable",
		Message: "this route answers text/event-stream, which the Accept header excludes",
	}
}

// warnings are comments at the beginning of a stream for what the query has and
// the route does not.
func warnings(c *call.Call) []byte {
	var b []byte
	for _, warning := range c.Notices.List() {
		b = append(append(append(b, ": warning: "...), warning...), "\n\n"...) // names in it are quoted: it is one line
	}
	return b
}
