package queue

import "slices"

// leaseRules are G1 to G7: leases, restarts and dead letters.
var leaseRules = []rule{
	{"G1 the clock when the call came decides", nil, func(w *world) {
		w.write(Written{})
		l := w.claims("w", 1, 1)
		w.now.Mono = l.Deadline() + 1
		w.judged(w.ack("w", 1))("[] [{1 expired}]") // no timer has run
		w.serve()
		w.counts(1, 0, 0, 0)
		late := w.now
		w.now.Mono = l.Deadline()
		c, skips := w.ack("w", 1) // came in time, is looked at after the timer
		w.now = late
		w.does(c, skips, "[1] []")
		w.counts(0, 0, 0, 0)
	}},
	{"G1 a late call is late though no other claimed", nil, func(w *world) {
		w.write(Written{})
		w.lease("w", 100)
		w.pass(101)
		w.judged(w.ack("w", 1))("[] [{1 expired}]")
		w.judged(w.nack("w", Return{}, 1))("[] [{1 expired}]")
		c, skips := w.q.Extend(w.now, Call{Node: "w", Seqs: []uint64{1}}, 0)
		w.does(c, skips, "[] [{1 expired}]")
		if c := w.claims("v", 1, 1); c.Jobs[0].Deliveries != 2 {
			w.t.Fatalf("%+v", c.Jobs)
		}
	}},
	{"G1 an extend that came in time keeps the job from its move", dead(1, 0), func(w *world) {
		w.write(Written{})
		l := w.lease("w", 100)
		came := w.now
		came.Mono = l.Deadline()
		w.now.Mono += 101
		w.q.Advance(w.now)
		c, skips := w.q.Extend(came, Call{Node: "w", Seqs: []uint64{1}}, 1000)
		w.does(c, skips, "[1] []")
		w.holdsMoved("")
		w.counts(0, 0, 0, 1)
	}},
	{"G2 a call under way holds the job however long it takes", nil, func(w *world) {
		w.write(Written{})
		w.lease("w", 100)
		c, _ := w.ack("w", 1)
		w.pass(60_000)
		w.claims("v", 1)
		w.counts(0, 0, 0, 1)
		w.judged(w.ack("w", 1))("[] [{1 held}]")
		w.commit(c)
		w.counts(0, 0, 0, 0)
	}},
	{"G2 if it fails the lease is as it was", nil, func(w *world) {
		w.write(Written{})
		w.lease("w", 1000)
		c, _ := w.ack("w", 1)
		w.pass(999)
		w.q.Abort(c)
		w.serve()
		w.counts(0, 0, 0, 1)
		w.pass(2)
		w.counts(1, 0, 0, 0)
		claim := w.q.Wait(w.now, Request{Node: "v"})
		g := w.q.Serve(w.now)
		if len(g) != 1 || g[0].Waiter != claim {
			w.t.Fatalf("%+v", g)
		}
		w.counts(0, 0, 0, 1)
		w.q.Abort(g[0].Claimed)
		w.counts(1, 0, 0, 0)
		if c := w.claims("v", 1, 1); c.Jobs[0].Deliveries != 2 {
			w.t.Fatalf("a claim that failed was counted: %+v", c.Jobs)
		}
	}},
	{"G3 a lease is never given twice", func(c *Config) { c.LeasesDurable = true }, func(w *world) {
		given := map[LeaseID]bool{}
		note := func(c *Change) {
			for i := range c.Jobs {
				if given[c.Lease(i)] {
					w.t.Fatalf("%v given twice", c.Lease(i))
				}
				given[c.Lease(i)] = true
			}
		}
		w.write(make([]Written, 9)...)
		note(w.claims("w", 2, 1, 2))
		note(w.claims("w", 2, 3, 4))
		c := w.q.claim(w.now, w.q.newWaiter(Request{Node: "w"}), 1)
		note(c)
		w.q.Abort(c)
		note(w.claims("w", 1, 5))
		w.tape, w.q = w.restored()
		note(w.claims("w", 2, 6, 7))
		w.tape, w.q = w.replayed()
		note(w.claims("w", 2, 8, 9))
	}},
	{"G3 a node is taken at its word, a stale lease is not", nil, func(w *world) {
		w.write(Written{})
		l1 := w.lease("w", 300)
		w.pass(400)
		l2 := w.lease("w", 5000)
		stale := Call{Node: "w", Seqs: []uint64{1}, Leases: []LeaseID{l1.Lease(0)}}
		c, skips := w.q.Ack(w.now, stale)
		w.does(c, skips, "[] [{1 held}]")
		c, skips = w.q.Ack(w.now, Call{Node: "v", Seqs: []uint64{1}, Leases: []LeaseID{l2.Lease(0)}})
		w.does(c, skips, "[] [{1 held}]")
		w.judged(w.ack("w", 1))("[1] []")
	}},
	{"G4 delays count from the write, not_before follows the wall clock", nil, func(w *world) {
		w.write(Written{DelayMS: 1000}, Written{NotBefore: w.now.Wall + 1000})
		w.now.Wall += 1000
		w.serve()
		w.counts(1, 0, 1, 0)
		w.claims("w", 2, 2)
		w.now.Wall -= 900_000
		w.write(Written{NotBefore: w.now.Wall + 5})
		w.pass(999)
		w.claims("w", 1, 3)
		w.pass(1)
		w.claims("w", 1, 1)
	}},
	{"G4 time away counts", func(c *Config) { c.LeasesDurable = true }, func(w *world) {
		w.write(Written{DelayMS: 1000}, Written{}, Written{})
		w.lease("w", 1000)
		w.lease("w", 5000)
		b := w.q.Snapshot(nil, w.now, 3)
		back := Time{Mono: 5, Wall: w.now.Wall + 1001} // the clock has begun anew
		q, err := Restore(options(w.tape, w.q.cfg), b, 3, back)
		if err != nil {
			w.t.Fatal(err)
		}
		w.q, w.now = q, back
		w.counts(2, 0, 0, 1)
		if at, ok := q.Next(back); !ok || at != 5+3999+1 {
			w.t.Fatalf("the lease ends at %d, %v", at, ok)
		}
	}},
	{"G5 a restart forgets leases, counts, back-offs and a nack's delay", nil, func(w *world) {
		w.write(Written{}, Written{Priority: 1}, Written{Group: "g", Key: "k"}, Written{Group: "g", DelayMS: 9000}, Written{DelayMS: 700})
		w.claims("w", 9, 2, 1, 3)
		w.judged(w.nack("w", Return{Delayed: true, DelayMS: 600_000}, 1, 2))("[1 2] []")
		for _, revive := range []func() (*tape, *Queue){w.restored, w.replayed} {
			w.tape, w.q = revive()
			w.counts(3, 0, 2, 0)
			if p := w.q.List(w.now, Ready, 0, 9); p.Jobs[1].Priority != 1 || p.Jobs[2].Key != "k" || p.Jobs[0].Deliveries+p.Jobs[2].Deliveries > 0 {
				w.t.Fatalf("%+v", p)
			}
		}
		c := w.claims("w", 9, 2, 1, 3)
		if c.Jobs[0].Deliveries != 1 {
			w.t.Fatalf("%+v", c.Jobs)
		}
	}},
	{"G5 durable leases keep all of them", func(c *Config) { c.LeasesDurable = true }, func(w *world) {
		w.write(Written{}, Written{}, Written{Group: "g"}, Written{Group: "g"})
		w.claims("w", 3, 1, 2, 3)
		w.judged(w.nack("w", Return{Delayed: true, DelayMS: 600}, 1))("[1] []")
		want := listed(w.q, w.now, true)
		for _, revive := range []func() (*tape, *Queue){w.restored, w.replayed} {
			w.tape, w.q = revive()
			if got := listed(w.q, w.now, true); !slices.Equal(got, want) {
				w.t.Fatalf("%v\nwant %v", got, want)
			}
		}
		w.judged(w.ack("w", 1, 2, 3))("[2 3] [{1 expired}]")
	}},
	{"G6 dead-lettered when the last delivery ends, at once", dead(2, 60_000), func(w *world) {
		w.write(Written{}, Written{}, Written{})
		for range 2 {
			w.claims("w", 1, 1)
			w.judged(w.nack("w", Return{Delayed: true}, 1))("[1] []")
		}
		w.holdsMoved("1:max_deliveries")
		w.claims("w", 1, 2)
		w.pass(30_001 + 66_000)
		w.claims("w", 1, 2)
		w.pass(30_001) // its expiry, with no claim
		w.holdsMoved("1:max_deliveries 2:max_deliveries")
		s := w.q.Stream(w.now, Request{Node: "w", Max: 1, LeaseMS: 1e6})
		w.serve()
		w.commit(w.q.Leave(w.now, s))
		w.serve()
		s = w.q.Stream(w.now, Request{Node: "w", Max: 1, LeaseMS: 1e6})
		w.serve()
		w.commit(w.q.Leave(w.now, s)) // a disconnect
		w.serve()
		w.holdsMoved("1:max_deliveries 2:max_deliveries 3:max_deliveries")
		w.counts(0, 0, 0, 0)
	}},
	{"G6 the limit is looked at before each delivery", dead(0, 0), func(w *world) {
		w.write(Written{}, Written{})
		for range 3 {
			w.claims("w", 1, 1)
			w.judged(w.nack("w", Return{Delayed: true}, 1))("[1] []")
		}
		w.did(func(_ *tape, q *Queue) { q.Configure(w.now, config(func(c *Config) { c.MaxDeliveries = 1 })) })
		w.claims("w", 1, 1) // no dead-letter topic: it stays claimable
		w.judged(w.nack("w", Return{Delayed: true}, 1))("[1] []")
		w.did(func(_ *tape, q *Queue) { q.Configure(w.now, config(dead(1, 0))) })
		w.claims("w", 1, 2) // the next is answered in the same call
		w.holdsMoved("1:max_deliveries")
	}},
	{"G6 a nack may reject, with a reason", dead(0, 1000), func(w *world) {
		w.write(Written{}, Written{}, Written{})
		w.claims("w", 3, 1, 2, 3)
		w.judged(w.nack("w", Return{Dead: true}, 1))("[1] []")
		w.judged(w.nack("w", Return{Dead: true, Reason: "bad address"}, 2))("[2] []")
		w.holdsMoved("1:rejected 2:bad address")
		w.q.Configure(w.now, DefaultConfig())
		w.judged(w.nack("w", Return{Dead: true}, 3))("[3] []") // to where?
		w.counts(1, 0, 0, 0)
	}},
	{"G6 no dead letter is left waiting when there is no topic for it any more", func(c *Config) {
		dead(1, 0)(c)
		c.LeasesDurable = true
	}, func(w *world) {
		w.write(Written{})
		l := w.lease("w", 100)
		came := w.now
		came.Mono = l.Deadline()
		w.now.Mono += 101
		w.q.Advance(w.now) // its last delivery is over
		c, _ := w.q.Ack(came, Call{Node: "w", Seqs: []uint64{1}})
		w.q.Configure(w.now, config(func(c *Config) { c.LeasesDurable = true }))
		here := w.q
		w.tape, w.q = w.restored()
		w.counts(1, 0, 0, 0)
		w.q = here
		w.q.Abort(c)
		w.counts(1, 0, 0, 0)
	}},
	{"G7 a job that the dead-letter topic cannot take stays claimable", dead(1, 0), func(w *world) {
		w.full = true
		w.write(Written{})
		for range 2 {
			w.claims("w", 1, 1)
			w.judged(w.nack("w", Return{}, 1))("[1] []")
			w.counts(1, 0, 0, 0)
			if c := w.q.Counts(w.now); c.DeadLetterBlocked != 1 || c.DeadLettered != 0 {
				w.t.Fatalf("%+v", c)
			}
		}
		w.full = false
		w.serve()
		w.counts(1, 0, 0, 0) // until its next delivery ends
		w.claims("w", 1, 1)
		w.judged(w.nack("w", Return{Unstarted: true}, 1))("[1] []") // which this was not
		w.counts(1, 0, 0, 0)
		w.claims("w", 1, 1)
		w.judged(w.nack("w", Return{}, 1))("[1] []")
		if c := w.q.Counts(w.now); c.DeadLetterBlocked != 0 || c.DeadLettered != 1 {
			w.t.Fatalf("%+v", c)
		}
	}},
}
