// Package follow notifies subscribers of the topics that have changed.
//
// A subscriber asks for topics by name or by prefix. It is not sent records: it
// learns that a topic has changed, and reads on from where it was. So a slow
// subscriber holds one event per topic, however much is written meanwhile, and
// slows nothing down.
//
// # Locks
//
// Hub.notifying comes before Hub.mu, Hub.lifecycle and Subscriber.mu, of which
// none is held when another is taken. A topic's lock and the registry's come
// before all of them except notifying, which is never waited for with one held.
package follow

import (
	"slices"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/lockorder"
)

// Hub holds the subscriptions of all subscribers.
//
// A writer only asks whether its topic is wanted, and records that a topic was
// created or deleted. It does so with the topic's lock held, and never waits for
// subscribers. Notify, which does the work, is called without any lock.
type Hub struct {
	visible func(prefix string, f func(name string, id uint64))
	active  atomic.Bool // there are subscriptions

	lifecycle struct {
		lockorder.Mutex[lockorder.Last]
		events []Lifecycle // not delivered yet, in order
	}

	// notifying is held while subscribers are notified, so that events reach
	// them in order. It also guards the fields of subscribers that say what
	// they are subscribed to.
	notifying lockorder.Mutex[lockorder.Notify]

	// The keys of the maps are changed with notifying and mu held, the sets of
	// subscribers with notifying held.
	mu              lockorder.RWMutex[lockorder.Last]
	names, prefixes map[string]subscribers
	lengths         []prefixLength // of prefixes, ascending
	relays          map[string]int // how many subscribers of a name are relays; guarded as names is
}

type subscribers map[*Subscriber]struct{}

// prefixLength is a length in bytes, and how many prefixes have it.
type prefixLength struct{ bytes, prefixes int }

// Lifecycle is the creation or the deletion of a topic.
type Lifecycle struct {
	Topic   string
	ID      uint64
	Deleted bool
	Head    uint64 // of a deleted topic
}

// NewHub returns a hub without subscriptions. visible must call f with each
// topic that exists and whose name begins with prefix; none of them may be
// deleted before it returns. f takes only locks of subscribers.
func NewHub(visible func(prefix string, f func(name string, id uint64))) *Hub {
	return &Hub{visible: visible}
}

// Empty reports whether there are no subscriptions.
func (h *Hub) Empty() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.names)+len(h.prefixes)+len(h.lengths) == 0 && !h.active.Load()
}

