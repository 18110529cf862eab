package topic

// Mark identifies the content from which a batch was read. The zero Mark is never
// fresh.
type Mark struct {
	topic   uint64
	changes uint64
	from    uint64
}

// MarkLocked sets the topic and the Mark of b: that of the first pass of a read, or
// none if there is a tombstone. t.Mu is held.
func (t *Topic) MarkLocked(q *Query, b *Batch, tombstone *Tombstone) {
	b.Topic = t.ID
	switch {
	case tombstone != nil:
		b.Mark = Mark{}
	case b.Mark.topic == 0:
		b.Mark = Mark{t.ID, t.changes, q.From}
	}
}

// Fresh reports whether a read of the query that got this mark would still give the
// same records.
func (t *Topic) Fresh(m Mark) bool {
	t.Mu.RLock()
	defer t.Mu.RUnlock()
	// Deletes and configs count as changes. Nothing after from is evicted or expired,
	// or the low watermark would be above it.
	return t.Visible && t.ID == m.topic && t.changes == m.changes && t.Marks.Low <= m.from+1 && !t.Due(t.Shared.Steady())
}
