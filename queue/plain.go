package queue

import "sort"

// run is a range of seqs. Those in it that are live and have no job are ready,
// and there is no such one outside of the runs. A run ends where a job with more
// than its record was written, so there are as many as the two kinds alternate.
type run struct{ from, to uint64 }

// wrotePlain adds seqs, above all others, to the runs.
func (q *Queue) wrotePlain(from, to uint64) {
	if from > to {
		return
	}
	if n := len(q.plain); n > 0 && !q.cut {
		q.plain[n-1].to = to
		return
	}
	q.plain = append(q.plain, run{from, to})
	q.cut = false
}

// plainFront returns the first job that has nothing but its record.
func (q *Queue) plainFront() (seq uint64, ok bool) {
	for len(q.plain) > 0 {
		r := &q.plain[0]
		seq, ok := q.records.Next(r.from - 1)
		if ok && seq <= r.to {
			r.from = seq
			if _, has := q.jobs.Get(seq); !has {
				return seq, true
			}
			r.from++
		}
		if !ok || seq > r.to || r.from > r.to {
			q.plain = q.plain[1:]
			if len(q.plain) == 0 {
				q.plain, q.cut = nil, true
			}
		}
	}
	return 0, false
}

// nextPlain returns the first job after a seq that has nothing but its record.
func (q *Queue) nextPlain(after uint64) (seq uint64, ok bool) {
	i := sort.Search(len(q.plain), func(i int) bool { return q.plain[i].to > after })
	for ; i < len(q.plain); i++ {
		r := q.plain[i]
		for at := max(after, r.from-1); ; at = seq {
			seq, ok = q.records.Next(at)
			if !ok {
				return 0, false
			}
			if seq > r.to {
				break
			}
			if _, has := q.jobs.Get(seq); !has {
				return seq, true
			}
		}
	}
	return 0, false
}

// replan makes the runs out of what they are not: the seqs that have a job.
func (q *Queue) replan() {
	q.plain, q.cut = nil, true
	from := uint64(1)
	q.jobs.Scan(func(seq uint64, _ *job) bool {
		q.wrotePlain(from, seq-1)
		q.cut = true
		from = seq + 1
		return true
	})
	q.wrotePlain(from, q.head)
}

// available is how many jobs are ready, with those that have but their record.
func (q *Queue) available() int64 {
	return q.census.all.states[Ready] + q.records.Count() - q.census.all.jobs()
}
