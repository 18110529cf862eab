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
	q.sweep(len(jobs)) // so that it never has more jobs, with those that have ended, than before
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
