package queue

import (
	"fmt"
	"maps"
	"slices"
)

// workerCases are about those who wait, and streams.
var workerCases = []queueCase{
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
	{"32 jobs that are due in one moment come in parts", nil, func(w *world) {
		const n = orderLimit + 5*advanceLimit
		w.bulk(n, func(i int) Written { return Written{DelayMS: 1000, Priority: int8(i / (n - 1))} })
		w.now.Mono, w.now.Wall = w.now.Mono+1000, w.now.Wall+1000
		w.q.Wait(w.now, Request{Node: "w", Max: 1})
		looked := int64(0)
		for w.q.behind(w.now) {
			grants := w.q.Serve(w.now)
			looked += advanceLimit
			if got := w.q.census.all.states[Ready] + w.q.census.all.states[InFlight]; got != looked {
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
}
