package topics

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// Case 28: after each of many calls, and without any timer having run, the counts of a
// queue are those of its lists of jobs, of its live records and of the metrics; a crash
// changes none of it.
func TestQueueCase28Counts(t *testing.T) {
	for seed := range uint64(4) {
		ctx := context.Background()
		rng := rand.New(rand.NewPCG(seed, 28))
		w := newWorld(t)
		w.queueOf("q", func(p *record.ConfigPatch) {
			p.LeasesDurable, p.MaxDeliveries, p.DeadLetter = ptr(seed%2 == 0), ptr(int64(3)), ptr(ptr("dead"))
			p.RetryBackoffMS, p.TTLMS = ptr(int64(200)), ptr(int64(20_000))
		})
		written := 0
		for range 250 {
			var held, delayed []uint64
			for _, j := range jobsIn(w, queue.InFlight) {
				held = append(held, j.Seq)
			}
			for _, j := range jobsIn(w, queue.Delayed) {
				delayed = append(delayed, j.Seq)
			}
			rng.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
			held = held[:min(len(held), 1+rng.IntN(3))]
			var err error
			switch rng.IntN(9) {
			case 0, 1:
				for range 1 + rng.IntN(4) {
					j := &record.Job{Group: []byte{"ab"[rng.IntN(2)]}, Priority: int8(rng.IntN(3))}
					if rng.IntN(3) == 0 {
						j = &record.Job{Due: w.now + 1 + int64(rng.IntN(2000)), ByWall: rng.IntN(2) == 0}
					}
					w.enqueue("q", j)
					written++
				}
			case 2, 3:
				_, err = w.queues.Claim(ctx, "q", &jobs.Claim{Node: "w", Max: 1 + rng.IntN(3), LeaseMS: int64(100 + rng.IntN(3000))})
			case 4:
				w.ack("q", "w", held...)
			case 5:
				w.nack("q", "w", queue.Return{Unstarted: rng.IntN(2) == 0, Dead: rng.IntN(4) == 0}, held...)
			case 6:
				_, err = w.queues.PromoteJobs(ctx, "q", delayed[:len(delayed)/2])
			case 7:
				_, err = w.queues.ReleaseJobs(ctx, "q", held)
			default:
				w.now += int64(rng.IntN(1500))
			}
			if err != nil {
				t.Fatal(err)
			}
			w.countsAgree("q")
			if rng.IntN(40) == 0 {
				w.kill()
				w.countsAgree("q")
			}
		}
		if written < 50 {
			t.Fatalf("only %d jobs", written)
		}
	}
}

func jobsIn(w *world, state queue.State) []queue.Info {
	w.t.Helper()
	page, err := w.queues.Jobs("q", state, 0, 10_000)
	if err != nil || page.Next != 0 {
		w.t.Fatalf("%+v, %v", page, err)
	}
	return page.Jobs
}

// countsAgree holds that all that counts the jobs of a queue, which is the only one,
// comes to the same.
func (w *world) countsAgree(name string) {
	w.t.Helper()
	list := map[queue.State]int64{}
	for _, state := range []queue.State{queue.Ready, queue.Blocked, queue.Delayed, queue.InFlight} {
		list[state] = int64(len(jobsIn(w, state)))
	}
	w.counts(name, list[queue.Ready], list[queue.Blocked], list[queue.Delayed], list[queue.InFlight])
	s := w.state(name)
	if live := int64(len(w.read(name, 0).Records)); live != s.Count {
		w.t.Fatalf("%d live records, and the count is %d", live, s.Count)
	}
	page, _ := w.Busiest(10)
	for i := range page {
		if page[i].Name == name && page[i].Jobs != *s.Queue {
			w.t.Fatalf("the metrics of %s have %+v, its state %+v", name, page[i].Jobs, *s.Queue)
		}
	}
}
