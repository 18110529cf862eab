package api

import (
	"errors"
	"maps"
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// openWatch makes a watch session.
func (s *Server) openWatch(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	lenient := p.Bool("lenient", false)
	if p.Err() != nil {
		return p.Err()
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	req, err := request.DecodeWatch(body, &s.opts.Limits, &c.Notices)
	if err != nil {
		return err
	}
	if err := c.MayWatch(req); err != nil {
		return err
	}
	w, err := s.newSession(c, req.Options(&s.opts.Limits))
	if err != nil {
		return err
	}
	positions, err := follow(w.Session, req, lenient)
	if err == nil {
		err = s.takePositions(c, positions)
	}
	w.flow.Begin(len(body))
	if err == nil {
		err = s.watches.add(w, s.opts.Limits.MaxWatchSessions)
	}
	if err != nil {
		w.discard()
		return err
	}
	if !s.bounds.Keys().Knows(c.Key) { // ReplaceKeys may have looked before it was added
		s.watches.remove(w.id, func(*auth.Key) bool { return true }, call.ErrRevoked)
		return call.ErrRevoked
	}
	c.Undo = func() { s.watches.remove(w.id, func(*auth.Key) bool { return true }, session.None()) }
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, struct {
		WID          string                      `json:"wid"`
		StreamURL    string                      `json:"stream_url"`
		SessionTTLMS int64                       `json:"session_ttl_ms"`
		Topics       map[string]session.Position `json:"topics"`
		LastEventID  string                      `json:"last_event_id"`
	}{w.id, "/v0/watch/" + w.id, s.watches.ttl.Milliseconds(), session.ViewPositions(positions), string(w.AppendID(nil))})
	return nil
}

// takePositions takes the memory for the answer of a watch before there is a
// session that no client knows.
func (s *Server) takePositions(c *call.Call, positions map[string]watch.Position) error {
	const rendered = 110 // bytes, of the numbers and their names
	n := call.FirstRead
	for topic := range positions {
		n += 2 * (len(topic) + rendered) // twice, because the buffer grows
	}
	return c.Take(call.BeyondFirst(n))
}

// follow adds what a watch asks for to a session. lenient leaves out topics
// that do not exist. With an error some may have been added.
func follow(session *watch.Session, req *request.Watch, lenient bool) (map[string]watch.Position, error) {
	positions := make(map[string]watch.Position, len(req.Topics))
	for topic, at := range req.Topics {
		position, err := session.Add(topic, at)
		missing := new(record.Error)
		switch {
		case err == nil:
			positions[topic] = position
		case lenient && errors.As(err, &missing) && missing.Kind == record.KindNotFound:
		default:
			return nil, err
		}
	}
	for prefix, at := range req.Prefixes {
		found, err := session.AddPrefix(prefix, at)
		if err != nil {
			return nil, err
		}
		maps.Copy(positions, found)
	}
	return positions, nil
}
