package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
)

const (
	// sessionRow is about the memory that a row of the list takes.
	sessionRow = 16 << 10
	// sessionTopics is how many topics of a session the list has.
	sessionTopics = 32
)

// sessionView is a watch session, a stream of jobs or a WebSocket, as an administrator sees it.
type sessionView struct {
	ID          string      `json:"id"`
	Kind        string      `json:"kind"` // watch, work or websocket
	Key         string      `json:"key"`
	Remote      string      `json:"remote"`    // of its stream, or of who opened it
	Transport   string      `json:"transport"` // sse, websocket, or none: no stream is open
	Opened      int64       `json:"opened_ts"`
	Topics      []topicView `json:"topics"`       // the first sessionTopics
	TopicsTotal int         `json:"topics_total"` // all of them
	Prefixes    int         `json:"prefixes"`
	Streaming   bool        `json:"streaming"` // a stream is open
	IdleMS      int64       `json:"idle_ms"`
	Sent        int64       `json:"sent_bytes"`
	Received    int64       `json:"received_bytes"`
	// IdleUntil is when a session without a stream is dropped.
	IdleUntil *int64 `json:"idle_until_ts,omitempty"`

	opened  time.Time // Opened, as precisely as it is known
	subject subject
}

// topicView is how far a session has got in a topic. A stream of jobs has no
// cursor.
type topicView struct {
	Topic  string  `json:"topic"`
	Cursor *uint64 `json:"cursor,omitempty"`
	Lag    *uint64 `json:"lag,omitempty"`
}

// subject is what a session has to do with topics.
type subject interface {
	// Follows reports whether it has a topic for which asked returns true.
	Follows(asked func(topic string) bool) bool
	// Cursors returns its topics with cursors, sorted by name.
	Cursors() []watch.Cursor
}

// carried fills in what a flow has counted.
func (v *sessionView) carried(f *flow) {
	v.IdleMS, v.Sent, v.Received = f.idle(), f.sent.Load(), f.received.Load()
}

// sessionFilter is which sessions are asked for. Empty fields ask for all.
type sessionFilter struct{ key, topic, prefix string }

func (f *sessionFilter) asks(v *sessionView) bool {
	if f.key != "" && v.Key != f.key {
		return false
	}
	if f.topic == "" && f.prefix == "" {
		return true
	}
	return v.subject.Follows(func(topic string) bool {
		return (f.topic == "" || topic == f.topic) && strings.HasPrefix(topic, f.prefix)
	})
}

// describe fills in the topics of a page's rows.
func (s *Server) describe(page []sessionView) {
	heads := map[string]uint64{}
	for i := range page {
		v := &page[i]
		v.Topics = []topicView{}
		if worker, ok := v.subject.(interface{ queues() []string }); ok {
			for _, queue := range worker.queues() {
				v.Topics = append(v.Topics, topicView{Topic: queue})
			}
		}
		cursors := v.subject.Cursors()
		v.TopicsTotal = len(v.Topics) + len(cursors)
		for _, at := range cursors[:min(len(cursors), sessionTopics)] {
			head, known := heads[at.Topic]
			if !known {
				if st, err := s.opened().State(at.Topic, false); err == nil { // it may have been deleted
					head = st.Head
				}
				heads[at.Topic] = head
			}
			lag := head - min(at.At, head)
			v.Topics = append(v.Topics, topicView{at.Topic, &at.At, &lag})
		}
	}
}

// listSessions answers the watch sessions and WebSockets that the call's key
// manages, the oldest first.
func (s *Server) listSessions(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	limit, offset := call.ReadPage(&p)
	if p.Err() != nil {
		return p.Err()
	}
	filter := sessionFilter{p.Get("key"), p.Get("topic"), p.Get("prefix")}
	all := append(s.watches.views(c.Manages), s.workers.views(c.Manages)...)
	all = append(all, s.socketViews(c.Manages)...)
	all = slices.DeleteFunc(all, func(v sessionView) bool { return !filter.asks(&v) })
	slices.SortFunc(all, func(a, b sessionView) int {
		return cmp.Or(a.opened.Compare(b.opened), cmp.Compare(a.ID, b.ID))
	})
	total := len(all)
	page := all[min(offset, int64(total)):]
	size, err := c.TakePage(int(limit), len(page), sessionRow)
	if err != nil {
		return err
	}
	page = page[:min(size, len(page))]
	s.describe(page)
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, struct {
		Sessions []sessionView `json:"sessions"`
		Total    int           `json:"total"`
	}{page, total})
	return nil
}

// closeSession ends a watch session or a WebSocket.
func (s *Server) closeSession(c *call.Call) error {
	if err := c.Fieldless(); err != nil {
		return err
	}
	cause := &wire.Error{Status: http.StatusGone, Code: "session_closed", Message: "an administrator closed the session"}
	found := s.watches.remove(c.Topic, c.Manages, cause) || s.workers.end(c.Topic, c.Manages, cause) ||
		s.closeSocket(c.Topic, c.Manages, cause)
	if !found {
		return noSession()
	}
	wire.WriteJSON(c, http.StatusOK, struct {
		ID     string `json:"id"`
		Closed bool   `json:"closed"`
	}{c.Topic, true})
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
			ID: w.id, Kind: "watch", Key: w.key.ID, Remote: w.remote, Transport: "none", Opened: w.opened.UnixMilli(),
			opened: w.opened, subject: w,
		}
		if w.stream != nil {
			v.Streaming, v.Transport = true, "sse"
		}
		if w.idle != nil {
			v.IdleUntil = new(w.until.UnixMilli())
		}
		v.carried(&w.flow)
		views, sessions = append(views, v), append(sessions, w)
	}
	t.mu.Unlock()
	for i, w := range sessions {
		_, views[i].Prefixes = w.Size()
	}
	return views
}
