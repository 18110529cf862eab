package topics

import (
	"cmp"
	"slices"

	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Finish makes room above the heads that are not known for sure, starts the
// registry on its log, and returns everything that was lost, topic by topic,
// and how many topics have lost their names. The registry
// counts as having applied the log up to at.
func (m *Repairer) Finish(at wal.LSN) (lost []Loss, recovered int) {
	for _, t := range m.r.catalog.InOrder() {
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
	for _, t := range m.r.catalog.InOrder() {
		if t.Jobs != nil { // jobs of records that are lost
			t.Jobs.Queue.Prune(topic.AtBoth(m.r.shared.Clock.Now()))
		}
	}
	for _, l := range m.corrupt {
		if m.r.catalog.ByID[l.resolved.ID] == l.resolved {
			lost = append(lost, l)
		}
	}
	slices.SortStableFunc(lost, func(a, b Loss) int { return cmp.Compare(a.resolved.ID, b.resolved.ID) })
	m.settleRouters(at)
	m.r.Start(m.log)
	return lost, m.recreate
}
