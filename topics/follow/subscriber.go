package follow

import (
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/lockorder"
)

// Subscriber collects the events of the topics that it is subscribed to. One
// consumer waits for Ready and calls Take; subscriptions may be changed from any
// goroutine. It holds at most one event for each topic.
type Subscriber struct {
	hub   *Hub
	ready chan struct{}
	waker atomic.Pointer[func()] // see Wake
	quiet atomic.Bool            // see Quiet
	relay bool                   // see NewRelay

	// Hub.notifying guards these.
	closed          bool
	names, prefixes map[string]struct{}

	mu          lockorder.Mutex[lockorder.Last] // guards everything below
	subscribing int                             // calls of Subscribe under way; until they end Take returns nothing
	pending     []pending
	at          map[string]int // position of a topic in pending; empty while there are few: see findLocked
	newest      uint64         // highest id of a topic that the consumer may know
	overflowed  bool           // an event was dropped: the next Take lists all topics
}

// Event is what has happened to a topic since the last Take. If neither Created
// nor Deleted is set, its records have changed. If only Deleted is set, the topic
// is gone; it may have been created in between. If both are set, it was deleted,
// created again, and exists.
type Event struct {
	Topic   string
	Created bool
	Deleted bool
	Head    uint64 // of the deleted topic
}

// pending is an event that was not taken yet.
type pending struct {
	Event
	id uint64 // of the topic that was created or deleted last; 0 if none was
}

// fewEvents is how many events are searched one by one: nearly all subscribers have one
// topic, or one at a time, and a map costs more than the rest of an event.
const fewEvents = 8

// keptEvents is the capacity for events that an idle subscriber keeps.
const keptEvents = 64

// maxEvents bounds the events that a subscriber holds, in addition to those of
// topics that it is subscribed to by name: topics of a prefix come and go without
// end.
const maxEvents = 1024

// NewSubscriber returns a subscriber without subscriptions. Close releases it.
func (h *Hub) NewSubscriber() *Subscriber {
	return &Subscriber{
		hub: h, ready: make(chan struct{}, 1),
		names: map[string]struct{}{}, prefixes: map[string]struct{}{},
	}
}

// NewRelay returns a subscriber that hears of changes for others, which are quiet: it is
// not counted among the subscriptions. It must not subscribe to prefixes.
func (h *Hub) NewRelay() *Subscriber {
	s := h.NewSubscriber()
	s.relay = true
	return s
}

// Ready receives a value when there may be something to Take, unless Wake has set a
// function for that. Its capacity is 1.
func (s *Subscriber) Ready() <-chan struct{} { return s.ready }

// Wake makes the subscriber call f whenever there may be something to Take, instead of
// sending to Ready; nil ends that. Of what happened before the change f, or Ready, may
// hear nothing. f must not take a lock that is held while the subscriber is used.
func (s *Subscriber) Wake(f func()) {
	if f == nil {
		s.waker.Store(nil)
		return
	}
	s.waker.Store(&f)
}

// Quiet makes the subscriber hear only that topics are created and deleted, until
// Quiet(false). The consumer must look at its topics then: it hears nothing of what has
// changed in between. It may hear of that by a relay.
func (s *Subscriber) Quiet(quiet bool) { s.quiet.Store(quiet) }

// Take appends the events since the last Take to into and returns the result:
// one for each topic, in the order of delivery. If there were too many to hold,
// the topics that exist and have no event are appended as Created.
func (s *Subscriber) Take(into []Event) []Event {
	into, overflowed := s.take(into)
	if overflowed {
		into = s.appendVisible(into)
	}
	return into
}

func (s *Subscriber) take(into []Event) (events []Event, overflowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscribing > 0 {
		return into, false
	}
	for i := range s.pending {
		into = append(into, s.pending[i].Event)
	}
	if cap(s.pending) > keptEvents {
		s.pending, s.at = nil, nil
	} else {
		clear(s.pending)
		s.pending = s.pending[:0]
		clear(s.at)
	}
	overflowed = s.overflowed
	s.overflowed = false
	return into, overflowed
}

