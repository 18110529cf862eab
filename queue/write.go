package queue

// Written has the fields of a record's write that concern its job. Only a record for which it
// says something needs one.
type Written struct {
	Seq       uint64
	Group     string
	Key       string // unique among the live jobs
	Priority  int8
	DelayMS   int64 // from when the write was taken
	NotBefore int64 // a time of the wall clock
}

// plain reports whether w says nothing.
func (w *Written) plain() bool {
	return w.Group == "" && w.Key == "" && w.Priority == 0 && w.DelayMS <= 0 && w.NotBefore <= 0
}

// Write takes up the jobs of count records, from first on, which are live by
// now; at is when the write was taken. jobs are those of them that have more
// than their record, by seq.
func (q *Queue) Write(at Time, first uint64, count int, jobs []Written) {
	next := first
	for i := range jobs {
		w := &jobs[i]
		if w.plain() {
			continue
		}
		q.wrotePlain(next, w.Seq-1)
		q.cut = true
		next = w.Seq + 1
		q.wrote(at, w)
	}
	q.head = max(q.head, first+uint64(count)-1)
	q.wrotePlain(next, first+uint64(count)-1)
}

func (q *Queue) wrote(at Time, w *Written) {
	j := &job{seq: w.Seq, priority: w.Priority}
	if w.Group != "" {
		q.join(j, w.Group, at.Mono)
	}
	if w.Key != "" {
		j.more().key = w.Key
		q.fulfil(w)
	}
	q.settle(j, at.Mono)
	if w.DelayMS > 0 {
		j.state, j.at, j.marks = Delayed, at.Mono+w.DelayMS, byWrite
	}
	if w.NotBefore > at.Wall {
		j.state, j.at, j.marks = Delayed, w.NotBefore, byWrite|byWall
	}
	q.jobs.Set(j.seq, j)
	q.place(j)
}

// End is why records went that no call of a worker took.
type End uint8

// The ends that come from outside. Evicted ones, by a cap or their ttl, are lost.
const (
	Deleted End = iota
	Evicted
)

// EndThrough ends the jobs up to a seq. n is how many live records went.
func (q *Queue) EndThrough(at Time, through uint64, how End, n int64) {
	for {
		seq, j, ok := q.jobs.Min()
		if !ok || seq > through {
			break
		}
		q.gone(j, at)
	}
	q.tally(how, n)
}

// EndJobs ends jobs, all of which were live.
func (q *Queue) EndJobs(at Time, seqs []uint64, how End) {
	for _, seq := range seqs {
		if j, ok := q.jobs.Get(seq); ok {
			q.gone(j, at)
		}
	}
	q.tally(how, int64(len(seqs)))
}

// Prune ends the jobs whose records are not live, as a repair finds them.
func (q *Queue) Prune(at Time) {
	var lost []*job
	q.jobs.Scan(func(seq uint64, j *job) bool {
		if !q.records.Live(seq) {
			lost = append(lost, j)
		}
		return true
	})
	for _, j := range lost {
		q.gone(j, at)
	}
}

func (q *Queue) gone(j *job, at Time) {
	if j.lease != nil && (j.state == InFlight || j.pending == Claim) {
		q.lose(j, Gone)
	}
	q.end(j, at.Mono)
}

func (q *Queue) tally(how End, n int64) {
	if how == Evicted {
		q.lost += n
	}
}
