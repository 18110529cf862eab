package topics

// Mark is what a batch was read of. The zero Mark is never fresh.
type Mark struct {
	topic   uint64
	changes uint64
	from    uint64
}

// markLocked notes in b what it is read of. For the Mark, of the passes of one read the first one
// counts, and none if there is a tombstone. t.mu is held.
func (t *topic) markLocked(q *Query, b *Batch, tombstone *Tombstone) {
	b.Topic = t.id
	switch {
	case tombstone != nil:
		b.Mark = Mark{}
	case b.Mark.topic == 0:
		b.Mark = Mark{t.id, t.changes, q.From}
	}
}

// Fresh reports whether a read of the query that got this mark would still give
// the same records, and no tombstone; more may have come behind them. It may
// say no where yes would be right, and never waits for the disk.
func (r *Registry) Fresh(name string, m Mark) bool {
	t := r.lookup(name)
	if t == nil || m.topic == 0 {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	// Deletes and configs count as changes. Nothing behind from is evicted or
	// expired: what is lost there would be told, and stands below the floor.
	return t.visible && t.id == m.topic && t.changes == m.changes && t.marks.low <= m.from+1 && !t.due(r.steady())
}
