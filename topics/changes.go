package topics

import (
	"slices"
	"time"

	"github.com/e6e95bb8/topics/topics/topic"
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
// Changes of routers are shown in the order of the log. It takes Catalog.Mu
// only. To show the end of a topic takes that topic's lock, so the
// goroutine that waits for it shows it, after the changes of routers before it, and no
// other change waits for it: what has to do with a topic that ends, or with a router
// of it, gets no place before the end is shown.

// change is a router that is made, becomes another, or ends.
type change struct {
	at   wal.LSN // it is durable once the log is synced to here
	show func()  // makes readers see it; Catalog.Mu is held
}

// drop is the end of a topic.
type drop struct {
	topic *topic.Topic
	out   *Removal // gets the names of the routers
}

// changes are those that have their place in the log and are not shown yet.
// Catalog.Mu guards them.
type changes struct {
	routers []change          // in the order of the log
	drops   map[wal.LSN]*drop // by where they end in the log
}

// add puts a change of routers that has just got its place in the log at the end
// of the line. The lock is held as it was for the place: the line has the log's
// order.
func (s *changes) add(at wal.LSN, show func()) {
	s.routers = append(s.routers, change{at, show})
}

// addDrop adds the end of a topic.
func (s *changes) addDrop(at wal.LSN, d *drop) {
	if s.drops == nil {
		s.drops = make(map[wal.LSN]*drop)
	}
	s.drops[at] = d
}

// show shows the changes of routers up to that position, to which the log is
// synced.
func (s *changes) show(at wal.LSN) {
	for len(s.routers) > 0 && s.routers[0].at <= at {
		next := s.routers[0]
		s.routers = s.routers[1:]
		next.show()
	}
	if len(s.routers) == 0 {
		s.routers = nil
	}
}

// before returns positions to wait for, so that all changes up to at are shown:
// those of the ends of topics, and that of the last change of routers.
func (s *changes) before(at wal.LSN) (places []wal.LSN) {
	for place := range s.drops {
		if place <= at {
			places = append(places, place)
		}
	}
	for _, c := range slices.Backward(s.routers) {
		if c.at <= at {
			return append(places, c.at)
		}
	}
	return places
}

// awaitChange waits until the change at that position is durable, and shows it
// to readers.
func (r *Registry) awaitChange(at wal.LSN) error {
	if err := r.shared.Log.WaitSynced(at); err != nil {
		return topic.LogError(err)
	}
	r.catalog.Mu.RLock()
	d := r.changes.drops[at]
	r.catalog.Mu.RUnlock()
	if d != nil {
		r.showDrop(d, at)
		return nil
	}
	r.catalog.Mu.Lock()
	defer r.catalog.Mu.Unlock()
	r.changes.show(at)
	return nil
}

// showDrop shows the end of a topic, which is durable, unless another goroutine
// did. It releases the topic's content without r.catalog.Mu, and only then removes the drop:
// callers that come later find nothing of the topic left.
func (r *Registry) showDrop(d *drop, at wal.LSN) {
	t := d.topic
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if t.Dropped {
		return
	}
	t.Dropped = true
	r.catalog.Mu.Lock()
	r.changes.show(at)
	r.catalog.UnnameLocked(t)
	d.out.Routers = r.routers.Cascade(t, &r.shared.Counters)
	r.catalog.Mu.Unlock()
	t.EmptyLocked()
	r.catalog.Mu.Lock()
	delete(r.changes.drops, at)
	r.catalog.Mu.Unlock()
}

// awaitChangesBefore waits until the changes whose place is before that
// position are durable and shown.
func (r *Registry) awaitChangesBefore(at wal.LSN) error {
	r.catalog.Mu.RLock()
	places := r.changes.before(at)
	r.catalog.Mu.RUnlock()
	for _, place := range places {
		if err := r.awaitChange(place); err != nil {
			return err
		}
	}
	return nil
}

// finishChange waits until the change at that position is durable, shows it to
// readers, and returns what that took.
func (r *Registry) finishChange(at wal.LSN) (topic.Cost, error) {
	began := time.Now()
	err := r.awaitChange(at)
	if err != nil {
		return topic.Cost{}, err
	}
	return topic.Cost{Sync: time.Since(began)}, nil
}
