package queue

// Duplicate is a record of a write whose unique key is taken.
type Duplicate struct {
	Index int // of the record in the write
	// Of is the index of an earlier record of the same write that has the key;
	// -1: the job Seq has it.
	Of  int
	Seq uint64
	// Pending is set when the job's own write is not committed yet. This one is
	// answered when that is, and fails if that fails.
	Pending bool
}

// Duplicates judges the unique keys of a write's records, of which those without
// have "". A key whose job is being acked is free: the ack comes before this
// write in the log, and they fail together.
func (q *Queue) Duplicates(keys []string) (dups []Duplicate) {
	var here map[string]int
	for i, key := range keys {
		if key == "" {
			continue
		}
		if of, twice := here[key]; twice {
			dups = append(dups, Duplicate{Index: i, Of: of})
			continue
		}
		if seq, pending, taken := q.taken(key); taken {
			dups = append(dups, Duplicate{Index: i, Of: -1, Seq: seq, Pending: pending})
			continue
		}
		if here == nil {
			here = make(map[string]int)
		}
		here[key] = i
	}
	return dups
}

// taken returns the job that has a key.
func (q *Queue) taken(key string) (seq uint64, pending, taken bool) {
	if seq, ok := q.promised[key]; ok {
		return seq, true, true
	}
	seq, ok := q.keys[key]
	if !ok {
		return 0, false, false
	}
	if j := q.known(seq); j == nil || j.pending == Ack {
		return 0, false, false
	}
	return seq, false, true
}

// Promise takes the keys of a write that has its seqs, until Write or Withdraw.
func (q *Queue) Promise(jobs []Written) {
	for i := range jobs {
		if jobs[i].Key == "" {
			continue
		}
		if q.promised == nil {
			q.promised = make(map[string]uint64)
		}
		q.promised[jobs[i].Key] = jobs[i].Seq
	}
}

// Withdraw gives back the keys of a write that failed.
func (q *Queue) Withdraw(jobs []Written) {
	for i := range jobs {
		q.unpromise(&jobs[i])
	}
}

func (q *Queue) unpromise(w *Written) {
	if q.promised[w.Key] == w.Seq {
		delete(q.promised, w.Key)
	}
	if len(q.promised) == 0 {
		q.promised = nil
	}
}

// fulfil makes a promised key that of a live job.
func (q *Queue) fulfil(w *Written) {
	q.unpromise(w)
	if q.keys == nil {
		q.keys = make(map[string]uint64)
	}
	q.keys[w.Key] = w.Seq
}
