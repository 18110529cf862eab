package replay

import (
	"cmp"
	"slices"

	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Finish makes room above the heads that are not known for sure, and returns
// everything that was lost, topic by topic, and how many topics have lost their names.
// The topics count as having applied the log up to at. The registry can then be started
// on the log at hand.
func (m *Repairer) Finish(at wal.LSN) (lost []Loss, recovered int) {
	for _, t := range m.rp.catalog.InOrder() {
		t.Applied = at
		bytes, unsure := m.unsure[t]
		if !unsure || !t.Visible {
			continue
		}
		m.lose(t, t.Head+1, t.Bound(min(bytes, topic.MaxLost)))
		t.Head = t.Lost.Ranges[len(t.Lost.Ranges)-1].To
		t.Assigned = max(t.Assigned, t.Head)
		t.Reserve = topic.Reservation{}
	}
	for _, t := range m.rp.catalog.InOrder() {
		if t.Jobs != nil { // jobs of records that are lost
			t.Jobs.Queue.Prune(topic.AtBoth(m.rp.shared.Clock.Now()))
		}
	}
	for _, l := range m.corrupt {
		if m.rp.catalog.ByID[l.resolved.ID] == l.resolved {
			lost = append(lost, l)
		}
	}
	slices.SortStableFunc(lost, func(a, b Loss) int { return cmp.Compare(a.resolved.ID, b.resolved.ID) })
	m.settleRouters(at)
	return lost, m.recreate
}
