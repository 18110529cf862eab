// Package watch follows topics for one client: which ones, how far it has got
// in each, and what it is told next. It knows nothing of connections: a
// Session pumps into an Output, which writes to one.
//
// There is no queue of what a client has still to get. A session holds a
// cursor for each topic, is told by its Follower which topics have moved, and
// reads from the cursor when the client has taken what came before. A slow
// client therefore gets bigger batches later, costs no memory, and slows
// nobody else. What many sessions read at the same place of the same topic is
// read and rendered once: see Frames.
package watch

import (
	"context"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// Engine is what watching needs of the topics registry.
type Engine interface {
	Follow(f *topics.Follower, name string) (topics.State, error)
	FollowPrefix(f *topics.Follower, prefix string, most int) (present []topics.State, more bool)
	Unfollow(f *topics.Follower, name string)
	UnfollowPrefix(f *topics.Follower, prefix string)
	Leave(f *topics.Follower)
	Read(ctx context.Context, name string, q *topics.Query) (*topics.Batch, error)
	State(name string, touch bool) (topics.State, error)
	Fresh(name string, m topics.Mark) bool
}

// Options are what a session's client wants of each topic. Limit, MaxBytes and
// Heartbeat must be positive and are within bounds already.
type Options struct {
	Nodes     []string      // leave out records whose node is one of these
	Match     *record.Match // only records whose tag matches; nil: all
	Limit     int           // most records in a frame
	MaxBytes  int           // payload bytes in a frame; one record always goes
	Heartbeat time.Duration // how long without an event until Output.Idle
	Meta      bool          // render meta
	Tags      bool          // render tags
	Data      bool          // render data
	Strong    bool          // only what is synced to disk

	joined string // see NodesKey
}

// Start says where in a topic to begin. Tail is at its head, whatever From.
type Start struct {
	From uint64
	Tail bool
}

// Position is where a topic's cursor began, and the topic at that moment.
type Position struct{ From, Head, Earliest uint64 }

// Output is where a session's events go. Its methods are called by the one
// goroutine that runs the session and return the connection's error, which
// ends Run. A cursor counts as moved only when the event that moves it was
// taken without one.
type Output interface {
	// Records takes a frame. The frame and its body are shared by sessions and
	// never change; they may be kept, and must not be written to.
	Records(f *Frame) error
	// Tombstone says what of a topic is lost. connect is true for what was
	// found at the start of Run, or when the topic was added: see Reason.
	Tombstone(topic string, t *topics.Tombstone, connect bool) error
	// CaughtUp says that everything up to head has been sent. It comes after
	// everything that took the cursor to the head, and at the start of Run.
	CaughtUp(topic string, head uint64) error
	// Deleted says that the topic is gone; head was its last seq. If it is made
	// again its records follow, from its first.
	Deleted(topic string, head uint64, reason string) error
	// Failed says that a topic cannot be followed, for now or at all. The other
	// topics go on.
	Failed(topic string, err error) error
	// Idle is called when there was no event for the heartbeat's time.
	Idle() error
}

// Session is the topics that one client follows. Add, Remove, AddPrefix and
// the methods that only report may be called from any goroutine at any time,
// Run by one at a time. Close must be called in the end.
type Session struct {
	frames   *Frames
	options  *Options // apart: lines have it, and may live longer than the session
	max      int
	allowed  func(topic string) bool
	follower *topics.Follower
	wake     chan struct{} // capacity 1: ready has something from outside of Run

	mu       sync.Mutex // guards everything below; never held over a read or an event
	cursors  map[string]*cursor
	prefixes map[string]struct{}
	made     uint64     // how many cursors there have been
	ready    queue      // cursors that may have something to send
	sending  *cursor    // whose turn it is; nil: nobody's
	epoch    uint64     // how many deletions of topics were sent
	past     []deletion // the last of them
	id       document   // the cursors as an id shows them
	running  bool
	closed   bool
}

// NewSession makes a session without topics, which may have maxTopics of them,
// those that come by a prefix included. A prefix delivers only what is allowed;
// names given to Add are the caller's to check.
func NewSession(frames *Frames, o Options, maxTopics int, allowed func(topic string) bool) *Session {
	return &Session{
		frames: frames, options: &o, max: maxTopics, allowed: allowed,
		follower: topics.NewFollower(),
		wake:     make(chan struct{}, 1),
		cursors:  map[string]*cursor{},
		prefixes: map[string]struct{}{},
	}
}
