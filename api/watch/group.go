package watch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/topics/follow"
)

const (
	// groupSize is how many sessions a group has at most. It gets a turn as a session
	// does, so this bounds how long others wait for theirs.
	groupSize = 64
	// groupFrom is the usual GroupFrom: for a few sessions a group costs more than it saves.
	groupFrom = 8
	// groupBody is the largest body of a frame that a group sends. Larger ones rarely
	// fit into the sockets of all its clients. There is always memory for it: see hold.
	groupBody = 2 * smallBatch
)

// Shared is an Output for sessions in groups: what it sends for a frame is the same for
// all sessions with the same id.
type Shared interface {
	Output
	// Render returns what Records sends to sessions whose AppendID appends id, as it goes
	// over the connection. It may be kept, and must not be modified. The Output's own
	// session may have another id meanwhile: topics are added and removed at any time.
	Render(f *Frame, id []byte, last bool) []byte
	// Try sends what the connection takes of p now, without waiting, and returns the rest.
	Try(p []byte, now time.Time) (rest []byte, err error)
	// Finish sends the rest, as Records would.
	Finish(rest []byte) error
}

// Group sends what is new in a topic to sessions that are at the same place of the same
// line, follow nothing else and have everything up to there. It reads and renders once
// for all of them, and does no more for each than to move its cursor and to write: with a
// turn for each session, most of the time goes into fetching what the session consists of
// into the processor's cache.
//
// A group does only what is usual. For everything else it dismisses the sessions that it
// concerns, and they do it in turns of their own: then their cursors are where they are,
// and nothing is lost or sent twice, because a cursor moves only in a turn of its
// session, which the group takes for that.
//
// A session that has nothing to do joins a group, and does not hear of new records any
// more, only of the group's topic being created or deleted. It leaves with the beginning
// of its next turn, whatever that is for, and looks for records then.
type Group struct {
	line       *line
	epoch      uint64 // of the sessions
	subscriber *follow.Subscriber
	ctx        context.Context // done when the group is over
	cancel     context.CancelFunc
	ready      func()         // asks for a turn
	aside      func()         // see Host
	events     []follow.Event // of Turn

	at   atomic.Uint64 // everything up to it was sent to the members; changed under mu
	size atomic.Int32  // number of members; changed under mu

	mu      sync.Mutex // guards what follows, and Turns.group of the members; comes before Session.mu
	members []*Turns
	over    bool
}

// join adds a session that is at rest to a group, if it is one for it. It is called at the
// end of a turn.
func (t *Turns) join() {
	s := t.run.Session
	if s.frames.Grouped == nil || t.out == nil {
		return
	}
	s.mu.Lock()
	c := s.soleLocked()
	var l *line
	var p meeting
	if c != nil && c.drained {
		l, p = c.line, meeting{c.at, s.epoch}
		t.sole, t.made = c, s.made
	}
	s.mu.Unlock()
	if l == nil || int(l.refs.Load()) < s.frames.GroupFrom || l.apart.Load() {
		return
	}
	l.join(t, p)
}

// meeting is what sessions of a group have in common.
type meeting struct {
	at    uint64 // where the cursor is
	epoch uint64 // of the session
}

// soleLocked returns the cursor of a session that follows one topic and has nothing to
// report of it but its records, if there are any. Otherwise it returns nil. s.mu is held.
func (s *Session) soleLocked() *cursor {
	if len(s.cursors) != 1 || len(s.prefixes) > 0 {
		return nil
	}
	for _, c := range s.cursors {
		if s.onlyRecordsLocked(c) {
			return c
		}
	}
	return nil
}

// onlyRecordsLocked reports whether there is nothing to report of a topic but its records,
// and no topic waits for that. s.mu is held.
func (s *Session) onlyRecordsLocked(c *cursor) bool {
	return s.ready.empty() && !c.removed && !c.deleted && !c.gone && !c.failing && !c.connect
}

// join adds a session to one of the line's groups, or to a new one. If a group with room
// is at another place it does neither: that group is about to be at this place, and a
// session that was faster than it needs no group of its own.
func (l *line) join(t *Turns, p meeting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := false
	for _, g := range l.groups {
		if g.epoch != p.epoch || g.size.Load() >= groupSize {
			continue
		}
		room = true
		if g.at.Load() == p.at && g.add(t, p.at) {
			return
		}
	}
	if room {
		return
	}
	g := l.newGroup(p)
	if g == nil {
		return
	}
	l.groups = append(l.groups, g)
	g.add(t, p.at)
}

