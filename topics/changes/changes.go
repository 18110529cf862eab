package changes

import (
	"slices"
	"time"

	"github.com/e6e95bb8/topics/topics/catalog"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// change is a router that is made, becomes another, or ends.
type change struct {
	at   wal.LSN // it is durable once the log is synced to here
	show func()  // makes readers see it; Catalog.Mu is held
}

// drop is the end of a topic.
type drop struct {
	topic *topic.Topic
	ended func(routers []string) // gets the names of the routers that ended with it
}

// Changes are those of a registry that have their place in the log and are not shown
// yet.
type Changes struct {
	shared  *topic.Shared
	catalog *catalog.Catalog // its lock guards what follows
	routers *router.Table
	line    []change          // of routers, in the order of the log
	drops   map[wal.LSN]*drop // by where they end in the log
}

// New returns the changes of the topics of a catalog and of the routers of a table.
func New(shared *topic.Shared, c *catalog.Catalog, routers *router.Table) *Changes {
	return &Changes{shared: shared, catalog: c, routers: routers, drops: make(map[wal.LSN]*drop)}
}

// AddLocked puts a change of routers that has just got its place in the log at the end
// of the line. The catalog's lock is held as it was for the place: the line has the
// log's order. show makes readers see the change, with that lock held.
func (cs *Changes) AddLocked(at wal.LSN, show func()) {
	cs.line = append(cs.line, change{at, show})
}

// AddDropLocked adds the end of a topic, which calls ended with the names of the
// routers that ended with it. The catalog's lock is held.
func (cs *Changes) AddDropLocked(at wal.LSN, t *topic.Topic, ended func(routers []string)) {
	cs.drops[at] = &drop{t, ended}
}

// showLocked shows the changes of routers up to that position, to which the log is
// synced. The catalog's lock is held.
func (cs *Changes) showLocked(at wal.LSN) {
	for len(cs.line) > 0 && cs.line[0].at <= at {
		next := cs.line[0]
		cs.line = cs.line[1:]
		next.show()
	}
	if len(cs.line) == 0 {
		cs.line = nil
	}
}

// beforeLocked returns positions to wait for, so that all changes up to at are shown:
// those of the ends of topics, and that of the last change of routers. The catalog's
// lock is held.
func (cs *Changes) beforeLocked(at wal.LSN) (places []wal.LSN) {
	for place := range cs.drops {
		if place <= at {
			places = append(places, place)
		}
	}
	for _, c := range slices.Backward(cs.line) {
		if c.at <= at {
			return append(places, c.at)
		}
	}
	return places
}

// Await waits until the change at that position is durable, and shows it
// to readers.
func (cs *Changes) Await(at wal.LSN) error {
	if err := cs.shared.Log.WaitSynced(at); err != nil {
		return topic.LogError(err)
	}
	cs.catalog.Mu.RLock()
	d := cs.drops[at]
	cs.catalog.Mu.RUnlock()
	if d != nil {
		cs.showDrop(d, at)
		return nil
	}
	cs.catalog.Mu.Lock()
	defer cs.catalog.Mu.Unlock()
	cs.showLocked(at)
	return nil
}

// showDrop shows the end of a topic, which is durable, unless another goroutine
// did. It releases the topic's content without the catalog's lock, and only then removes
// the drop: callers that come later find nothing of the topic left.
func (cs *Changes) showDrop(d *drop, at wal.LSN) {
	t := d.topic
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if t.Dropped {
		return
	}
	t.Dropped = true
	cs.catalog.Mu.Lock()
	cs.showLocked(at)
	cs.catalog.UnnameLocked(t)
	routers := cs.routers.Cascade(t, &cs.shared.Counters)
	cs.catalog.Mu.Unlock()
	d.ended(routers)
	t.EmptyLocked()
	cs.catalog.Mu.Lock()
	delete(cs.drops, at)
	cs.catalog.Mu.Unlock()
}

// AwaitBefore waits until the changes whose place is before that
// position are durable and shown.
func (cs *Changes) AwaitBefore(at wal.LSN) error {
	cs.catalog.Mu.RLock()
	places := cs.beforeLocked(at)
	cs.catalog.Mu.RUnlock()
	for _, place := range places {
		if err := cs.Await(place); err != nil {
			return err
		}
	}
	return nil
}

// Finish waits until the change at that position is durable, shows it to
// readers, and returns what that took.
func (cs *Changes) Finish(at wal.LSN) (topic.Cost, error) {
	began := time.Now()
	err := cs.Await(at)
	if err != nil {
		return topic.Cost{}, err
	}
	return topic.Cost{Sync: time.Since(began)}, nil
}

// TryShownBefore reports whether every change whose place is before that position is
// shown. It returns false instead of waiting for a change that may be getting its
// place.
func (cs *Changes) TryShownBefore(at wal.LSN) bool {
	if !cs.catalog.Mu.TryRLock() {
		return false
	}
	defer cs.catalog.Mu.RUnlock()
	return len(cs.beforeLocked(at)) == 0
}
