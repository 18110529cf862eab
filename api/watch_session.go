package api

import (
	"container/list"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
)

// sessionTTL is how long a watch session without a stream is kept.
const sessionTTL = 300 * time.Second

// watchSession is a watch session of a client: its topics, and the stream that
// is open, if any. It belongs to the key that made it.
type watchSession struct {
	*watch.Session
	id      string
	key     *auth.Key
	opened  time.Time
	release func()       // gives back its memory, but not that of its topics; called once, by drop or discard
	flow    session.Flow // of all its streams
	passing bool         // it ends with its stream

	// watches.mu guards what follows.
	remote string        // address of its stream, or of who opened it
	stream *eventStream  // the open one, or the one that waits for it to end
	ended  bool          // it is in the table no more
	idle   *list.Element // its place among those without a stream
	until  time.Time     // when it is dropped, if it stays there
}

// watches is the table of watch sessions.
type watches struct {
	ttl      time.Duration
	patience time.Duration // with the client of a stream that takes nothing

	once   sync.Once
	frames *watch.Frames // set by once

	mu      sync.Mutex // guards what follows
	all     map[string]*watchSession
	passing int         // of all: they are streams in one step, and no sessions for clients
	open    int         // streams; one that is taking over counts beside the other
	idle    list.List   // of *watchSession without a stream, the longest first
	sweep   *time.Timer // fires when the first of idle is due; nil until it is first set
}

func newWatches() watches {
	return watches{ttl: sessionTTL, patience: streamPatience, all: map[string]*watchSession{}}
}

// The sixteenths of the memory for streams that each use of it has; see also
// streamsOpen, and joinedPart of WebSockets.
const (
	framesKept = 1 // that another session will likely want
	framesHeld = 4 // that are being read or sent; then they get smaller
	framesMost = 6 // the same, with those of a large record each
)

// frames is the rendering that all who watch have in common. The server must
// have been given its engine.
func (s *Server) frames() *watch.Frames {
	s.watches.once.Do(func() {
		part := s.opts.Limits.StreamBytes / 16
		s.watches.frames = watch.NewFrames(s.opened(), watch.Bounds{
			Kept: framesKept * part, Held: framesHeld * part, Most: framesMost * part,
		})
		s.watches.frames.Delivered = s.observeDelivery
		s.watches.frames.Grouped = s.followGroup
	})
	return s.watches.frames
}

// newSession makes a session of a call's key that is not in the table yet. What it
// follows takes memory, too.
func (s *Server) newSession(c *call.Call, o watch.Options) (*watchSession, error) {
	release, err := c.TakeFollowing(call.SessionCost)
	if err != nil {
		return nil, err
	}
	session := watch.NewSession(s.frames(), o, s.opts.Limits.MaxWatchTopics, c.Key.Sees)
	session.TakeFrom(c.Followed())
	return &watchSession{Session: session, key: c.Key, remote: c.Request.RemoteAddr, release: release}, nil
}

// discard ends a session that is not in the table.
func (w *watchSession) discard() {
	w.Close()
	w.release()
}

// add puts a session in the table, unless there are too many.
func (t *watches) add(w *watchSession, most int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all)-t.passing >= most {
		return call.CapReached("max_watch_sessions", int64(most), "watch sessions")
	}
	t.enterLocked(w)
	t.restLocked(w)
	return nil
}

// addPassing puts a passing session with its stream in the table. detach must follow.
func (t *watches) addPassing(w *watchSession, st *eventStream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enterLocked(w)
	t.passing++
	w.stream = st
	t.open++
}

// enterLocked gives a session its id and puts it in the table.
func (t *watches) enterLocked(w *watchSession) {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	w.id, w.opened = "wid_"+base64.RawURLEncoding.EncodeToString(raw[:]), time.Now()
	t.all[w.id] = w
}

// restLocked begins a session's time without a stream.
func (t *watches) restLocked(w *watchSession) {
	w.until = time.Now().Add(t.ttl)
	w.idle = t.idle.PushBack(w)
	if t.idle.Len() > 1 {
		return // the timer is set for one before
	}
	if t.sweep == nil {
		t.sweep = time.AfterFunc(t.ttl, t.expire)
	} else {
		t.sweep.Reset(t.ttl)
	}
}

// stop ends the dropping of sessions: their server is at its end, which the timer would
// put off for as long as they are kept.
func (t *watches) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sweep != nil {
		t.sweep.Stop()
	}
}

// expire drops the sessions that are due.
func (t *watches) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for e := t.idle.Front(); e != nil; e = t.idle.Front() {
		w := e.Value.(*watchSession)
		if left := w.until.Sub(now); left > 0 {
			t.sweep.Reset(left)
			return
		}
		t.dropLocked(w)
	}
}

// dropLocked removes a session from the table and ends it. If it has a stream, the
// stream ends it, in detach.
func (t *watches) dropLocked(w *watchSession) {
	delete(t.all, w.id)
	if w.passing {
		t.passing--
	}
	w.ended = true
	w.release()
	if w.idle != nil {
		t.idle.Remove(w.idle)
		w.idle = nil
	}
	if w.stream == nil {
		w.Close()
	}
}

// find returns the session with an id that a key made, or nil.
func (t *watches) find(id string, key *auth.Key) *watchSession {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.all[id]; w != nil && w.key == key {
		return w
	}
	return nil
}

// attach makes a stream the session's. One that is open is told to end, and
// waited for: it does not take longer than a client is given for its last
// words. Each attach that is not refused needs a detach.
func (t *watches) attach(w *watchSession, st *eventStream) error {
	t.mu.Lock()
	if w.ended {
		t.mu.Unlock()
		return session.None()
	}
	before := w.stream
	w.stream = st
	w.remote = st.call.Request.RemoteAddr
	t.open++
	if w.idle != nil {
		t.idle.Remove(w.idle)
		w.idle = nil
	}
	t.mu.Unlock()
	if before != nil {
		before.end(errTakenOver)
		<-before.done
	}
	return nil
}

// detach ends a stream's use of its session.
func (t *watches) detach(w *watchSession, st *eventStream) {
	defer close(st.done)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	if w.stream != st { // the next one waits already
		return
	}
	w.stream = nil
	switch {
	case w.ended:
		w.Close()
	case w.passing:
		t.dropLocked(w)
	default:
		t.restLocked(w)
	}
}

// remove ends the session with an id, if it is of a key that is asked for, and
// its stream with a cause.
func (t *watches) remove(id string, of func(*auth.Key) bool, cause *wire.Error) bool {
	t.mu.Lock()
	w := t.all[id]
	if w == nil || !of(w.key) {
		t.mu.Unlock()
		return false
	}
	st := w.stream
	t.dropLocked(w)
	t.mu.Unlock()
	if st != nil {
		st.end(cause)
	}
	return true
}

// counts are the sessions that exist, without passing ones, and the streams that are
// open.
func (t *watches) counts() (sessions, streams int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.all) - t.passing), int64(t.open)
}
