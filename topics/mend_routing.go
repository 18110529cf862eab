package topics

import (
	"context"
	"errors"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Refer tells the Mender how to read frames of the damaged log.
func (m *Mender) Refer(reader func() *wal.Reader) { m.r.Refer(reader) }

// router brings a router back, and the topics that came with it.
func (m *Mender) router(ctx context.Context, e *entry, f wal.Frame) error {
	for _, made := range e.made {
		if made == nil {
			continue
		}
		create := entry{typ: entryCreate, id: made.id, ts: e.ts, name: made.name, config: made.config, ceiling: made.ceiling}
		t := m.resolve(&create)
		if t == nil || f.LSN < m.had[made.id] || !m.fit(t, &create) {
			continue
		}
		t.applied = 0
		if err := m.r.replayOn(t, &create, wal.Frame{}); err != nil {
			return err
		}
	}
	e.made = [2]*madeTopic{}
	if m.r.byID[e.source] == nil || m.r.byID[e.id] == nil {
		m.r.routers.nextID = max(m.r.routers.nextID, e.router+1)
		return nil // an end is lost, or was deleted
	}
	if old, taken := m.r.routers.byName.Get(e.name); taken && old.id != e.router && CheckRouterName(e.name) == nil {
		m.r.endRouter(old.id) // its end is lost
	}
	if err := m.r.replayRouter(e, f); errors.Is(err, record.ErrMalformed) {
		return nil // what is left does not fit together: the router is not there
	} else if err != nil {
		return err
	}
	return nil
}

// forwardLost makes the seqs of a forwarded frame lost whose records are.
func (m *Mender) forwardLost(t *topic, e *entry) error {
	last := e.first + uint64(e.count) - 1
	m.r.jump(t, e.first-1, ReasonCrash)
	m.lose(t, e.first, last)
	t.head, t.assigned = last, max(t.assigned, last)
	t.assignedTS = max(t.assignedTS, e.ts)
	return nil
}

// unreadable says that a frame that is referred to is not there any more, or is
// not what it was.
func unreadable(err error) bool {
	damage := new(wal.CorruptionError)
	return errors.Is(err, wal.ErrReleased) || errors.As(err, &damage) || errors.Is(err, record.ErrMalformed)
}

// settleRouters makes what routers say of the old log hold for the new one.
func (m *Mender) settleRouters(at wal.LSN) {
	for _, rt := range m.r.routers.byID {
		rt.applied = at
		// Where the source's head is lower than it was, all of it is new.
		rt.cursor = min(rt.cursor, rt.source.head)
		rt.done = rt.cursor
	}
}
