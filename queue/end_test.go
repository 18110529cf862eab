package queue

import (
	"fmt"
	"slices"
	"testing"
)

// ended is a queue that has ended jobs 1 to 6 of 9, and has taken out one of them. Jobs 1 and 7 are
// of a group, 2 and 8 have had a key, 3 is delayed, 4 and 5 are in flight, and 6 waits for its move.
func ended(t *testing.T) *world {
	w := newWorld(t, config(func(c *Config) { c.DeadLetter, c.LeasesDurable = true, true }))
	w.q.limit = 1
	w.write(
		Written{Group: "g"}, Written{Key: "k"}, Written{DelayMS: 10}, Written{Priority: 2}, Written{Priority: 2}, Written{Priority: 2},
		Written{Group: "g"}, Written{Key: "l"}, Written{},
	)
	w.claims("w", 3, 4, 5, 6)
	c, _ := w.nack("w", Return{Dead: true}, 6)
	w.commit(c)
	for seq := range uint64(7) {
		w.tape.remove(seq)
	}
	w.q.EndThrough(w.now, 6, Evicted, 6)
	if w.q.jobs.Len() != 7 {
		t.Fatalf("%d jobs are in the tree", w.q.jobs.Len())
	}
	return w
}

// TestEndedIsGone looks at jobs that have ended and are still to be taken out.
func TestEndedIsGone(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(w *world) any
		want  string
	}{
		{"a move takes none", func(w *world) any { return w.q.Bury(w.now, 10) }, "<nil>"},
		{"a dead-letter topic that goes gives none back", func(w *world) any {
			w.q.cfg.DeadLetter = false
			w.q.revive(10)
			return w.q.ready.len()
		}, "3"}, // 2 of those that have ended, and 8
		{"its key is free", func(w *world) any { return w.q.Duplicates([]string{"k", "l"}) }, "[{1 -1 8 false}]"},
		{"an ack, a promotion and a release skip it", func(w *world) any {
			_, acked := w.ack("w", 4, 5, 6)
			_, promoted := w.q.Promote(w.now, []uint64{3})
			_, released := w.q.Release(w.now, []uint64{5})
			return []any{acked, promoted, released}
		}, "[[{4 gone} {5 gone} {6 gone}] [{3 gone}] [{5 gone}]]"},
		{"it is not shown", func(w *world) any {
			_, ok := w.q.Job(w.now, 5)
			return ok
		}, "false"},
		{"it is not counted", func(w *world) any {
			c := w.q.Counts(w.now)
			return []int64{c.Ready, c.Blocked, c.Delayed, c.InFlight, c.Lost, int64(len(w.q.sweeps))}
		}, "[3 0 0 0 6 1]"},
		{"it is in no snapshot", func(w *world) any {
			q, err := Restore(options(w.tape, w.q.cfg), w.q.Snapshot(nil, w.now, 9), 9, w.now)
			return []any{q.jobs.Len(), err}
		}, "[2 <nil>]"},
		{"its time brings nothing", func(w *world) any {
			w.now.Mono += MaxLeaseMS
			w.q.elapse(w.now.Mono, 10)
			return w.q.expired
		}, "0"},
		{"the next call is at once", func(w *world) any {
			at, ok := w.q.Next(w.now)
			return []any{at - w.now.Mono, ok}
		}, "[0 true]"},
		{"a write takes one out for each job", func(w *world) any {
			w.write(Written{Priority: 1}, Written{Priority: 1})
			return w.q.jobs.Len()
		}, "7"},
		{"an end within it changes nothing", func(w *world) any {
			w.q.EndThrough(w.now, 3, Deleted, 0)
			return []any{len(w.q.sweeps), w.q.census.all.jobs()}
		}, "[1 2]"},
		{"a claim is given what is left", func(w *world) any {
			c := w.claim("w", 10)
			return []any{c.Seqs(), len(w.q.sweeps)}
		}, "[[7 8 9] 0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ended(t)
			if got := fmt.Sprint(c.check(w)); got != c.want {
				t.Fatalf("got %s, want %s", got, c.want)
			}
			if err := w.q.broken(); err != nil {
				t.Fatal(err)
			}
			w.catchUp()
			if err := w.q.broken(); err != nil || len(w.q.sweeps) > 0 {
				t.Fatalf("%v, %d sweeps are left", err, len(w.q.sweeps))
			}
		})
	}
}

// TestEndedFreesSlots ends the jobs that a stream holds: each is lost once, and its slot has the next job.
func TestEndedFreesSlots(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	w.q.limit = 1
	w.write(make([]Written, 6)...)
	s := w.q.Stream(w.now, Request{Node: "w", Max: 3})
	w.serve()
	for seq := range uint64(4) {
		w.tape.remove(seq)
	}
	w.q.EndThrough(w.now, 3, Evicted, 3)
	w.serve()
	var lost []uint64
	for _, l := range w.q.Losses() {
		if l.Why != Gone || l.Stream != s {
			t.Fatalf("lost %+v", l)
		}
		lost = append(lost, l.Seq)
	}
	if !slices.Equal(lost, []uint64{1, 2, 3}) || len(s.held) != 3 || w.q.census.all.states[InFlight] != 3 {
		t.Fatalf("lost %v, holds %v", lost, s.held)
	}
}

// TestEndStaysBehind ends more and more jobs while others are written and claimed: the queue never has
// more of them than before, and works the ends off.
func TestEndStaysBehind(t *testing.T) {
	const n = 5000
	w := newWorld(t, DefaultConfig())
	w.bulk(n, func(int) Written { return Written{Priority: 1} })
	for range 20 {
		head := w.tape.head()
		gone := w.tape.n
		clear(w.tape.live)
		w.tape.n = 0
		w.q.EndThrough(w.now, head, Evicted, gone)
		jobs := make([]Written, 1000)
		for i := range jobs {
			jobs[i].Priority = 1
		}
		w.write(jobs...)
		if w.q.jobs.Len() > n || len(w.q.sweeps) > n/w.q.limit {
			t.Fatalf("%d jobs and %d ends", w.q.jobs.Len(), len(w.q.sweeps))
		}
	}
	if c := w.q.Counts(w.now); c.Ready != 1000 {
		t.Fatalf("counts %+v", c)
	}
	w.catchUp()
	if w.q.jobs.Len() != 1000 {
		t.Fatalf("%d jobs", w.q.jobs.Len())
	}
}

// TestEndIsServedSoon gives jobs out before all that have ended are taken out.
func TestEndIsServedSoon(t *testing.T) {
	const n = 3 * orderLimit
	w := newWorld(t, DefaultConfig())
	w.bulk(n, func(int) Written { return Written{Priority: 1} })
	w.write(Written{Priority: 2})
	clear(w.tape.live[:n+1])
	w.tape.n = 1
	w.q.EndThrough(w.now, n, Evicted, n)
	w.q.Wait(w.now, Request{Node: "w", Max: 1})
	for looks := 0; ; looks++ {
		grants := w.q.Serve(w.now)
		if looks > n/w.q.limit {
			t.Fatal("the claim was not answered")
		}
		if len(grants) == 0 {
			continue
		}
		if seqs := grants[0].Claimed.Seqs(); !slices.Equal(seqs, []uint64{n + 1}) || len(w.q.sweeps) == 0 {
			t.Fatalf("%v is given after %d looks, %d sweeps are left", seqs, looks, len(w.q.sweeps))
		}
		return
	}
}
