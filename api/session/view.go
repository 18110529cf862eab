package session

import (
	"time"

	"github.com/e6e95bb8/topics/api/watch"
)

// View is a watch session, a stream of jobs or a WebSocket, as an administrator sees it.
type View struct {
	ID          string      `json:"id"`
	Kind        string      `json:"kind"` // watch, work or websocket
	Key         string      `json:"key"`
	Remote      string      `json:"remote"`    // of its stream, or of who opened it
	Transport   string      `json:"transport"` // sse, websocket, or none: no stream is open
	Opened      int64       `json:"opened_ts"`
	Topics      []TopicView `json:"topics"`       // the first MaxTopics
	TopicsTotal int         `json:"topics_total"` // all of them
	Prefixes    int         `json:"prefixes"`
	Streaming   bool        `json:"streaming"` // a stream is open
	IdleMS      int64       `json:"idle_ms"`
	Sent        int64       `json:"sent_bytes"`
	Received    int64       `json:"received_bytes"`
	// IdleUntil is when a session without a stream is dropped.
	IdleUntil *int64 `json:"idle_until_ts,omitempty"`

	Since   time.Time `json:"-"` // Opened, as precisely as it is known
	Subject Subject   `json:"-"`
}

// TopicView is how far a session has got in a topic. A stream of jobs has no
// cursor.
type TopicView struct {
	Topic  string  `json:"topic"`
	Cursor *uint64 `json:"cursor,omitempty"`
	Lag    *uint64 `json:"lag,omitempty"`
}

// Subject is what a session has to do with topics.
type Subject interface {
	// Follows reports whether it has a topic for which asked returns true.
	Follows(asked func(topic string) bool) bool
	// Cursors returns its topics with cursors, sorted by name.
	Cursors() []watch.Cursor
}

// Carry fills in what a flow has counted.
func (v *View) Carry(f *Flow) {
	v.IdleMS, v.Sent, v.Received = f.idle(), f.Sent.Load(), f.Received.Load()
}
