package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// orderCases are about which job is next: groups, unique keys and priorities.
var orderCases = []queueCase{
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
			w.pass(30_001) // all of them sleep
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
