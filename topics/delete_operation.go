package topics

import (
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// deleteOp deletes records.
type deleteOp struct {
	entry.Delete
	matched *index.SeqSet // the seqs that match; nil if they are still to be found
	deleted record.Size   // what went, once the operation is applied
}

func (op *deleteOp) topic() uint64          { return op.ID }
func (op *deleteOp) before() (uint64, bool) { return 0, false }

// follows lets the last seq be above the head: it may be that of an ephemeral
// record.
func (op *deleteOp) follows(t *topic) bool { return op.Last < math.MaxUint64 && op.TS >= t.assignedTS }

func (op *deleteOp) fit(t *topic) bool {
	op.TS = max(op.TS, t.assignedTS)
	return true
}

// apply deletes what the entry says of what is live by now.
func (op *deleteOp) apply(t *topic, f frameParts) error {
	err := op.remove(t, f.came.Steady)
	if err != nil {
		return err
	}
	t.changes++
	t.shared.totals.deleted.Add(uint64(op.deleted.Records))
	return nil
}

// remove sets what was deleted. at is the time on the steady clock.
func (op *deleteOp) remove(t *topic, at int64) error {
	if op.Match == nil {
		op.deleted = t.advance(op.Last + 1)
		t.goneThroughLocked(at, op.Last, queue.Deleted, op.deleted.Records)
		return nil
	}
	set := op.matched
	if set == nil {
		set = &index.SeqSet{}
		t.tags.Find(op.Match, t.earliest(), op.Last, set.Add)
		err := index.AddMatching(set, t.history.All(), op.Match, t.earliest(), op.Last)
		if err != nil {
			return fmt.Errorf("topics: replaying a delete on topic id %d: %w", t.id, err)
		}
	}
	set.RemoveRange(0, t.earliest()-1)
	set.Subtract(t.deleted)
	op.deleted = t.removeSeqsLocked(set)
	if t.jobs != nil {
		t.jobs.queue.EndJobs(queue.Time{Mono: at, Wall: at}, set.Seqs(), queue.Deleted)
	}
	return nil
}
