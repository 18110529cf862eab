package topic

import (
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// DeleteOp deletes records.
type DeleteOp struct {
	entry.Delete
	Matched *index.SeqSet // the seqs that match; nil if they are still to be found
	Deleted record.Size   // what went, once the operation is applied
}

func (op *DeleteOp) Topic() uint64          { return op.ID }
func (op *DeleteOp) Before() (uint64, bool) { return 0, false }

// Follows lets the last seq be above the head: it may be that of an ephemeral
// record.
func (op *DeleteOp) Follows(t *Topic) bool { return op.Last < math.MaxUint64 && op.TS >= t.AssignedTS }

func (op *DeleteOp) Fit(t *Topic) bool {
	op.TS = max(op.TS, t.AssignedTS)
	return true
}

// Apply deletes what the entry says of what is live by now.
func (op *DeleteOp) Apply(t *Topic, f Parts) error {
	err := op.remove(t, f.Came.Steady)
	if err != nil {
		return err
	}
	t.changes++
	t.Shared.Counters.deleted.Add(uint64(op.Deleted.Records))
	return nil
}

// remove sets what was deleted. at is the time on the steady clock.
func (op *DeleteOp) remove(t *Topic, at int64) error {
	if op.Match == nil {
		op.Deleted = t.Advance(op.Last + 1)
		t.goneThroughLocked(at, op.Last, queue.Deleted, op.Deleted.Records)
		return nil
	}
	set := op.Matched
	if set == nil {
		set = &index.SeqSet{}
		t.Tags.Find(op.Match, t.Earliest(), op.Last, set.Add)
		err := index.AddMatching(set, t.History.All(), op.Match, t.Earliest(), op.Last)
		if err != nil {
			return fmt.Errorf("topics: replaying a delete on topic id %d: %w", t.ID, err)
		}
	}
	t.keepLive(set)
	op.Deleted = t.removeSeqsLocked(set)
	if t.Jobs != nil {
		t.Jobs.Queue.EndJobs(queue.Time{Mono: at, Wall: at}, set.Seqs(), queue.Deleted)
	}
	return nil
}
