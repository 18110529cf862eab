package topics

// Mark identifies the content from which a batch was read. The zero Mark is never
// fresh.
type Mark struct {
	topic   uint64
	changes uint64
	from    uint64
}

// markLocked sets the topic and the Mark of b: that of the first pass of a read, or
// none if there is a tombstone. t.mu is held.
func (t *topic) markLocked(q *Query, b *Batch, tombstone *Tombstone) {
	b.Topic = t.id
	switch {
	case tombstone != nil:
		b.Mark = Mark{}
	case b.Mark.topic == 0:
		b.Mark = Mark{t.id, t.changes, q.From}
	}
}

// fresh reports whether a read of the query that got this mark would still give the
// same records.
func (t *topic) fresh(m Mark) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	// Deletes and configs count as changes. Nothing after from is evicted or expired,
	// or the low watermark would be above it.
	return t.visible && t.id == m.topic && t.changes == m.changes && t.marks.low <= m.from+1 && !t.due(t.shared.steady())
}
