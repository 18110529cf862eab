package api

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// sessionView is a watch session, a stream of jobs or a WebSocket, as an administrator sees it.
type sessionView struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"` // watch, work or websocket
	Key       string `json:"key"`
	Opened    int64  `json:"opened_ts"`
	Topics    int    `json:"topics"`    // of a WebSocket: those subscribed by name
	Prefixes  int    `json:"prefixes"`  // of a WebSocket: 0
	Streaming bool   `json:"streaming"` // a stream is open
	// IdleUntil is when a session without a stream is dropped.
	IdleUntil *int64 `json:"idle_until_ts,omitempty"`

	opened time.Time // Opened, as precisely as it is known
}

// listSessions answers the watch sessions and WebSockets that the call's key
// manages, the oldest first.
func (s *Server) listSessions(c *call) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	limit, offset := p.Size("limit"), p.Size("offset")
	if !p.Has("limit") {
		limit = wire.DefaultPage
	} else if limit == 0 {
		p.Refuse("limit", "must be at least 1")
	}
	if p.Err() != nil {
		return p.Err()
	}
	all := append(s.watches.views(c.manages), s.workers.views(c.manages)...)
	all = append(all, s.socketViews(c.manages)...)
	slices.SortFunc(all, func(a, b sessionView) int {
		return cmp.Or(a.opened.Compare(b.opened), cmp.Compare(a.ID, b.ID))
	})
	total := len(all)
	page := all[min(offset, int64(total)):]
	page = page[:min(limit, wire.MaxPage, int64(len(page)))]
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, struct {
		Sessions []sessionView `json:"sessions"`
		Total    int           `json:"total"`
	}{page, total})
	return nil
}

// closeSession ends a watch session or a WebSocket.
func (s *Server) closeSession(c *call) error {
	if err := s.fieldless(c); err != nil {
		return err
	}
	cause := &wire.Error{Status: http.StatusGone, Code: "session_closed", Message: "an administrator closed the session"}
	found := s.watches.remove(c.topic, c.manages, cause) || s.workers.end(c.topic, c.manages, cause) ||
		s.closeSocket(c.topic, c.manages, cause)
	if !found {
		return noSession()
	}
	wire.WriteJSON(c, http.StatusOK, struct {
		ID     string `json:"id"`
		Closed bool   `json:"closed"`
	}{c.topic, true})
	return nil
}

// of returns the ids of the sessions whose keys are asked for, in no order.
func (t *watches) of(asked func(*auth.Key) bool) (ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, w := range t.all {
		if asked(w.key) {
			ids = append(ids, id)
		}
	}
	return ids
}

// views are the sessions in the table of the keys that are asked for, in no
// order.
func (t *watches) views(of func(*auth.Key) bool) []sessionView {
	t.mu.Lock()
	views := make([]sessionView, 0, len(t.all))
	sessions := make([]*watchSession, 0, len(t.all))
	for _, w := range t.all {
		if !of(w.key) {
			continue
		}
		v := sessionView{
			ID: w.id, Kind: "watch", Key: w.key.ID, Opened: w.opened.UnixMilli(), Streaming: w.stream != nil, opened: w.opened,
		}
		if w.idle != nil {
			v.IdleUntil = new(w.until.UnixMilli())
		}
		views, sessions = append(views, v), append(sessions, w)
	}
	t.mu.Unlock()
	for i, w := range sessions {
		views[i].Topics, views[i].Prefixes = w.Size()
	}
	return views
}
