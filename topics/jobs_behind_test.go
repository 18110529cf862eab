package topics

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// More jobs than a queue looks at in one step are due at the same time: those who wait
// for them need nothing else to happen.
func TestManyJobsDueReachWhoWaits(t *testing.T) {
	for _, many := range []int{50, 120, 250, 420, 550} {
		queueBubble(t, func(t *testing.T, w *world) {
			w.queueOf("q", nil)
			list := make([]*record.Job, many)
			for i := range list {
				list[i] = &record.Job{Due: 1_010_000}
			}
			w.enqueue("q", list...)
			worker, err := w.queues.Work("q", &jobs.Claim{Node: "n", Max: 5})
			if err != nil {
				t.Fatal(err)
			}
			defer worker.Close()
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			began := time.Now()
			event, err := worker.Next(ctx)
			if took := time.Since(began); err != nil || len(event.Jobs) != 5 || took > 11*time.Second {
				t.Errorf("of %d jobs that are due after 10 s it has %d after %s: %v", many, len(event.Jobs), took, err)
			}
		})
	}
}

// A worker that holds more jobs than a queue takes out in one step is told of all that
// are deleted.
func TestManyJobsGoneAreLost(t *testing.T) {
	for _, many := range []int{50, 120, 250, 420, 550} {
		queueBubble(t, func(t *testing.T, w *world) {
			w.queueOf("q", nil)
			w.enqueue("q", make([]*record.Job, many)...)
			worker, err := w.queues.Work("q", &jobs.Claim{Node: "n", Max: many})
			if err != nil {
				t.Fatal(err)
			}
			defer worker.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // within their leases
			defer cancel()
			held := 0
			for held < many {
				event, err := worker.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				held += len(event.Jobs)
			}
			before := uint64(many + 1)
			if _, err := w.DeleteRecords(ctx, "q", &Deletion{Before: &before}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			lost := 0
			for lost < many {
				event, err := worker.Next(ctx)
				if err != nil {
					t.Errorf("of %d jobs that are gone it has lost %d: %v", many, lost, err)
					break
				}
				lost += len(event.Lost)
			}
		})
	}
}

// So many jobs wait for their move that a claim looks no further, and all of them end
// before they are moved: who waits is served with the next one.
func TestMovesThatEndedServeWhoWaits(t *testing.T) {
	const many = 1000
	w := newWorld(t)
	w.queueOf("q", nil)
	w.enqueue("q", make([]*record.Job, many+1)...)
	w.nack("q", "w", queue.Return{}, taken(w.claim("q", "w", many))...)
	w.queueOf("q", func(p *record.ConfigPatch) { p.MaxDeliveries, p.DeadLetter = ptr(int64(1)), ptr(ptr("dead")) })
	worker, err := w.queues.Work("q", &jobs.Claim{Node: "n", Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Close()
	w.counts("q", 1, 0, 0, many)
	before := uint64(many + 1)
	if _, err := w.DeleteRecords(t.Context(), "q", &Deletion{Before: &before}); err != nil {
		t.Fatal(err)
	}
	w.queues.Tend(t.Context())
	w.counts("q", 0, 0, 0, 1)
}
