package topics

import (
	"slices"
	"strings"
	"sync"

	"github.com/e6e95bb8/topics/topics/record"
)

// Follower is told which topics have moved. It is one consumer's: who is woken
// by Moved and Takes. Topics are added and removed from anywhere. However much
// is written meanwhile, it holds each topic once.
type Follower struct {
	moved chan struct{}

	// What it follows; following.telling guards it.
	left            bool
	names, prefixes map[string]struct{}

	mu      sync.Mutex // guards everything below; nothing is taken behind it
	joining int        // Follows under way: until they end there is nothing to Take
	pending []movement
	at      map[string]int // where in pending a topic is
	newest  uint64         // id of the newest topic that it was told was made
	missed  *Registry      // not nil: where to look for what there was no room for
}

// Movement is what has become of a topic since the last Take. With neither
// Created nor Deleted, records came, went or were lost. Deleted: it was
// deleted; with Created, too, it was made again after that, and is there. A
// topic that was made and deleted in between is Deleted.
type Movement struct {
	Topic   string
	Created bool
	Deleted bool
	Head    uint64 // of the deleted one
}

// movement also knows the topic that was made or deleted last.
type movement struct {
	Movement
	id uint64 // 0: none was
}

// NewFollower returns a follower of nothing. Leave must be called in the end.
func NewFollower() *Follower {
	return &Follower{
		moved: make(chan struct{}, 1),
		names: map[string]struct{}{}, prefixes: map[string]struct{}{}, at: map[string]int{},
	}
}

// Moved has a value when there may be something to Take. Its capacity is 1.
func (f *Follower) Moved() <-chan struct{} { return f.moved }

// keptMovements is how much room for movements a follower keeps while it has
// none.
const keptMovements = 64

// maxMovements is how many movements a follower holds, besides those of topics
// that are followed by their name: topics of a prefix come and go without end.
const maxMovements = 1024

// Take appends what has moved since the last Take: each topic once, in the
// order of delivery, and none that is not followed any more. If that were too
// many to hold, the rest is every other topic that is there, as Created.
func (f *Follower) Take(into []Movement) []Movement {
	into, registry := f.take(into)
	if registry != nil {
		into = registry.present(f, into)
	}
	return into
}

func (f *Follower) take(into []Movement) ([]Movement, *Registry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.joining > 0 {
		return into, nil
	}
	for i := range f.pending {
		into = append(into, f.pending[i].Movement)
	}
	if cap(f.pending) > keptMovements {
		f.pending, f.at = nil, map[string]int{}
	} else {
		clear(f.pending)
		f.pending = f.pending[:0]
		clear(f.at)
	}
	registry := f.missed
	f.missed = nil
	return into, registry
}

// misses says that there is no room for what has become of a topic. What is
// told of one by its name has room, and so has the end of one that the consumer
// may know. f.mu is held, and following.telling.
func (f *Follower) misses(name string, b *birth) bool {
	if _, named := f.names[name]; named || len(f.pending) < maxMovements {
		return false
	}
	return b == nil || !b.deleted || f.joining == 0 && b.id > f.newest
}

// tell notes that a topic of r has moved, and, if it has, that it was made or
// deleted.
func (f *Follower) tell(r *Registry, name string, b *birth) {
	f.mu.Lock()
	i, known := f.at[name]
	if !known && f.misses(name, b) {
		f.missed = r
		f.mu.Unlock()
		f.signal()
		return
	}
	if !known {
		i = len(f.pending)
		f.at[name] = i
		f.pending = append(f.pending, movement{Movement: Movement{Topic: name}})
	}
	if b != nil {
		m := &f.pending[i]
		m.id, m.Created = b.id, !b.deleted
		f.newest = max(f.newest, b.id)
		if b.deleted {
			m.Deleted, m.Head = true, b.head
		}
	}
	f.mu.Unlock()
	f.signal()
}

