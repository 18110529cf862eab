package queue

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCases has what broke in other queues, by the number of each case, as far
// as it is about the states of jobs.
func TestCases(t *testing.T) {
	for _, c := range []struct {
		name   string
		config func(*Config)
		run    func(*world)
	}{
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
				if got := w.q.withJitter(&job{seq: 1, deliveries: n + 1}); got < low || got > low+low/10 {
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
		{"13 herd and fairness", nil, func(w *world) {
			var waiters []*Waiter
			for range 500 {
				waiters = append(waiters, w.q.Wait(w.now, Request{Node: "w", Max: 1, WaitMS: 1000}))
			}
			w.write(Written{})
			if g := w.serve(); len(g) != 1 || g[0].Waiter != waiters[0] || w.q.line.Len() != 499 {
				w.t.Fatalf("%+v", g)
			}
			w.write(make([]Written, 10)...)
			for i, g := range w.serve() {
				if g.Waiter != waiters[1+i] || i == 10 {
					w.t.Fatalf("%d: %+v", i, g)
				}
			}
			if g := w.pass(1000); len(g) != 489 || g[0].Claimed != nil {
				w.t.Fatal(len(g))
			}
		}},
		{"15 a later delayed job does not block an earlier one", nil, func(w *world) {
			w.write(Written{Group: "g"}, Written{Group: "g", DelayMS: 60_000}, Written{Group: "g"})
			w.claims("w", 3, 1)
			w.judged(w.ack("w", 1))("[1] []")
			w.claims("w", 3)
			w.counts(0, 1, 1, 0)
			c, skips := w.q.Promote(w.now, []uint64{2})
			w.does(c, skips, "[2] []")
			w.claims("w", 3, 2)
		}},
		{"16a a dead head frees its group in the same call", dead(1, 60_000), func(w *world) {
			w.write(slices.Repeat([]Written{{Group: "g"}}, 3)...)
			w.claims("w", 3, 1)
			w.judged(w.nack("w", Return{}, 1))("[1] []")
			w.claims("w", 3, 2)
		}},
		{"16c never two of one group, in order", func(c *Config) { c.LeasesDurable = true }, sixtyFourWorkers},
		{"17 a hot group hides no other", nil, func(w *world) {
			w.write(slices.Repeat([]Written{{Group: "A"}}, 100_000)...)
			w.claims("w", 1, 1)
			w.write(Written{Group: "B"}, Written{})
			w.claims("w", 2, 100_001, 100_002)
		}},
		{"20 a key against its ack", nil, func(w *world) {
			w.write(Written{Key: "k"})
			for seq := uint64(1); seq < 1000; seq++ {
				w.claims("w", 1, seq)
				if d := w.q.Duplicates([]string{"k"}); len(d) != 1 || d[0].Seq != seq {
					w.t.Fatalf("running, and a duplicate is %+v", d)
				}
				c, _ := w.ack("w", seq)
				if d := w.q.Duplicates([]string{"k"}); d != nil {
					w.t.Fatalf("the ack was before the write, and yet %+v", d)
				}
				w.q.Promise([]Written{{Seq: seq + 1, Key: "k"}})
				if d := w.q.Duplicates([]string{"k"}); len(d) != 1 || !d[0].Pending || d[0].Seq != seq+1 {
					w.t.Fatalf("%+v", d)
				}
				w.commit(c)
				w.write(Written{Key: "k"})
			}
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
		{"25 priority lasts, and orders what is due together", func(c *Config) { c.LeasesDurable = true }, func(w *world) {
			w.write(Written{Priority: -5}, Written{}, Written{Priority: 7})
			w.tape, w.q = w.restored()
			w.claims("w", 1, 3)
			w.judged(w.nack("w", Return{}, 3))("[3] []")
			w.claims("w", 3, 3, 2, 1)
			w.judged(w.ack("w", 1, 2, 3))("[1 2 3] []")
			var jobs []Written
			for i := range 1000 {
				jobs = append(jobs, Written{DelayMS: 500, Priority: int8(i % 7)})
			}
			w.write(jobs...)
			w.pass(500)
			last := rank{}
			for _, seq := range w.claim("w", 1000).Seqs() {
				r := rank{order: orderOf(jobs[seq-4].Priority, false), seq: seq}
				if r.before(last) {
					w.t.Fatalf("%+v after %+v", r, last)
				}
				last = r
			}
			w.write(Written{Group: "g"}, Written{Group: "g", Priority: 100})
			w.claims("w", 1, 1004)
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
		{"32 jobs that are due in one moment come in parts", nil, func(w *world) {
			const n = orderLimit + 5*advanceLimit
			w.bulk(n, func(i int) Written { return Written{DelayMS: 1000, Priority: int8(i / (n - 1))} })
			w.now.Mono, w.now.Wall = w.now.Mono+1000, w.now.Wall+1000
			w.q.Wait(w.now, Request{Node: "w", Max: 1})
			looked := int64(0)
			for w.q.behind(w.now) {
				grants := w.q.Serve(w.now)
				looked += advanceLimit
				if got := w.q.count[Ready] + w.q.count[InFlight]; got != looked {
					w.t.Fatalf("%d are ready, %d were looked at", got, looked)
				}
				if at, ok := w.q.Next(w.now); looked < n && (!ok || at != w.now.Mono) {
					w.t.Fatalf("the next time is %d, now is %d", at, w.now.Mono)
				}
				if (len(grants) > 0) != (looked == orderLimit) {
					w.t.Fatalf("%d grants when %d were looked at", len(grants), looked)
				}
				for _, g := range grants {
					w.commit(g.Claimed)
				}
			}
			w.claims("w", 1, n) // the most urgent one
		}},
		{"32 no claim goes away empty while a part is left", dead(1, 0), func(w *world) {
			w.bulk(advanceLimit, func(int) Written { return Written{} })
			if c := w.claim("other", advanceLimit); len(c.Jobs) != advanceLimit {
				w.t.Fatalf("%d jobs", len(c.Jobs))
			}
			w.now.Mono, w.now.Wall = w.now.Mono+w.q.cfg.LeaseMS, w.now.Wall+w.q.cfg.LeaseMS
			w.write(Written{DelayMS: 1})
			w.now.Mono, w.now.Wall = w.now.Mono+1, w.now.Wall+1
			w.claims("w", 1, advanceLimit+1)
		}},
		{"32 a page looks at a bounded number of jobs", nil, func(w *world) {
			w.write(slices.Repeat([]Written{{DelayMS: 1000}}, 2*pageLooks)...)
			w.write(Written{Priority: 1}, Written{})
			pages, after := 0, uint64(0)
			var found []uint64
			for {
				p := w.q.List(w.now, Ready, after, 10)
				pages++
				for _, i := range p.Jobs {
					found = append(found, i.Seq)
				}
				if p.Next == 0 {
					break
				}
				after = p.Next
			}
			if pages != 3 || !slices.Equal(found, []uint64{2*pageLooks + 1, 2*pageLooks + 2}) {
				w.t.Fatalf("%d pages with %v", pages, found)
			}
		}},
		{"33b streams own what they took", nil, func(w *world) {
			w.write(make([]Written, 3)...)
			a := w.q.Stream(w.now, Request{Node: "w", Max: 1})
			w.q.Stream(w.now, Request{Node: "w", Max: 1})
			w.serve()
			w.claims("w", 1, 3)
			if c := w.q.Leave(w.now, a); fmt.Sprint(c.Seqs()) != "[1]" {
				w.t.Fatalf("%+v", c)
			}
		}},
		{"33d freed slots alternate by arrival", nil, func(w *world) {
			a := w.q.Stream(w.now, Request{Node: "a", Max: 4})
			w.write(make([]Written, 4)...)
			w.serve()
			b := w.q.Stream(w.now, Request{Node: "b", Max: 1})
			next := uint64(5)
			for range 5 {
				seq := slices.Min(slices.Collect(maps.Keys(a.held)))
				w.judged(w.ack("a", seq))(fmt.Sprintf("[%d] []", seq))
				w.write(Written{}, Written{})
				if g := w.serve(); len(g) != 2 || g[0].Waiter != b || g[1].Waiter != a {
					w.t.Fatalf("%+v", g)
				}
				w.judged(w.ack("b", next))(fmt.Sprintf("[%d] []", next))
				next += 2
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, config(c.config))
			c.run(w)
			if err := w.q.broken(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// sixtyFourWorkers claim from ten groups of a hundred, ack, nack and forget what they
// hold, and are restarted in the middle.
func sixtyFourWorkers(w *world) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		w.write(Written{Group: fmt.Sprint(i % 10)})
	}
	running, done := map[uint64]uint64{}, map[uint64]uint64{} // by group: the job, the last one acked
	held := map[string][]uint64{}
	for round := 0; w.tape.n > 0; round++ {
		if round > 100_000 {
			w.t.Fatalf("%d jobs are left", w.tape.n)
		}
		if round == 500 {
			w.tape, w.q = w.restored()
		}
		node := fmt.Sprint(random.IntN(64))
		for _, seq := range w.claim(node, 10).Seqs() {
			group := (seq - 1) % 10
			if running[group] != 0 || seq != group+1 && done[group] != seq-10 {
				w.t.Fatalf("job %d is delivered, of its group %d runs and %d was done last", seq, running[group], done[group])
			}
			running[group] = seq
			held[node] = append(held[node], seq)
		}
		mine := held[node]
		switch random.IntN(4) {
		case 0:
			w.judged(w.nack(node, Return{}, mine...))(fmt.Sprint(mine, []Skip(nil)))
		case 1:
			if len(held) == 0 {
				continue
			}
			w.pass(30_001) // everybody has gone to sleep
			clear(held)
			clear(running)
			continue
		default:
			w.judged(w.ack(node, mine...))(fmt.Sprint(mine, []Skip(nil)))
			for _, seq := range mine {
				done[(seq-1)%10] = seq
			}
		}
		for _, seq := range mine {
			delete(running, (seq-1)%10)
		}
		delete(held, node)
	}
}
