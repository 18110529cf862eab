package topic

import (
	"math"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// A read examines at most this much before it answers, with its cursor moved
// and perhaps no record, so that a filter that matches nothing cannot hold a
// request, or its memory, for as long as the topic is.
const (
	MaxScanned     = 1 << 16
	maxScannedSize = 16 << 20
)

// MaxTries is how often in a row records may move away under a read, or a
// delete, until that is taken for an error: a checkpoint or a merge that does
// it takes far longer than a try.
const MaxTries = 1000

// ViewLocked returns the view that q needs of the topic, and sets the tombstone, the
// head and the cursor of b. t.Mu is held.
func (t *Topic) ViewLocked(q *Query, b *Batch, now int64) *View {
	return t.ViewThroughLocked(q, b, now, math.MaxUint64)
}

// ViewThroughLocked is viewLocked without the records above a seq.
func (t *Topic) ViewThroughLocked(q *Query, b *Batch, now int64, through uint64) *View {
	tombstone, next := t.TombstoneLocked(b.NextFrom)
	t.MarkLocked(q, b, tombstone)
	below := t.Head + 1 // the batch stops before the next lost range
	if l, ok := t.Lost.From(next); ok {
		below = max(l.From, next)
	}
	if through < below {
		below = max(through+1, next)
	}
	next = max(next, t.Earliest()) // below it there may be deleted ones in a live frame
	v := &View{topic: t.ID, Next: next, Below: below, Dedupe: t.Config.DedupeNode, sparse: q.filters()}
	if d, ok := t.Deleted.Next(next); ok && d < below {
		v.Below = min(below, next+t.reach(q, next))
		v.Dead = t.Deleted.Window(next, v.Below)
	}
	v.Extents = t.History.From(next)
	most := maxFrames(q)
	if v.Dead != nil {
		most = MaxScanned
	}
	v.Frames, v.Whole = t.Index.From(max(next, t.History.Last()+1), v.Below, most)
	b.Tombstone, b.Head, b.Earliest = tombstone, t.Head, t.Earliest()
	if ttl := t.Config.TTLMS; ttl > 0 && t.Arrivals == nil {
		v.Expired = now - ttl
	}
	b.NextFrom = min(next, below) - 1 // what stands before is lost or deleted
	return v
}

// reach is how many seqs from next on to look at among deleted ones: as many as
// hold what q asks for, if that can be said beforehand.
func (t *Topic) reach(q *Query, next uint64) uint64 {
	if q.filters() {
		return MaxScanned
	}
	most := uint64(q.Limit)
	n := max(most, 64)
	for n < MaxScanned && n-t.Deleted.Count(next, next+n-1) < most {
		n *= 2
	}
	return min(n, MaxScanned)
}

// maxFrames is how many records' frames to look up at once: with a filter
// more than the limit may have to be examined.
func maxFrames(q *Query) int {
	if q.filters() {
		return MaxScanned
	}
	return q.Limit
}

// View is a topic's state as one read sees it.
type View struct {
	topic   uint64 // its id
	Next    uint64 // first seq to examine
	Below   uint64 // seqs from here on are not for this batch
	Expired int64  // records with an earlier timestamp have expired; 0 if none has
	Dedupe  bool   // the topic filters by node
	sparse  bool   // few may be wanted of many: they are copied, so as not to pin what lies around them
	Dead    *index.SeqWindow
	Extents []index.Extent
	Frames  []index.Frame
	Whole   bool // frames are all there are up to below
}

// wants applies the query's filters to one record.
func (v *View) wants(q *Query, rec *record.Record) bool {
	if v.Dedupe && rec.Node != nil {
		for _, n := range q.Nodes {
			if n == string(rec.Node) {
				return false
			}
		}
	}
	return q.Match == nil || q.Match.Tag(rec.Tag)
}