// Wants reports whether any subscription covers the topic.
func (h *Hub) Wants(name string) bool {
	if !h.active.Load() {
		return false
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.names[name] != nil {
		return true
	}
	for _, l := range h.lengths {
		if l.bytes > len(name) {
			break
		}
		if h.prefixes[name[:l.bytes]] != nil {
			return true
		}
	}
	return false
}

// Covering returns the number of subscriptions that cover the topic: those of its
// name, and those of prefixes, but not those of relays.
func (h *Hub) Covering(name string) int {
	if !h.active.Load() {
		return 0
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	n := len(h.names[name]) - h.relays[name]
	for _, l := range h.lengths {
		if l.bytes > len(name) {
			break
		}
		n += len(h.prefixes[name[:l.bytes]])
	}
	return n
}

// Record records a lifecycle event, which the next Notify or Flush delivers. The
// calls must be in the order of the events.
func (h *Hub) Record(e Lifecycle) {
	h.lifecycle.Lock()
	h.lifecycle.events = append(h.lifecycle.events, e)
	h.lifecycle.Unlock()
}

// Notify delivers the recorded lifecycle events, and then tells the subscribers
// of the topic that it has changed, if it is visible by then. A deleted topic
// must become invisible before its deletion is recorded, so that no change
// follows it.
func (h *Hub) Notify(name string, visible func() bool) {
	h.notifying.Lock()
	defer h.notifying.Unlock()
	h.flushLocked()
	if visible() {
		h.notifyLocked(name, nil)
	}
}

// Flush delivers the recorded lifecycle events.
func (h *Hub) Flush() {
	h.notifying.Lock()
	defer h.notifying.Unlock()
	h.flushLocked()
}

func (h *Hub) flushLocked() {
	h.lifecycle.Lock()
	events := h.lifecycle.events
	h.lifecycle.events = nil
	h.lifecycle.Unlock()
	for i := range events {
		h.notifyLocked(events[i].Topic, &events[i])
	}
}

// notifyLocked notifies all subscribers of a topic that it has changed, or of
// a lifecycle event.
func (h *Hub) notifyLocked(name string, e *Lifecycle) {
	for s := range h.names[name] {
		s.notifyLocked(name, e)
	}
	for _, l := range h.lengths {
		if l.bytes > len(name) {
			break
		}
		for s := range h.prefixes[name[:l.bytes]] {
			s.notifyLocked(name, e)
		}
	}
}

// subscribe changes subscriptions.
func (h *Hub) subscribe(change func()) {
	h.notifying.Lock()
	defer h.notifying.Unlock()
	h.changeLocked(change)
}

// unsubscribe changes subscriptions of s, and removes its events for topics that
// it is no longer subscribed to.
func (h *Hub) unsubscribe(s *Subscriber, change func()) {
	h.notifying.Lock()
	defer h.notifying.Unlock()
	h.changeLocked(change)
	s.discardUncoveredLocked()
}

// changeLocked calls change with notifying and mu held. Recorded lifecycle
// events are delivered first: they are for those who were subscribed at the time. A
// later subscriber could get a creation without its deletion, which was
// recorded only if the topic was wanted.
func (h *Hub) changeLocked(change func()) {
	h.flushLocked()
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	h.active.Store(len(h.names)+len(h.prefixes) > 0)
}

// addName subscribes s to a name. added is false if it was already; covered is
// true if it was already, by name or by prefix; ok is false if s is closed.
func (h *Hub) addName(s *Subscriber, name string) (added, covered, ok bool) {
	h.subscribe(func() {
		ok = !s.closed
		if !ok {
			return
		}
		covered = s.coversLocked(name, nil)
		if _, had := s.names[name]; had {
			return
		}
		added = true
		s.names[name] = struct{}{}
		if h.names == nil {
			h.names = map[string]subscribers{}
		}
		if h.names[name] == nil {
			h.names[name] = subscribers{}
		}
		h.names[name][s] = struct{}{}
		if s.relay {
			h.countRelayLocked(name, 1)
		}
	})
	return added, covered, ok
}

// addPrefix subscribes s to a prefix. added is false if it was already; ok is
// false if s is closed.
func (h *Hub) addPrefix(s *Subscriber, prefix string) (added, ok bool) {
	h.subscribe(func() {
		ok = !s.closed
		if !ok {
			return
		}
		if _, had := s.prefixes[prefix]; had {
			return
		}
		added = true
		s.prefixes[prefix] = struct{}{}
		if h.prefixes == nil {
			h.prefixes = map[string]subscribers{}
		}
		if h.prefixes[prefix] == nil {
			h.prefixes[prefix] = subscribers{}
			h.countLength(len(prefix), 1)
		}
		h.prefixes[prefix][s] = struct{}{}
	})
	return added, ok
}

// countLength adds n to the number of prefixes of a length.
func (h *Hub) countLength(bytes, n int) {
	i, found := slices.BinarySearchFunc(h.lengths, bytes, func(l prefixLength, bytes int) int { return l.bytes - bytes })
	if !found {
		h.lengths = slices.Insert(h.lengths, i, prefixLength{bytes: bytes})
	}
	h.lengths[i].prefixes += n
	if h.lengths[i].prefixes == 0 {
		h.lengths = slices.Delete(h.lengths, i, i+1)
	}
}

// removeNameLocked ends the subscription of s to a name. Both locks are held.
func (h *Hub) removeNameLocked(s *Subscriber, name string) {
	if _, had := s.names[name]; had && s.relay {
		h.countRelayLocked(name, -1)
	}
	delete(s.names, name)
	delete(h.names[name], s)
	if len(h.names[name]) == 0 {
		delete(h.names, name)
	}
}

// countRelayLocked adds n to the number of relays of a name. Both locks are held.
func (h *Hub) countRelayLocked(name string, n int) {
	if h.relays == nil {
		h.relays = map[string]int{}
	}
	h.relays[name] += n
	if h.relays[name] == 0 {
		delete(h.relays, name)
	}
}

// removePrefixLocked ends the subscription of s to a prefix. Both locks are held.
func (h *Hub) removePrefixLocked(s *Subscriber, prefix string) {
	if _, had := s.prefixes[prefix]; !had {
		return
	}
	delete(s.prefixes, prefix)
	delete(h.prefixes[prefix], s)
	if len(h.prefixes[prefix]) == 0 {
		delete(h.prefixes, prefix)
		h.countLength(len(prefix), -1)
	}
}

// covers is Subscriber.coversLocked for callers that do not hold notifying.
func (h *Hub) covers(s *Subscriber, name string, except *string) bool {
	h.notifying.Lock()
	defer h.notifying.Unlock()
	return s.coversLocked(name, except)
}
