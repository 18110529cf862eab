package queue

import (
	"fmt"
	"slices"
)

// leaseCases are about leases, delays and deliveries, and what ends a job.
var leaseCases = []queueCase{
	{"1 late ack that is not contested", nil, func(w *world) {
		w.write(Written{})
		l := w.lease("w1", 1000)
		w.now.Mono = l.Deadline() + 50
		named := Call{Node: "w1", Seqs: []uint64{1}, Leases: []LeaseID{l.Lease(0)}}
		c, skips := w.q.Ack(w.now, named)
		w.does(c, skips, "[] [{1 expired}]")
		c, skips = w.q.Extend(w.now, named, 0)
		w.does(c, skips, "[] [{1 expired}]")
		w.counts(1, 0, 0, 0)
		if c := w.claims("w2", 1, 1); c.Jobs[0].Deliveries != 2 {
			w.t.Fatalf("%+v", c)
		}
	}},
	{"3 stale lease of the same node", nil, func(w *world) {
		w.write(Written{})
		l1 := w.lease("w1", 300)
		w.pass(400)
		l2 := w.lease("w1", 5000)
		stale := Call{Node: "w1", Seqs: []uint64{1}, Leases: []LeaseID{l1.Lease(0)}}
		c, skips := w.q.Extend(w.now, stale, 60_000)
		w.does(c, skips, "[] [{1 held}]")
		c, skips = w.q.Nack(w.now, stale, Return{})
		w.does(c, skips, "[] [{1 held}]")
		if i, _ := w.q.Job(w.now, 1); i.Deadline != w.now.wall(l2.Deadline()) {
			w.t.Fatalf("%+v", i)
		}
		c, skips = w.q.Ack(w.now, Call{Node: "w1", Seqs: []uint64{1}, Leases: []LeaseID{l2.Lease(0)}})
		w.does(c, skips, "[1] []")
		w.judged(w.ack("w1", 1))("[] [{1 gone}]")
	}},
	{"5 extend that shortens", nil, func(w *world) {
		w.write(Written{})
		w.lease("w1", 60_000)
		c, skips := w.q.Extend(w.now, Call{Node: "w1", Seqs: []uint64{1}}, 200)
		w.does(c, skips, "[1] []")
		w.q.Wait(w.now, Request{Node: "w2", Max: 1, WaitMS: 5000})
		if at, _ := w.q.Next(w.now); at != w.now.Mono+201 {
			w.t.Fatal(at)
		}
		if g := w.pass(201); len(g) != 1 || g[0].Claimed.Jobs[0].Deliveries != 2 {
			w.t.Fatalf("%+v", g)
		}
	}},
	{"6 a lease that is lost while the handler runs", nil, func(w *world) {
		w.write(Written{}, Written{})
		l1 := w.lease("w1", 1000)
		w.pass(900)
		named := Call{Node: "w1", Seqs: []uint64{1}, Leases: []LeaseID{l1.Lease(0)}}
		c, skips := w.q.Extend(w.now, named, 0) // from elsewhere, while the handler blocks
		w.does(c, skips, "[1] []")
		l2 := w.claims("w2", 1, 2) // the other one: the first is extended
		w.pass(30_001)             // the worker stands still, and so does the other one
		if c := w.claims("w3", 2, 1, 2); c.Jobs[0].Deliveries != 2 || c.Jobs[1].Deliveries != 2 {
			w.t.Fatalf("%+v", c)
		}
		// It goes on: whatever it tries is refused, and the lease of w3 stays as it was.
		before, _ := w.q.Job(w.now, 1)
		for _, call := range []Call{named, {Node: "w1", Seqs: []uint64{1}}, {Node: "w2", Seqs: []uint64{2}, Leases: []LeaseID{l2.Lease(0)}}} {
			want := fmt.Sprintf("[] [{%d held}]", call.Seqs[0])
			c, skips = w.q.Extend(w.now, call, 60_000)
			w.does(c, skips, want)
			c, skips = w.q.Nack(w.now, call, Return{})
			w.does(c, skips, want)
			c, skips = w.q.Ack(w.now, call)
			w.does(c, skips, want)
		}
		if after, _ := w.q.Job(w.now, 1); fmt.Sprint(after) != fmt.Sprint(before) {
			w.t.Fatalf("%+v, before %+v", after, before)
		}
		w.judged(w.ack("w3", 1, 2))("[1 2] []")
	}},
	{"8 one timer for all delays", nil, func(w *world) {
		w.write(slices.Repeat([]Written{{DelayMS: 60_000}}, 10_000)...)
		w.q.Wait(w.now, Request{Node: "w", Max: 1, WaitMS: 5000})
		w.write(Written{DelayMS: 300})
		if at, _ := w.q.Next(w.now); at != w.now.Mono+300 {
			w.t.Fatal(at)
		}
		if g := w.pass(300); len(g) != 1 || g[0].Claimed.Jobs[0].Seq != 10_001 {
			w.t.Fatalf("%+v", g)
		}
	}},
	{"9 extremes", nil, func(w *world) {
		w.write(Written{DelayMS: 1 << 32}, Written{DelayMS: -5}, Written{NotBefore: 1})
		w.counts(2, 0, 1, 0)
		w.pass(1<<32 - 1)
		w.counts(2, 0, 1, 0)
		w.pass(1)
		w.counts(3, 0, 0, 0)
	}},
	{"10 back-off saturates and spreads", func(c *Config) { c.RetryBackoffMS = 1000 }, func(w *world) {
		for n := range uint32(70) {
			low := min(int64(3_600_000), 1000<<min(n, 40))
			if got := w.q.withJitter(&w.q.cfg, &job{seq: 1, deliveries: n + 1}); got < low || got > low+low/10 {
				w.t.Fatalf("delivery %d waits %d", n+1, got)
			}
		}
		w.write(make([]Written, 100)...)
		w.claim("w", 100)
		var all []uint64
		for seq := range uint64(100) {
			all = append(all, seq+1)
		}
		c, _ := w.nack("w", Return{}, all...)
		due := map[int64]bool{}
		for _, j := range c.Jobs {
			due[j.DelayMS] = true
		}
		if len(due) < 20 {
			w.t.Fatalf("%d due times", len(due))
		}
		extreme := config(func(c *Config) { c.RetryBackoffMS, c.RetryBackoffMaxMS = 86_400_000, 0 }).Clamped()
		if got := extreme.backoff(65); got != 0 {
			w.t.Fatal(got)
		}
	}},
	{"11 innocents are not dead-lettered", dead(2, 0), func(w *world) {
		w.write(make([]Written, 8)...)
		for range 10 {
			w.claim("w", 8)
			w.judged(w.nack("w", Return{Unstarted: true}, 1, 2, 3, 4, 5, 6, 7, 8))("[1 2 3 4 5 6 7 8] []")
		}
		for range 2 { // a worker that starts the first, and is killed
			s := w.q.Stream(w.now, Request{Node: "w", Max: 8})
			w.serve()
			c := w.q.Config()
			c.Paused = true
			w.q.Configure(w.now, c)
			w.judged(w.nack("w", Return{Unstarted: true}, 2, 3, 4, 5, 6, 7, 8))("[2 3 4 5 6 7 8] []")
			w.commit(w.q.Leave(w.now, s))
			c.Paused = false
			w.q.Configure(w.now, c)
			w.serve()
		}
		w.holdsMoved("1:max_deliveries")
		w.counts(7, 0, 0, 0)
	}},
	{"24 a dead-letter topic that is full", dead(1, 0), func(w *world) {
		w.full = true
		w.write(Written{})
		w.claims("w", 1, 1)
		w.judged(w.nack("w", Return{}, 1))("[1] []")
		w.counts(1, 0, 0, 0)
		w.full = false
		w.lease("w", 100)
		w.pass(101)
		w.holdsMoved("1:max_deliveries")
	}},
	{"27 caps and ttls against jobs in flight", nil, func(w *world) {
		w.write(make([]Written, 3)...)
		w.claims("w", 3, 1, 2, 3)
		w.did(func(r *tape, q *Queue) {
			for seq := range uint64(3) {
				r.remove(seq + 1)
			}
			q.EndThrough(w.now, 3, Evicted, 3)
		})
		w.write(make([]Written, 3)...)
		w.counts(3, 0, 0, 0)
		w.judged(w.ack("w", 1, 2, 3))("[] [{1 gone} {2 gone} {3 gone}]")
		if c := w.q.Counts(w.now); c.Lost != 3 {
			w.t.Fatalf("%+v", c)
		}
		s := w.q.Stream(w.now, Request{Node: "w", Max: 2})
		w.serve()
		w.did(func(r *tape, q *Queue) {
			r.remove(4)
			r.remove(5)
			q.EndThrough(w.now, 5, Evicted, 2)
		})
		w.serve() // its slots are free
		if len(w.q.Losses()) != 2 || len(s.held) != 1 {
			w.t.Fatalf("%+v", s)
		}
	}},
}