func (f *Follower) signal() {
	select {
	case f.moved <- struct{}{}:
	default:
	}
}

// join begins a Follow, and joined ends it.
func (f *Follower) join() {
	f.mu.Lock()
	f.joining++
	f.mu.Unlock()
}

func (f *Follower) joined() {
	f.mu.Lock()
	f.joining--
	any := f.joining == 0 && (len(f.pending) > 0 || f.missed != nil)
	f.mu.Unlock()
	if any {
		f.signal()
	}
}

// keep forgets movements of topics that are not followed any more: what they
// tell of would be out of date when they are followed again. following.telling
// is held.
func (f *Follower) keep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = slices.DeleteFunc(f.pending, func(m movement) bool { return !f.covers(m.Topic, nil) })
	clear(f.at)
	for i := range f.pending {
		f.at[f.pending[i].Topic] = i
	}
}

// covers reports whether the topic of that name is followed by its name, or by a
// prefix other than but. following.telling is held.
func (f *Follower) covers(name string, but *string) bool {
	if _, ok := f.names[name]; ok {
		return true
	}
	for p := range f.prefixes {
		if (but == nil || p != *but) && strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// settle forgets what was told of a name before the topic of that id, which
// the follower now learns of by other means, was made.
func (f *Follower) settle(name string, id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, ok := f.at[name]
	if !ok {
		return
	}
	if m := &f.pending[i]; m.id < id || m.id == id && m.Created {
		*m = movement{Movement: Movement{Topic: name}}
	}
}

// Follow adds the topic of that name, which must be there, and reports it:
// every change after that state will be told. It is followed by its name: when
// it is deleted and made again it goes on.
func (r *Registry) Follow(f *Follower, name string) (State, error) {
	f.join()
	defer f.joined()
	added, covered, ok := r.following.add(f, name)
	if !ok {
		return State{}, errLeft()
	}
	state, id, err := r.identify(name)
	if err != nil {
		if added {
			r.Unfollow(f, name)
		}
		return State{}, err
	}
	if !covered {
		r.tellBirths()
		f.settle(name, id)
	}
	return state, nil
}

// FollowPrefix adds the topics with names that begin so, those that will be
// made included, of which the follower is told as Created. It reports at most
// so many of those that are there, sorted by name, and whether there are more;
// all of them are followed.
func (r *Registry) FollowPrefix(f *Follower, prefix string, most int) (present []State, more bool) {
	f.join()
	defer f.joined()
	added, ok := r.following.addPrefix(f, prefix)
	if !ok {
		return nil, false
	}
	present, ids, more := r.list(prefix, "", most)
	f.knows(ids)
	if !added {
		return present, more
	}
	r.tellBirths()
	for i := range present {
		if !r.following.covers(f, present[i].Name, &prefix) {
			f.settle(present[i].Name, ids[i])
		}
	}
	return present, more
}

// Unfollow ends that the topic is followed by its name.
func (r *Registry) Unfollow(f *Follower, name string) {
	r.following.end(f, func() { r.following.remove(f, name) })
}

// UnfollowPrefix ends a FollowPrefix.
func (r *Registry) UnfollowPrefix(f *Follower, prefix string) {
	r.following.end(f, func() { r.following.removePrefix(f, prefix) })
}

// Leave ends all that f follows, for good.
func (r *Registry) Leave(f *Follower) {
	r.following.end(f, func() {
		f.left = true
		for name := range f.names {
			r.following.remove(f, name)
		}
		for prefix := range f.prefixes {
			r.following.removePrefix(f, prefix)
		}
	})
}

func errLeft() *record.Error {
	return &record.Error{Kind: record.KindClosed, Message: "the follower has left"}
}

// identify reports a topic and its id.
func (r *Registry) identify(name string) (State, uint64, error) {
	t, err := r.open(name)
	if err != nil {
		return State{}, 0, err
	}
	defer t.mu.RUnlock()
	return t.stateLocked(r.now()), t.id, nil
}
