package topics

import (
	"math"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// A read examines at most this much before it answers, with its cursor moved
// and perhaps no record, so that a filter that matches nothing cannot hold a
// request, or its memory, for as long as the topic is.
const (
	maxScanned     = 1 << 16
	maxScannedSize = 16 << 20
)

// maxTries is how often in a row records may move away under a read, or a
// delete, until that is taken for an error: a checkpoint or a merge that does
// it takes far longer than a try.
const maxTries = 1000

// viewLocked returns the view that q needs of the topic, and sets the tombstone, the
// head and the cursor of b. t.mu is held.
func (t *topic) viewLocked(q *Query, b *Batch, now int64) *view {
	return t.viewThroughLocked(q, b, now, math.MaxUint64)
}

// viewThroughLocked is viewLocked without the records above a seq.
func (t *topic) viewThroughLocked(q *Query, b *Batch, now int64, through uint64) *view {
	tombstone, next := t.tombstoneLocked(b.NextFrom)
	t.markLocked(q, b, tombstone)
	below := t.head + 1 // the batch stops before the next lost range
	if l, ok := t.lost.from(next); ok {
		below = max(l.from, next)
	}
	if through < below {
		below = max(through+1, next)
	}
	next = max(next, t.earliest()) // below it there may be deleted ones in a live frame
	v := &view{topic: t.id, next: next, below: below, dedupe: t.cfg.DedupeNode, sparse: q.filters()}
	if d, ok := t.deleted.Next(next); ok && d < below {
		v.below = min(below, next+t.reach(q, next))
		v.dead = t.deleted.Window(next, v.below)
	}
	v.extents = t.history.From(next)
	most := maxFrames(q)
	if v.dead != nil {
		most = maxScanned
	}
	v.frames, v.whole = t.index.From(max(next, t.history.Last()+1), v.below, most)
	b.Tombstone, b.Head, b.Earliest = tombstone, t.head, t.earliest()
	if ttl := t.cfg.TTLMS; ttl > 0 && t.came == nil {
		v.expired = now - ttl
	}
	b.NextFrom = min(next, below) - 1 // what stands before is lost or deleted
	return v
}

// reach is how many seqs from next on to look at among deleted ones: as many as
// hold what q asks for, if that can be said beforehand.
func (t *topic) reach(q *Query, next uint64) uint64 {
	if q.filters() {
		return maxScanned
	}
	most := uint64(q.Limit)
	n := max(most, 64)
	for n < maxScanned && n-t.deleted.Count(next, next+n-1) < most {
		n *= 2
	}
	return min(n, maxScanned)
}

// maxFrames is how many records' frames to look up at once: with a filter
// more than the limit may have to be examined.
func maxFrames(q *Query) int {
	if q.filters() {
		return maxScanned
	}
	return q.Limit
}

// view is a topic's state as one read sees it.
type view struct {
	topic   uint64 // its id
	next    uint64 // first seq to examine
	below   uint64 // seqs from here on are not for this batch
	expired int64  // records with an earlier timestamp have expired; 0 if none has
	dedupe  bool   // the topic filters by node
	sparse  bool   // few may be wanted of many: they are copied, so as not to pin what lies around them
	dead    *index.SeqWindow
	extents []index.Extent
	frames  []index.Frame
	whole   bool // frames are all there are up to below
}

// wants applies the query's filters to one record.
func (v *view) wants(q *Query, rec *record.Record) bool {
	if v.dedupe && rec.Node != nil {
		for _, n := range q.Nodes {
			if n == string(rec.Node) {
				return false
			}
		}
	}
	return q.Match == nil || q.Match.Tag(rec.Tag)
}
