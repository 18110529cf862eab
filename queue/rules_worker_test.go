package queue

import "fmt"

// workerRules are G16 to G25: workers, streams and waiters.
var workerRules = []rule{
	{"G16 an unstarted delivery and a release do not count", dead(2, 1000), func(w *world) {
		w.write(Written{})
		for range 5 {
			if c := w.claims("w", 1, 1); c.Jobs[0].Deliveries != 1 {
				w.t.Fatalf("%+v", c.Jobs)
			}
			w.judged(w.nack("w", Return{Unstarted: true}, 1))("[1] []")
			w.claims("w", 1, 1)
			c, skips := w.q.Release(w.now, []uint64{1})
			w.does(c, skips, "[1] []")
			w.commit(w.q.Undo(w.now, w.claims("w", 1, 1)))
		}
		w.holdsMoved("")
	}},
	{"G17 a stream is told what it lost, and gets no more after an expiry until it calls", nil, func(w *world) {
		s := w.q.Stream(w.now, Request{Node: "w", Max: 2, LeaseMS: 1000})
		w.write(make([]Written, 5)...)
		w.serve()
		w.counts(3, 0, 0, 2)
		c, skips := w.q.Release(w.now, []uint64{1})
		w.does(c, skips, "[1] []") // its slot takes it again
		w.did(func(r *tape, q *Queue) { r.remove(2); q.EndJobs(w.now, []uint64{2}, Deleted) })
		w.serve()
		w.counts(2, 0, 0, 2)
		w.pass(1001)
		w.counts(4, 0, 0, 0)
		why := ""
		for _, l := range w.q.Losses() {
			if l.Stream != s {
				w.t.Fatalf("%+v", l)
			}
			why += fmt.Sprint(l.Seq, l.Why, " ")
		}
		if why != "1released 2gone 1expired 3expired " {
			w.t.Fatal(why)
		}
		w.judged(w.ack("w", 1))("[] [{1 expired}]")
		w.counts(2, 0, 0, 2)
		if c := w.q.Leave(w.now, s); fmt.Sprint(c.Seqs()) != "[1 3]" {
			w.t.Fatalf("%+v", c)
		}
	}},
	{"G17 a lease that comes back in time takes no slot that is another job's", nil, func(w *world) {
		s := w.q.Stream(w.now, Request{Node: "w", Max: 1, LeaseMS: 100})
		w.write(Written{Priority: 1})
		w.serve()
		came := w.now
		came.Mono += 100
		w.pass(101) // it is over
		w.write(Written{Priority: 2})
		w.judged(w.ack("w", 1))("[] [{1 expired}]") // the stream is alive, and gets the other job
		c, skips := w.q.Extend(came, Call{Node: "w", Seqs: []uint64{1}}, 1000)
		w.does(c, skips, "[1] []")
		w.counts(0, 0, 0, 2)
		if c := w.q.Leave(w.now, s); len(s.held) != 1 || fmt.Sprint(c.Seqs()) != "[2]" {
			w.t.Fatalf("%+v", c)
		}
	}},
	{"G16 a node that leaves gets no further job, and what its streams hold goes back uncounted", dead(2, 1000), func(w *world) {
		s, other := w.q.Stream(w.now, Request{Node: "w", Max: 2}), w.q.Stream(w.now, Request{Node: "x", Max: 1})
		w.write(make([]Written, 6)...)
		w.serve()
		w.counts(3, 0, 0, 3)
		w.judged(w.nack("w", Return{Unstarted: true, Leaving: true}, 2))("[2] []")
		w.counts(4, 0, 0, 2)
		w.judged(w.ack("x", 3))("[3] []") // others are served
		w.counts(3, 0, 0, 2)
		w.commit(w.q.Leave(w.now, s))
		w.counts(4, 0, 0, 1)
		if c := w.claims("v", 2, 1, 4); c.Jobs[0].Deliveries != 1 || c.Jobs[1].Deliveries != 1 {
			w.t.Fatalf("%+v", c.Jobs)
		}
		if c := w.q.Leave(w.now, other); !c.Counted || c.Jobs[0].Deliveries != 1 {
			w.t.Fatalf("%+v", c)
		}
		w.q.Stream(w.now, Request{Node: "w", Max: 1}) // one that is opened later is another one
		w.serve()
		w.counts(1, 0, 0, 4)
	}},
	{"G18 served in order of arrival, one job wakes one", nil, func(w *world) {
		var order []*Waiter
		for range 5 {
			order = append(order, w.q.Wait(w.now, Request{Node: "w", Max: 3, WaitMS: 1000}))
		}
		w.commit(w.q.Leave(w.now, order[1])) // its client is gone
		w.write(Written{})
		if g := w.serve(); len(g) != 1 || g[0].Waiter != order[0] {
			w.t.Fatalf("%+v", g)
		}
		late := w.q.Wait(w.now, Request{Node: "x", Max: 1})
		w.write(make([]Written, 4)...)
		if g := w.serve(); len(g) != 3 || g[0].Waiter != order[2] || g[1].Waiter != order[3] || g[2].Waiter != late || g[2].Claimed != nil {
			w.t.Fatalf("%+v", g) // one without a wait does not overtake
		}
		if at, ok := w.q.Next(w.now); !ok || at != w.now.Mono+1000 {
			w.t.Fatal(at, ok)
		}
		if g := w.pass(1000); len(g) != 1 || g[0].Waiter != order[4] || g[0].Claimed != nil {
			w.t.Fatalf("%+v", g)
		}
		w.q.Wait(w.now, Request{WaitMS: 1e6})
		if left := w.q.Dismiss(); len(left) != 1 || w.q.line.Len() != 0 {
			w.t.Fatalf("%+v", left)
		}
	}},
	{"G19 a paused queue gives nothing, and takes all", func(c *Config) { c.Paused = true }, func(w *world) {
		w.write(Written{})
		w.claims("w", 1)
		w.q.Stream(w.now, Request{Node: "s", Max: 2})
		w.counts(1, 0, 0, 0)
		w.q.Configure(w.now, DefaultConfig())
		w.serve()
		w.counts(0, 0, 0, 1)
		w.q.Configure(w.now, config(func(c *Config) { c.Paused = true }))
		w.judged(w.ack("s", 1))("[1] []")
	}},
	{"G20 each once, in order, with its reason", nil, func(w *world) {
		w.write(make([]Written, 5)...)
		w.claims("w", 2, 1, 2)
		w.claims("v", 1, 3)
		w.lease("w", 100)
		w.did(func(r *tape, q *Queue) { r.remove(2); q.EndJobs(w.now, []uint64{2}, Deleted) })
		w.pass(101)
		w.judged(w.ack("w", 1, 2, 3, 4, 5, 1<<64-1, 4, 1, 0))(
			"[1] [{2 gone} {3 held} {4 expired} {5 unknown} {18446744073709551615 unknown} {0 unknown}]")
		c, skips := w.q.Ack(w.now, Call{Node: "w"})
		w.does(c, skips, "[] []")
	}},
	{"G21 reclaimed first within a priority, by seq", nil, func(w *world) {
		w.write(Written{}, Written{}, Written{}, Written{Priority: -1}, Written{Priority: 1})
		w.claims("w", 3, 5, 1, 2)
		w.judged(w.nack("w", Return{}, 2))("[2] []")
		w.judged(w.nack("w", Return{Unstarted: true}, 1))("[1] []")
		w.judged(w.nack("w", Return{}, 5))("[5] []")
		w.write(Written{DelayMS: 5})
		w.pass(5)
		w.write(Written{})
		w.claims("w", 9, 5, 1, 2, 3, 6, 7, 4)
	}},
	{"G22 a changed config holds for what happens next", func(c *Config) { c.RetryBackoffMS = 1000 }, func(w *world) {
		w.write(Written{}, Written{}, Written{})
		w.claims("w", 2, 1, 2)
		w.judged(w.nack("w", Return{}, 1))("[1] []")
		w.q.Configure(w.now, config(func(c *Config) { c.LeaseMS = 100 }))
		w.pass(999)
		w.counts(1, 0, 1, 1)
		w.pass(101)
		w.counts(2, 0, 0, 1)
		if c := w.claims("w", 1, 1); c.LeaseMS != 100 {
			w.t.Fatal(c.LeaseMS)
		}
	}},
	{"G24 a cohort shares, streams are not part of it", func(c *Config) { c.ClaimJitterMS = 50 }, func(w *world) {
		w.write(make([]Written, 51)...)
		first := w.q.Wait(w.now, Request{Node: "a", Max: 10})
		w.q.Stream(w.now, Request{Node: "s", Max: 1})
		if g := w.serve(); len(g) != 1 || g[0].Waiter == first {
			w.t.Fatalf("%+v", g)
		}
		for range 9 {
			w.now.Mono += 5
			w.q.Wait(w.now, Request{Node: "a", Max: 10})
			if g := w.serve(); g != nil {
				w.t.Fatalf("%+v", g)
			}
		}
		if at, ok := w.q.Next(w.now); !ok || at != 1050 {
			w.t.Fatal(at, ok)
		}
		w.now.Mono = 1050
		for _, g := range w.serve() {
			if len(g.Claimed.Jobs) != 5 {
				w.t.Fatalf("%+v", g)
			}
		}
		w.counts(0, 0, 0, 51)
	}},
	{"G24 a cohort shares in proportion to what each asks for", func(c *Config) { c.ClaimJitterMS = 50 }, func(w *world) {
		w.write(make([]Written, 20)...)
		for _, most := range []int{10, 20, 10} { // 40 are asked for, 20 are there
			w.q.Wait(w.now, Request{Node: "a", Max: most})
		}
		if g := w.serve(); g != nil {
			w.t.Fatalf("%+v", g)
		}
		w.now.Mono += 50
		for i, g := range w.serve() {
			if want := []int{5, 10, 5}[i]; len(g.Claimed.Jobs) != want {
				w.t.Fatalf("claim %d has %d jobs, want %d", i, len(g.Claimed.Jobs), want)
			}
		}
		w.counts(0, 0, 0, 20)
	}},
	{"G25 promote makes delayed and backed-off jobs due", nil, func(w *world) {
		w.write(Written{DelayMS: 9000}, Written{}, Written{Group: "g"}, Written{Group: "g", DelayMS: 9000}, Written{NotBefore: w.now.Wall + 9000})
		w.claims("w", 1, 2)
		w.judged(w.nack("w", Return{Delayed: true, DelayMS: 5000}, 2))("[2] []")
		c, skips := w.q.Promote(w.now, []uint64{1, 2, 3, 4, 5, 6})
		w.does(c, skips, "[1 2 4 5] [{3 unknown} {6 unknown}]")
		w.counts(4, 1, 0, 0)
		w.tape, w.q = w.replayed()
		w.counts(4, 1, 0, 0)
	}},
}