// appendVisible appends the topics that exist and begin with one of the
// prefixes, as Created, except those that into has already.
func (s *Subscriber) appendVisible(into []Event) []Event {
	has := make(map[string]bool, len(into))
	for i := range into {
		has[into[i].Topic] = true
	}
	for _, prefix := range s.subscribedPrefixes() {
		newest := uint64(0)
		s.hub.visible(prefix, func(name string, id uint64) {
			if has[name] {
				return
			}
			has[name] = true
			into = append(into, Event{Topic: name, Created: true})
			if id > newest {
				newest = id
				s.learn(id) // before the topic can be deleted
			}
		})
	}
	return into
}

func (s *Subscriber) subscribedPrefixes() []string {
	s.hub.notifying.Lock()
	defer s.hub.notifying.Unlock()
	prefixes := make([]string, 0, len(s.prefixes))
	for prefix := range s.prefixes {
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

// learn notes that the consumer knows topics with ids up to id.
func (s *Subscriber) learn(id uint64) {
	s.mu.Lock()
	s.newest = max(s.newest, id)
	s.mu.Unlock()
}

// dropsLocked reports whether there is no room for an event of a topic that has none
// yet. There always is for a topic that is subscribed to by name, and for the
// deletion of a topic that the consumer may know. s.mu and Hub.notifying are held.
func (s *Subscriber) dropsLocked(name string, e *Lifecycle) bool {
	if _, named := s.names[name]; named || len(s.pending) < maxEvents {
		return false
	}
	return e == nil || !e.Deleted || s.subscribing == 0 && e.ID > s.newest
}

// notifyLocked adds that a topic has changed, or a lifecycle event. Hub.notifying is
// held.
func (s *Subscriber) notifyLocked(name string, e *Lifecycle) {
	if e == nil && s.quiet.Load() {
		return
	}
	s.mu.Lock()
	s.addLocked(name, e)
	s.mu.Unlock()
	s.signal()
}

func (s *Subscriber) addLocked(name string, e *Lifecycle) {
	i := s.findLocked(name)
	if i < 0 {
		if s.dropsLocked(name, e) {
			s.overflowed = true
			return
		}
		i = len(s.pending)
		s.pending = append(s.pending, pending{Event: Event{Topic: name}})
		s.placeLocked(i)
	}
	if e == nil {
		return
	}
	p := &s.pending[i]
	p.id, p.Created = e.ID, !e.Deleted
	s.newest = max(s.newest, e.ID)
	if e.Deleted {
		p.Deleted, p.Head = true, e.Head
	}
}

// findLocked returns the position of a topic in pending, or -1. s.mu is held.
func (s *Subscriber) findLocked(name string) int {
	if len(s.pending) > fewEvents {
		if i, known := s.at[name]; known {
			return i
		}
		return -1
	}
	for i := range s.pending {
		if s.pending[i].Topic == name {
			return i
		}
	}
	return -1
}

// placeLocked notes where the topics of pending from first on are, and of those before it
// if that is not known yet. s.mu is held.
func (s *Subscriber) placeLocked(first int) {
	if len(s.pending) <= fewEvents {
		return
	}
	if s.at == nil {
		s.at = make(map[string]int, 2*fewEvents)
	}
	if len(s.at) == 0 {
		first = 0
	}
	for i := first; i < len(s.pending); i++ {
		s.at[s.pending[i].Topic] = i
	}
}

func (s *Subscriber) signal() {
	if wake := s.waker.Load(); wake != nil {
		(*wake)()
		return
	}
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// begin holds back events until end is called.
func (s *Subscriber) begin() {
	s.mu.Lock()
	s.subscribing++
	s.mu.Unlock()
}

func (s *Subscriber) end() {
	s.mu.Lock()
	s.subscribing--
	ready := s.subscribing == 0 && (len(s.pending) > 0 || s.overflowed)
	s.mu.Unlock()
	if ready {
		s.signal()
	}
}
