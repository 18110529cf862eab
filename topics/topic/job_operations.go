package topic

import (
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// aborter is an operation that was judged when it got its place, and is to be
// taken back if its commit fails. t.Mu is held.
type aborter interface {
	Abort(t *Topic)
}

// JobsOp changes the state of jobs.
type JobsOp struct{ *entry.Jobs }

func (op JobsOp) Topic() uint64          { return op.ID }
func (op JobsOp) Before() (uint64, bool) { return 0, false }

func (op JobsOp) Follows(t *Topic) bool { return op.TS >= t.AssignedTS }

func (op JobsOp) Fit(t *Topic) bool {
	op.TS = max(op.TS, t.AssignedTS)
	return t.Jobs != nil
}

func (op JobsOp) Apply(t *Topic, f Parts) error {
	if t.Jobs == nil {
		return errNoQueue(op, t)
	}
	c := op.Change
	if f.Replayed {
		at := min(op.At, f.Came.Steady)
		c.At = queue.Time{Mono: at, Wall: at}
	}
	t.ApplyJobsLocked(c)
	return nil
}

func (op JobsOp) Abort(t *Topic) { t.AbortJobsLocked(op.Change) }

// SettleOp removes records. The parts of its frame are appends of their own.
type SettleOp struct {
	*entry.Settle
	Change *queue.Change // of the jobs, as it was judged; nil in a replay, and if they are no queue's
}

func (op SettleOp) Topic() uint64          { return op.ID }
func (op SettleOp) Before() (uint64, bool) { return 0, false }

// Follows lets seqs be above the head: they may be those of ephemeral records.
func (op SettleOp) Follows(t *Topic) bool {
	return op.TS >= t.AssignedTS && op.Seqs[len(op.Seqs)-1] < math.MaxUint64
}

func (op SettleOp) Fit(t *Topic) bool {
	op.TS = max(op.TS, t.AssignedTS)
	return t.Jobs != nil || op.Kind == Remove
}

// Remove is the kind of a settle whose records are no jobs.
const Remove queue.Kind = 0

func (op SettleOp) Apply(t *Topic, f Parts) error {
	if t.Jobs == nil && op.Kind != Remove {
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
	if t.Jobs == nil || op.Kind == Remove {
		t.Shared.Counters.deleted.Add(uint64(size.Records))
	}
	if t.Jobs == nil {
		return nil
	}
	if op.Kind == Remove {
		t.Jobs.Queue.EndJobs(AtBoth(f.Came), seqs, queue.Deleted)
		return nil
	}
	c := op.Change
	if c == nil {
		c = &queue.Change{Kind: op.Kind, At: AtBoth(f.Came)}
		for _, seq := range op.Seqs {
			c.Jobs = append(c.Jobs, queue.Changed{Seq: seq})
		}
	}
	t.ApplyJobsLocked(c)
	return nil
}

func (op SettleOp) Abort(t *Topic) {
	if op.Change != nil {
		t.AbortJobsLocked(op.Change)
	}
}

func errNoQueue(op entry.Entry, t *Topic) error {
	return fmt.Errorf("%w: %s entry on topic id %d, which is no queue", record.ErrMalformed, op.Type(), t.ID)
}

// JobsOf returns what the records of a batch say of their jobs, for a topic that
// is a queue, and nil for others.
func JobsOf(t *Topic, batch entry.Batch, records []byte, wall int64) (list []queue.Written, err error) {
	if t.Jobs == nil {
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

// WrittenJobs returns what records of a batch say of their jobs.
func WrittenJobs(jobs []JobAt, first uint64, wall int64) (list []queue.Written, err error) {
	for _, j := range jobs {
		w, err := writtenJob(j.Job, first+uint64(j.Index), wall)
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
