package topics

import (
	"slices"

	"github.com/e6e95bb8/topics/wal"
)

// # Changes
//
// The end of a topic, the end of a router, and a router that is made or becomes
// another have their place in the log before they are durable. Until they are,
// readers see what was before, what comes after under the same name waits, and
// what ends takes nothing any more. If the log fails first, readers go on seeing
// what was before: the log is read-only then.
//
// Changes of routers are shown in the order of the log. It takes Registry.mu
// only. To show the end of a topic takes that topic's lock, so it is shown by
// whoever waits for it, after the changes of routers before it, and no other
// change waits for it: what has to do with a topic that ends, or with a router
// of it, gets no place before the end is shown.

// change is a router that is made, becomes another, or ends.
type change struct {
	at   wal.LSN // it is durable once the log is synced to here
	show func()  // makes readers see it; Registry.mu is held
}

// drop is the end of a topic.
type drop struct {
	topic *topic
	out   *Removal // gets the names of the routers
}

// addChange puts a change of routers that has just got its place in the log at
// the end of the line. r.mu is held, as it was for the place: the line has the
// log's order.
func (r *Registry) addChange(at wal.LSN, show func()) {
	r.changes = append(r.changes, change{at, show})
}

// awaitChange waits until the change at that position is durable, and shows it
// to readers.
func (r *Registry) awaitChange(at wal.LSN) error {
	if err := r.log.WaitSynced(at); err != nil {
		return logError(err)
	}
	r.mu.RLock()
	d := r.drops[at]
	r.mu.RUnlock()
	if d != nil {
		r.showDrop(d, at)
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.showChanges(at)
	return nil
}

// showChanges shows the changes of routers up to that position, to which the
// log is synced. r.mu is held.
func (r *Registry) showChanges(at wal.LSN) {
	for len(r.changes) > 0 && r.changes[0].at <= at {
		next := r.changes[0]
		r.changes = r.changes[1:]
		next.show()
	}
	if len(r.changes) == 0 {
		r.changes = nil
	}
}

// showDrop shows the end of a topic, which is durable, unless another goroutine
// did. What is in the topic is let go of without r.mu. Only then the end is
// over: who comes later finds nothing of the topic left.
func (r *Registry) showDrop(d *drop, at wal.LSN) {
	t := d.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dropped {
		return
	}
	t.dropped = true
	r.mu.Lock()
	r.showChanges(at)
	r.unname(t)
	d.out.Routers = r.cascade(t)
	r.mu.Unlock()
	r.empty(t)
	r.mu.Lock()
	delete(r.drops, at)
	r.mu.Unlock()
}

// awaitChangesBefore waits until the changes whose place is before that
// position are durable and shown.
func (r *Registry) awaitChangesBefore(at wal.LSN) error {
	for _, place := range r.changesBefore(at) {
		if err := r.awaitChange(place); err != nil {
			return err
		}
	}
	return nil
}

// changesBefore returns positions to wait for: those of the ends of topics, and
// that of the last change of routers.
func (r *Registry) changesBefore(at wal.LSN) (places []wal.LSN) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for place := range r.drops {
		if place <= at {
			places = append(places, place)
		}
	}
	for _, c := range slices.Backward(r.changes) {
		if c.at <= at {
			return append(places, c.at)
		}
	}
	return places
}

// underWayError refuses a request that has to come after a change of the same
// name which is not durable yet.
type underWayError struct{ at wal.LSN }

func (*underWayError) Error() string { return "topics: a change of the same name is under way" }

// refusal returns why the topic takes no change at present, and nil if it does.
// t.mu is held.
func (t *topic) refusal() error {
	if t.ending > 0 {
		return &underWayError{t.ending}
	}
	return t.broken
}
