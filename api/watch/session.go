// Package watch follows topics for one client: it keeps track of the topics, of
// how far the client has got in each, and of the event to send next. It does
// not know about connections: a Session sends events to an Output, which writes
// them to one.
//
// There is no queue of events for a client. A session holds a cursor for each
// topic, learns from its Subscriber which topics have changed, and reads at the
// cursor once the client has taken the previous event. A slow client therefore
// gets larger batches later, costs no memory, and slows down no other client.
// Records that many sessions read at the same cursor of a topic are read and
// rendered once: see Frames.
package watch

import (
	"context"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Engine is the part of the topics registry that this package uses.
type Engine interface {
	NewSubscriber() *follow.Subscriber
	NewRelay() *follow.Subscriber
	Subscribe(s *follow.Subscriber, name string) (topic.State, error)
	SubscribePrefix(s *follow.Subscriber, prefix string, limit int) (present []topic.State, more bool)
	Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error)
	State(name string, touch bool) (topic.State, error)
	Head(name string) (uint64, error)
	Before(ctx context.Context, name string, ts int64) (uint64, error)
	Fresh(name string, m topic.Mark) bool
	CountTopics(prefixes []string) int
}

// Memory is what a session takes from for each topic and prefix that it follows. Its
// methods are called with the session's lock held.
type Memory interface {
	// Take takes the memory for n of them, or returns the error for the client.
	Take(n int) error
	Give(n int)
}

// Options are what a session's client wants of each topic. Limit, MaxBytes and
// Heartbeat must be positive; the caller has checked their bounds.
type Options struct {
	Nodes     []string      // omit records of these nodes
	Match     *record.Match // only records whose tag matches; nil matches all
	Limit     int           // maximum number of records in a frame
	MaxBytes  int           // maximum payload bytes in a frame, which may hold one larger record
	Heartbeat time.Duration // time without an event after which Output.Idle is called
	Meta      bool          // render meta
	Tags      bool          // render tags
	Data      bool          // render data
	Strong    bool          // only records that are synced to disk
	Preview   int           // see render.Fields
	Untouched bool          // see topic.Query
	Portable  bool          // ids mean the same to every session: see Resume

	joined string // see NodesKey
}

// Start is where to begin in a topic: after From, at the head if Tail is
// set, or with the first record at FromTS or later if that is not nil.
type Start struct {
	From   uint64
	Tail   bool
	FromTS *int64 // Unix ms
}

// Position is where a topic's cursor began, and the state of the topic then.
type Position struct{ From, Head, Earliest uint64 }

// Output receives a session's events. Its methods are called by the goroutine
// that runs the session and return the connection's error, which ends Run. A
// cursor has moved only if the event that moves it was taken without an error.
type Output interface {
	// Records takes a frame. The frame is shared with other sessions: it may be
	// retained, but must not be modified. last is true if everything up to f.To, which
	// is the head, has been sent with it; then the Output sends what it sends for
	// CaughtUp with the frame, and CaughtUp is not called.
	Records(f *Frame, last bool) error
	// Tombstone reports records of a topic that are lost. connect is true for the
	// first event of a topic in a Run, or since it was added: see Reason.
	Tombstone(x string, t *topic.Tombstone, connect bool) error
	// CaughtUp reports that everything up to head has been sent. It follows every
	// event that moved the cursor to the head, unless that was a frame, and is called
	// at the start of Run.
	CaughtUp(x string, head uint64) error
	// Deleted reports that the topic was deleted; head was its last seq. If the
	// topic is created again, its records follow from the first.
	Deleted(x string, head uint64, reason string) error
	// Failed reports that a topic cannot be followed, at present or at all. The
	// other topics are not affected.
	Failed(x string, err error) error
	// Idle is called when there was no event for Options.Heartbeat.
	Idle() error
}

// Session is the set of topics that one client follows. Its methods may be
// called from any goroutine, except that only one Run may be active at a time,
// and that Rewind and Close must not be called during Run. Close must be called
// at the end.
type Session struct {
	frames     *Frames
	options    *Options // by pointer, because lines refer to it and may outlive the session
	max        int
	allowed    func(x string) bool
	memory     Memory // nil if it is not bounded
	subscriber *follow.Subscriber
	wake       chan struct{} // capacity 1; receives when a cursor is queued from outside of Run
	waker      func()        // called then, if not nil; guarded by mu

	mu       sync.Mutex // guards the fields below; never held during a read or an event
	made     uint64     // number of cursors made so far
	epoch    uint64     // number of deletions that were sent
	id       document   // the cursors as text
	ready    queue      // cursors that may have something to send
	cursors  map[string]*cursor
	prefixes map[string]struct{}
	taken    int        // topics and prefixes that memory was taken for
	sending  *cursor    // the cursor whose event is being sent, or nil
	past     []deletion // the most recent of the deletions
	running  bool
	closed   bool
}

// NewSession returns a session without topics. It may have maxTopics of them,
// including those that prefixes cover. Of a prefix, only topics for which
// allowed returns true are followed; the caller of Add must check names itself.
func NewSession(frames *Frames, o Options, maxTopics int, allowed func(x string) bool) *Session {
	return &Session{
		frames: frames, options: &o, max: maxTopics, allowed: allowed,
		subscriber: frames.engine.NewSubscriber(),
		wake:       make(chan struct{}, 1),
		cursors:    map[string]*cursor{},
		prefixes:   map[string]struct{}{},
	}
}

// TakeFrom has the session take memory from m before it follows anything. It must be
// called before the first topic is added; Close gives everything back.
func (s *Session) TakeFrom(m Memory) { s.memory = m }

// take takes memory for n more topics or prefixes. s.mu is held.
func (s *Session) take(n int) error {
	if s.memory == nil {
		return nil
	}
	if err := s.memory.Take(n); err != nil {
		return err
	}
	s.taken += n
	return nil
}

// give gives back memory for n topics or prefixes, unless Close has given back
// everything. s.mu is held.
func (s *Session) give(n int) {
	n = min(n, s.taken)
	if n > 0 {
		s.taken -= n
		s.memory.Give(n)
	}
}
