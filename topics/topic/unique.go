package topic

import (
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
)

// uniqueness is how the unique keys of a write's records were judged. Nil: none
// has one.
type uniqueness struct {
	count int // of the write's records
	dups  []queue.Duplicate
}

// batchFor returns the batch that is appended to t: without the records whose
// unique keys are taken, and, to a log, without what records say of jobs, unless they are dead letters. The
// attempt keeps its own, for it may be made again. t.Mu is held.
func (a *Attempt) batchFor(t *Topic) (*Encoded, *uniqueness, error) {
	switch {
	case a.Encoded.jobs == nil, a.Letters:
		return a.Encoded, nil, nil
	case t.Jobs == nil:
		return Encode(a.Write.without(func(i int, rec *record.Record) bool {
			rec.Job = nil
			return true
		})), nil, nil
	}
	keys, any := make([]string, len(a.Write.Records)), false
	for _, at := range a.Encoded.jobs {
		j, err := record.DecodeJob(at.Job)
		if err != nil {
			return nil, nil, record.InvalidField("records", "what record %d says of its job is malformed", at.Index)
		}
		keys[at.Index] = string(j.Key)
		any = any || j.Key != nil
	}
	if !any {
		return a.Encoded, nil, nil
	}
	u := &uniqueness{count: len(keys), dups: t.Jobs.Queue.Duplicates(keys)}
	if len(u.dups) == 0 {
		return a.Encoded, u, nil
	}
	taken := u.dups
	return Encode(a.Write.without(func(i int, _ *record.Record) bool {
		if len(taken) > 0 && taken[0].Index == i {
			taken = taken[1:]
			return false
		}
		return true
	})), u, nil
}

// without returns the write with those of its records that keep lets through.
// keep may change its copy of a record.
func (w *Write) without(keep func(i int, rec *record.Record) bool) *Write {
	out := &Write{Records: make([]record.Record, 0, len(w.Records))}
	for i := range w.Records {
		rec := w.Records[i]
		if keep(i, &rec) {
			out.Records = append(out.Records, rec)
		}
	}
	return out
}

// seqs returns the seq of each record of the write, and those of the records that
// were not appended. first is that of the first one that was.
func (u *uniqueness) seqs(first uint64) *UniqueSeqs {
	if u == nil {
		return nil
	}
	var deduped []uint64
	all := make([]uint64, u.count)
	dups := u.dups
	for i := range all {
		if len(dups) == 0 || dups[0].Index != i {
			all[i] = first
			first++
			continue
		}
		d := &dups[0]
		dups = dups[1:]
		all[i] = d.Seq
		if d.Of >= 0 {
			all[i] = all[d.Of]
		}
		deduped = append(deduped, all[i])
	}
	return &UniqueSeqs{all, deduped}
}

// deduped returns the records that were not appended, of a write that was answered
// with seqs; nil if there are none.
func (u *uniqueness) deduped(answer *UniqueSeqs) *entry.Deduped {
	if u == nil || len(u.dups) == 0 {
		return nil
	}
	var runs entry.DedupedRuns
	next := 0
	for i := range u.dups {
		at := u.dups[i].Index
		runs.Add(at-next, answer.Seqs[at])
		next = at + 1
	}
	return runs.Pack()
}

// repeated answers a write as its first one was answered: count of its records
// were appended, from the seq first on.
func repeated(first uint64, count int, deduped *entry.Deduped) Written {
	w := Written{Head: first + uint64(count) - 1, Count: count, Deduped: true}
	if count > 0 {
		w.First, w.Last = first, w.Head
	}
	if deduped == nil {
		return w
	}
	u := &UniqueSeqs{}
	next := first
	for _, r := range deduped.Runs() {
		u.Seqs = appendRange(u.Seqs, next, r.Before)
		u.Seqs = appendRange(u.Seqs, r.Seq, r.Count)
		u.Deduped = appendRange(u.Deduped, r.Seq, r.Count)
		next += uint64(r.Before)
	}
	u.Seqs = appendRange(u.Seqs, next, int(first+uint64(count)-next))
	w.Unique = u
	return w
}

// appendRange appends n seqs from first on.
func appendRange(seqs []uint64, first uint64, n int) []uint64 {
	seqs = slices.Grow(seqs, n)
	for i := range n {
		seqs = append(seqs, first+uint64(i))
	}
	return seqs
}

// duplicateLocked answers a write without an idempotency key all of whose unique keys
// are taken. It waits for the last write on its way that took one of them. t.Mu is
// held.
func (t *Topic) duplicateLocked(u *uniqueness) *Pending {
	p := &Pending{repeats: true, Written: Written{Head: t.Head}}
	p.Written.Unique = u.seqs(0)
	var last uint64
	for i := range u.dups {
		if u.dups[i].Pending {
			last = max(last, u.dups[i].Seq)
		}
	}
	if last == 0 {
		return p
	}
	for _, c := range slices.Backward(t.Line.Commits) {
		batch := BatchOf(c.Operation)
		if batch.Count > 0 && batch.First <= last {
			p.Commit = c
			p.Written.Head = max(t.Head, batch.First+uint64(batch.Count)-1)
			break
		}
	}
	return p
}
