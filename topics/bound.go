package topics

import (
	"cmp"
	"math"
	"slices"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// smallestRecord is the least that a record takes in the log: its length, its
// flags and one byte of data. smallestFrame is the least that a frame does.
const (
	smallestRecord = 3
	smallestFrame  = 32
)

// Finish makes room above the heads that are not known for sure, starts the
// registry on its log, and returns everything that was lost, topic by topic,
// and how many topics have lost their names. The registry
// counts as having applied the log up to at.
func (m *Repairer) Finish(at wal.LSN) (lost []Loss, recovered int) {
	for _, t := range m.r.inOrder() {
		t.applied = at
		bytes, unsure := m.unsure[t]
		if !unsure || !t.visible {
			continue
		}
		m.lose(t, t.head+1, t.bound(min(bytes, maxLost)))
		t.head = t.lost.ranges[len(t.lost.ranges)-1].to
		t.assigned = max(t.assigned, t.head)
		t.reserve = reservation{}
	}
	for _, t := range m.r.inOrder() {
		if t.jobs != nil { // jobs of records that are lost
			t.jobs.queue.Prune(m.r.Time())
		}
	}
	for _, l := range m.corrupt {
		if m.r.byID[l.resolved.id] == l.resolved {
			lost = append(lost, l)
		}
	}
	slices.SortStableFunc(lost, func(a, b Loss) int { return cmp.Compare(a.resolved.id, b.resolved.id) })
	m.settleRouters(at)
	m.r.Start(m.log)
	return lost, m.recreate
}

// maxLost keeps the bounds within what a client can take for a number.
const maxLost = 1 << 50

// bound is a seq at or above every one that t can have given out in so many
// bytes of the log. Every class but fsync also gives out what a reservation
// covers, of which the last one may be among the bytes; ephemeral records
// leave no other trace than reservations. The class is the last one known: a
// change of it to ephemeral that is itself among the bytes is not thought of.
func (t *topic) bound(bytes uint64) uint64 {
	top := t.head + bytes/smallestRecord + 1
	switch t.next.Durability {
	case record.Fsync:
	case record.Ephemeral:
		top = min(max(t.reserve.ceiling, t.head)+min(bytes/smallestFrame+1, 1<<30)*maxReserve, math.MaxInt64)
	default:
		top = max(t.reserve.ceiling, top+maxReserve)
	}
	return max(top, t.head+1) // should the sum have gone round
}
