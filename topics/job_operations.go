package topics

import (
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// aborter is an operation that was judged when it got its place, and is to be
// taken back if its commit fails. t.mu is held.
type aborter interface {
	abort(t *topic)
}

// jobsOp changes the state of jobs.
type jobsOp struct{ *entry.Jobs }

func (op jobsOp) topic() uint64          { return op.ID }
func (op jobsOp) before() (uint64, bool) { return 0, false }

func (op jobsOp) follows(t *topic) bool { return op.TS >= t.assignedTS }

func (op jobsOp) fit(t *topic) bool {
	op.TS = max(op.TS, t.assignedTS)
	return t.jobs != nil
}

func (op jobsOp) apply(t *topic, f frameParts) error {
	if t.jobs == nil {
		return errNoQueue(op, t)
	}
	c := op.Change
	if f.replayed {
		at := min(op.At, f.came.Steady)
		c.At = queue.Time{Mono: at, Wall: at}
	}
	t.applyJobsLocked(c)
	return nil
}

func (op jobsOp) abort(t *topic) { t.abortJobsLocked(op.Change) }

// settleOp removes records. The parts of its frame are appends of their own.
type settleOp struct {
	*entry.Settle
	change *queue.Change // of the jobs, as it was judged; nil in a replay, and if they are no queue's
}

func (op settleOp) topic() uint64          { return op.ID }
func (op settleOp) before() (uint64, bool) { return 0, false }

// follows lets seqs be above the head: they may be those of ephemeral records.
func (op settleOp) follows(t *topic) bool {
	return op.TS >= t.assignedTS && op.Seqs[len(op.Seqs)-1] < math.MaxUint64
}

func (op settleOp) fit(t *topic) bool {
	op.TS = max(op.TS, t.assignedTS)
	return t.jobs != nil || op.Kind == settleRemove
}

// settleRemove is the kind of a settle whose records are no jobs.
const settleRemove queue.Kind = 0

func (op settleOp) apply(t *topic, f frameParts) error {
	if t.jobs == nil && op.Kind != settleRemove {
		return errNoQueue(op, t)
	}
	live := liveRecords{t}
	set := &index.SeqSet{}
	seqs := make([]uint64, 0, len(op.Seqs))
	for _, seq := range op.Seqs {
		if live.Live(seq) {
			set.Add(seq)
			seqs = append(seqs, seq)
		}
	}
	size := t.removeSeqsLocked(set)
	t.changes++
	if t.jobs == nil || op.Kind == settleRemove {
		t.shared.totals.deleted.Add(uint64(size.Records))
	}
	if t.jobs == nil {
		return nil
	}
	if op.Kind == settleRemove {
		t.jobs.queue.EndJobs(atBoth(f.came), seqs, queue.Deleted)
		return nil
	}
	c := op.change
	if c == nil {
		c = &queue.Change{Kind: op.Kind, At: atBoth(f.came)}
		for _, seq := range op.Seqs {
			c.Jobs = append(c.Jobs, queue.Changed{Seq: seq})
		}
	}
	t.applyJobsLocked(c)
	return nil
}

func (op settleOp) abort(t *topic) {
	if op.change != nil {
		t.abortJobsLocked(op.change)
	}
}

func errNoQueue(op entry.Entry, t *topic) error {
	return fmt.Errorf("%w: %s entry on topic id %d, which is no queue", record.ErrMalformed, op.Type(), t.id)
}

// jobsOf returns what the records of a batch say of their jobs, for a topic that
// is a queue, and nil for others.
func jobsOf(t *topic, batch entry.Batch, records []byte, wall int64) (list []queue.Written, err error) {
	if t.jobs == nil {
		return nil, nil
	}
	for i := range batch.Count {
		var rec record.Record
		rec, records, err = record.NextRecord(records)
		if err != nil {
			return nil, err
		}
		if rec.Job == nil {
			continue
		}
		w, err := writtenJob(rec.Job, batch.First+uint64(i), wall)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, nil
}

// writtenJobs returns what records of a batch say of their jobs.
func writtenJobs(jobs []jobAt, first uint64, wall int64) (list []queue.Written, err error) {
	for _, j := range jobs {
		w, err := writtenJob(j.job, first+uint64(j.index), wall)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, nil
}

// writtenJob returns what a record says of its job. wall is when it was taken,
// and what a delay counts from.
func writtenJob(b []byte, seq uint64, wall int64) (queue.Written, error) {
	j, err := record.DecodeJob(b)
	if err != nil || j.Dead {
		return queue.Written{Seq: seq}, err
	}
	w := queue.Written{Seq: seq, Group: string(j.Group), Key: string(j.Key), Priority: j.Priority}
	if j.ByWall {
		w.NotBefore = j.Due
	} else if j.Due != 0 {
		w.DelayMS = max(j.Due-wall, 0)
	}
	return w, nil
}
