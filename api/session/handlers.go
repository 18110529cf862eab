// Package session has what watch sessions, streams and WebSockets have in common: what
// they carry, whether their clients take it, and how administrators see and end them.
package session

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

const (
	// rowCost is about the memory that a row of the list takes.
	rowCost = 16 << 10
	// MaxTopics is how many topics of a session the list has.
	MaxTopics = 32
)

// Handlers has a method for each route, and what these need of the server.
type Handlers struct {
	Tables Tables
	// Engine returns what the handlers work on. No route is served before the server has one.
	Engine func() Engine
}

// Engine is what the handlers ask for.
type Engine interface {
	State(name string, touch bool) (topic.State, error)
}

// Filter is which sessions are asked for. Empty fields ask for all.
type Filter struct{ Key, Topic, Prefix string }

// Asks reports whether a session is one that is asked for.
func (f *Filter) Asks(v *View) bool {
	if f.Key != "" && v.Key != f.Key {
		return false
	}
	if f.Topic == "" && f.Prefix == "" {
		return true
	}
	return v.Subject.Follows(func(topic string) bool {
		return (f.Topic == "" || topic == f.Topic) && strings.HasPrefix(topic, f.Prefix)
	})
}

// Describe fills in the topics of a page's rows.
func (h *Handlers) Describe(page []View) {
	heads := map[string]uint64{}
	for i := range page {
		v := &page[i]
		v.Topics = []TopicView{}
		if worker, ok := v.Subject.(interface{ Queues() []string }); ok {
			for _, queue := range worker.Queues() {
				v.Topics = append(v.Topics, TopicView{Topic: queue})
			}
		}
		cursors := v.Subject.Cursors()
		v.TopicsTotal = len(v.Topics) + len(cursors)
		for _, at := range cursors[:min(len(cursors), MaxTopics)] {
			head, known := heads[at.Topic]
			if !known {
				if st, err := h.Engine().State(at.Topic, false); err == nil { // it may have been deleted
					head = st.Head
				}
				heads[at.Topic] = head
			}
			lag := head - min(at.At, head)
			v.Topics = append(v.Topics, TopicView{at.Topic, &at.At, &lag})
		}
	}
}

// List answers the watch sessions and WebSockets that the call's key
// manages, the oldest first.
func (h *Handlers) List(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	limit, offset := call.ReadPage(&p)
	if p.Err() != nil {
		return p.Err()
	}
	filter := Filter{p.Get("key"), p.Get("topic"), p.Get("prefix")}
	all := h.Tables.views(c.Manages)
	all = slices.DeleteFunc(all, func(v View) bool { return !filter.Asks(&v) })
	slices.SortFunc(all, func(a, b View) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	total := len(all)
	page := all[min(offset, int64(total)):]
	size, err := c.TakePage(int(limit), len(page), rowCost)
	if err != nil {
		return err
	}
	page = page[:min(size, len(page))]
	h.Describe(page)
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, struct {
		Sessions []View `json:"sessions"`
		Total    int    `json:"total"`
	}{page, total})
	return nil
}

// Close ends a watch session or a WebSocket.
func (h *Handlers) Close(c *call.Call) error {
	if err := c.Fieldless(); err != nil {
		return err
	}
	cause := &wire.Error{Status: http.StatusGone, Code: "session_closed", Message: "an administrator closed the session"}
	if !h.Tables.end(c.Topic, c.Manages, cause) {
		return None()
	}
	wire.WriteJSON(c, http.StatusOK, struct {
		ID     string `json:"id"`
		Closed bool   `json:"closed"`
	}{c.Topic, true})
	return nil
}