// newGroup returns a group without members, or nil if the topic or the line is gone.
func (l *line) newGroup(p meeting) *Group {
	f := l.frames
	same := f.acquire(l.key.topic, l.options)
	if same != l {
		f.release(same)
		return nil
	}
	g := &Group{line: l, epoch: p.epoch, subscriber: f.engine.NewRelay()}
	g.at.Store(p.at)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.ready, g.aside = f.Grouped(g)
	g.subscriber.Wake(g.ready)
	if _, err := f.engine.Subscribe(g.subscriber, l.key.topic); err != nil {
		g.free()
		return nil
	}
	return g
}

// free gives back what the group has.
func (g *Group) free() {
	g.cancel()
	g.subscriber.Wake(nil)
	g.subscriber.Close()
	g.line.frames.release(g.line)
}

// add adds a session whose cursor is at a seq, unless the group is not there. A group
// without members gets a turn: the one before may have passed over a record for want of
// them, of which the session does not hear any more.
func (g *Group) add(t *Turns, at uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over || g.at.Load() != at || len(g.members) >= groupSize {
		return false
	}
	g.keepLocked(append(g.members, t))
	t.group.Store(g)
	t.run.subscriber.Quiet(true)
	if len(g.members) == 1 {
		g.ready()
	}
	return true
}

// leave has a session leave its group, if it is in one, at the beginning of a turn.
func (t *Turns) leave() {
	g := t.group.Load()
	if g == nil {
		return
	}
	g.mu.Lock()
	for i, m := range g.members {
		if m == t {
			last := len(g.members) - 1
			g.members[i], g.members[last] = g.members[last], nil
			g.keepLocked(g.members[:last])
			g.forgetLocked(t)
			break
		}
	}
	g.mu.Unlock()
	s := t.run.Session
	s.mu.Lock()
	s.ready.push(t.sole)
	s.mu.Unlock()
	g.end()
}

// forgetLocked ends what the group is for a session, which must then look for records.
// The caller removes it from the members. g.mu is held.
func (g *Group) forgetLocked(t *Turns) {
	t.group.Store(nil)
	t.run.subscriber.Quiet(false)
}

// keepLocked makes members all that are left. g.mu is held.
func (g *Group) keepLocked(members []*Turns) {
	g.members = members
	g.size.Store(int32(len(members)))
}

// dismissLocked forgets a session and has it look for records in a turn of its own, or
// send the rest of an event, also of a topic that was removed. g.mu is held.
func (g *Group) dismissLocked(t *Turns) {
	g.forgetLocked(t)
	s := t.run.Session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.push(t.sole)
}

// Disband dismisses all sessions.
func (g *Group) Disband() {
	g.mu.Lock()
	for _, t := range g.members {
		g.dismissLocked(t)
	}
	clear(g.members)
	g.keepLocked(g.members[:0])
	g.mu.Unlock()
	g.end()
}

// end ends the group if it has no members.
func (g *Group) end() {
	if g.size.Load() > 0 {
		return
	}
	l := g.line
	l.mu.Lock()
	g.mu.Lock()
	ends := len(g.members) == 0 && !g.over
	if ends {
		g.over = true
		for i := range l.groups {
			if l.groups[i] == g {
				last := len(l.groups) - 1
				l.groups[i], l.groups[last] = l.groups[last], nil
				l.groups = l.groups[:last]
				break
			}
		}
	}
	g.mu.Unlock()
	l.mu.Unlock()
	if ends {
		g.free()
	}
}

// Turn sends one frame, if there is one; more reports whether there may be more. Turns must
// not overlap.
func (g *Group) Turn() (more bool) {
	g.events = g.subscriber.Take(g.events[:0])
	for i := range g.events {
		if g.events[i].Created || g.events[i].Deleted {
			g.Disband()
			return false
		}
	}
	if g.size.Load() == 0 {
		return false
	}
	at := g.at.Load()
	read, err := g.line.next(g.ctx, at, g.aside)
	switch {
	case err == nil && read.frame == nil && read.tombstone == nil && read.next == at:
		return false
	case err != nil || !read.plain():
		g.Disband()
		return false
	}
	last := read.frame.To >= read.head // what comes later asks for another turn
	g.deliver(read.frame, read.topic, last)
	g.end()
	return !last
}

// plain reports whether a group can send what was read.
func (r *reading) plain() bool {
	return r.tombstone == nil && r.frame != nil && r.next == r.frame.To && len(r.frame.Body) <= groupBody
}
