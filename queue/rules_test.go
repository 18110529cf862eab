package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestRules has a row for each exact rule of queues that the states of jobs hold
// by themselves. What else a rule says is up to the topic and the API.
func TestRules(t *testing.T) {
	for _, rule := range []struct {
		name   string
		config func(*Config)
		run    func(*world)
	}{
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
			w.judged(w.nack("w", Return{}, 1))("[1] []")
			if c := w.q.Counts(w.now); c.DeadLetterBlocked != 0 || c.DeadLettered != 1 {
				w.t.Fatalf("%+v", c)
			}
		}},
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
	} {
		t.Run(strings.ReplaceAll(rule.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t, config(rule.config))
			w.t = t
			rule.run(w)
			if err := w.q.broken(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// dead is a queue with a dead-letter topic.
func dead(most, backoff int64) func(*Config) {
	return func(c *Config) {
		c.DeadLetter, c.MaxDeliveries, c.RetryBackoffMS = most > 0 || backoff > 0, most, backoff
	}
}

// judged is does for a call that has not been spread yet.
func (w *world) judged(c *Change, skips []Skip) func(want string) {
	return func(want string) {
		w.t.Helper()
		w.does(c, skips, want)
	}
}

// holdsMoved holds what the dead-letter topic has got, and why.
func (w *world) holdsMoved(want string) {
	w.t.Helper()
	var got []string
	for _, m := range w.moved {
		got = append(got, fmt.Sprintf("%d:%s", m.Seq, m.Reason))
	}
	if s := strings.Join(got, " "); s != want {
		w.t.Fatalf("moved %q, want %q", s, want)
	}
}
