package queue

import (
	"errors"
	"fmt"
	"slices"
)

// orderRules are G10 to G15: groups, counts, ends, keys and delays.
var orderRules = []rule{
	{"G10 only the head of a group is claimable", nil, func(w *world) {
		w.write(Written{Group: "g"}, Written{Group: "g", Priority: 100}, Written{Group: "g"}, Written{Group: "h"}, Written{})
		w.counts(3, 2, 0, 0)
		w.claims("w", 9, 1, 4, 5)
		w.judged(w.nack("w", Return{Delayed: true, DelayMS: 50}, 1))("[1] []") // it holds its group
		w.claims("w", 9)
		w.pass(50)
		w.claims("w", 9, 1)
		w.judged(w.ack("w", 1))("[1] []")
		w.claims("w", 9, 2)
		w.did(func(r *tape, q *Queue) { r.remove(2); q.EndJobs(w.now, []uint64{2}, Deleted) })
		w.claims("w", 9, 3)
	}},
	{"G10 group_concurrency lets the oldest be claimable", func(c *Config) { c.GroupConcurrency = 2 }, func(w *world) {
		w.write(slices.Repeat([]Written{{Group: "g"}}, 4)...)
		w.claims("w", 9, 1, 2)
		w.judged(w.ack("w", 2))("[2] []")
		w.claims("w", 9, 3)
		w.q.Configure(w.now, DefaultConfig())
		w.judged(w.nack("w", Return{}, 3))("[3] []")
		w.counts(0, 2, 0, 1)
		w.q.Configure(w.now, config(func(c *Config) { c.GroupConcurrency = 3 }))
		w.claims("w", 9, 3, 4)
	}},
	{"G10 a claim that fails finds its group as it is by then", func(c *Config) { c.GroupConcurrency = 2 }, func(w *world) {
		w.write(slices.Repeat([]Written{{Group: "g"}}, 2)...)
		w.q.Wait(w.now, Request{Node: "w", Max: 2})
		g := w.q.Serve(w.now)
		w.q.Configure(w.now, DefaultConfig())
		w.q.Abort(g[0].Claimed)
		w.counts(1, 1, 0, 0)
		w.claims("w", 2, 1)
	}},
	{"G11 what has passed counts as passed, without a timer", nil, func(w *world) {
		w.write(Written{DelayMS: 1000}, Written{}, Written{Group: "g"}, Written{Group: "g"})
		w.lease("w", 1000)
		w.counts(1, 1, 1, 1)
		w.now.Mono += 1000
		w.counts(2, 1, 0, 1)
		w.now.Mono++
		w.counts(3, 1, 0, 0)
	}},
	{"G11 the longest-ready job, of any priority", nil, func(w *world) {
		oldest := func(want int64) {
			w.t.Helper()
			if got := w.q.Counts(w.now).OldestReadyMS; got != want {
				w.t.Fatalf("oldest ready for %d ms, want %d", got, want)
			}
		}
		w.write(Written{DelayMS: 10_000})
		w.pass(5000)
		oldest(0)
		w.write(Written{})
		w.pass(3000)
		w.write(Written{Priority: 9})
		oldest(3000)
		w.claims("w", 1, 3)
		w.claims("w", 1, 2)
		oldest(0)
		w.pass(2500)
		oldest(500)
		w.judged(w.nack("w", Return{}, 2))("[2] []")
		w.claims("w", 1, 2)
		w.claims("w", 1, 1)
		w.judged(w.nack("w", Return{}, 1))("[1] []") // starts anew
		oldest(0)
	}},
	{"G12 whatever ends a job ends its lease, its key and its turn", nil, func(w *world) {
		w.write(Written{Group: "g", Key: "k"}, Written{Group: "g"}, Written{})
		w.claims("w", 9, 1, 3)
		w.did(func(r *tape, q *Queue) {
			r.remove(1)
			q.EndThrough(w.now, 1, Evicted, 1)
		})
		w.judged(w.ack("w", 1))("[] [{1 gone}]")
		if d := w.q.Duplicates([]string{"k"}); d != nil {
			w.t.Fatal(d)
		}
		w.counts(1, 0, 0, 1)
		w.did(func(r *tape, q *Queue) {
			r.remove(2)
			r.remove(3)
			q.EndThrough(w.now, 3, Deleted, 2)
		})
		w.counts(0, 0, 0, 0)
		if c := w.q.Counts(w.now); c.Lost != 1 {
			w.t.Fatalf("%+v", c)
		}
	}},
	{"G13 a key is unique among live jobs, writes on their way and one write", nil, func(w *world) {
		w.write(Written{Key: "a"})
		w.q.Promise([]Written{{Seq: 2, Key: "b"}})
		got := fmt.Sprint(w.q.Duplicates([]string{"a", "", "b", "c", "c", ""}))
		if want := "[{0 -1 1 false} {2 -1 2 true} {4 3 0 false}]"; got != want {
			w.t.Fatalf("%s, want %s", got, want)
		}
		w.q.Withdraw([]Written{{Seq: 2, Key: "b"}})
		if d := w.q.Duplicates([]string{"b"}); d != nil {
			w.t.Fatal(d)
		}
	}},
	{"G14 a back-off saturates, a given delay replaces it", func(c *Config) { c.RetryBackoffMS, c.RetryBackoffMaxMS = 1000, 5000 }, func(w *world) {
		w.write(make([]Written, 1)...)
		for n, low := range []int64{1000, 2000, 4000, 5000, 5000} {
			w.claims("w", 1, 1)
			c, skips := w.nack("w", Return{}, 1)
			if got := c.Jobs[0].DelayMS; got < low || got > low+low/10 {
				w.t.Fatalf("delivery %d waits %d ms", n+1, got)
			}
			w.does(c, skips, "[1] []")
			w.pass(5500)
		}
		w.claims("w", 1, 1)
		w.judged(w.nack("w", Return{Delayed: true}, 1))("[1] []")
		w.claims("w", 1, 1)
		c, skips := w.q.Release(w.now, []uint64{1}) // a release does not back off
		w.does(c, skips, "[1] []")
		w.lease("w", 100)
		w.pass(101) // an expiry does
		w.counts(0, 0, 1, 0)
	}},
	{"G15 what a call asks for is clamped", nil, func(w *world) {
		w.write(Written{})
		if c := w.lease("w", 5); c.LeaseMS != 100 {
			w.t.Fatal(c.LeaseMS)
		}
		c, _ := w.q.Extend(w.now, Call{Node: "w", Seqs: []uint64{1}}, 1e12)
		if c.LeaseMS != MaxLeaseMS {
			w.t.Fatal(c.LeaseMS)
		}
		w.commit(c)
		c, _ = w.nack("w", Return{Delayed: true, DelayMS: 1e12}, 1)
		if c.Jobs[0].DelayMS != MaxRetryDelayMS {
			w.t.Fatalf("%+v", c.Jobs)
		}
		w.q.Abort(c)
		if d, n, err := CheckDelay(new(int64), nil, w.now); d != 0 || n != 0 || err != nil {
			w.t.Fatal(d, n, err)
		}
		far := int64(9e15)
		if _, _, err := CheckDelay(&far, nil, w.now); !errors.Is(err, ErrTooFar) {
			w.t.Fatal(err)
		}
		if _, _, err := CheckDelay(nil, &far, w.now); !errors.Is(err, ErrTooFar) {
			w.t.Fatal(err)
		}
		if _, _, err := CheckDelay(&far, &far, w.now); !errors.Is(err, ErrTwoDelays) {
			w.t.Fatal(err)
		}
		if ClampMax(0, 1000) != 1 || ClampMax(-1, 1000) != 1 || ClampMax(2000, 1000) != 1000 || ClampPriority(101) != 100 || ClampPriority(-1e9) != -100 {
			w.t.Fatal("clamps")
		}
	}},
}
