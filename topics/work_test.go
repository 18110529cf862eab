package topics

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// What a worker was given and has not taken when it closes is free at once and
// uncounted, whether its leases are logged or not; and so is what it holds after
// its node has said that it leaves.
func TestQueueWorkerClosesWithJobs(t *testing.T) {
	for _, durable := range []bool{false, true} {
		queueBubble(t, func(t *testing.T, w *world) {
			ctx := context.Background()
			w.queueOf("q", func(p *record.ConfigPatch) { p.LeasesDurable = ptr(durable) })
			open := func() *jobs.Worker {
				t.Helper()
				worker, err := w.queues.Work("q", &jobs.Claim{Node: "n", Max: 2})
				if err != nil {
					t.Fatal(err)
				}
				return worker
			}
			w.enqueue("q", nil, nil, nil)
			open().Close()
			w.counts("q", 3, 0, 0, 0)
			leaver := open()
			e, err := leaver.Next(ctx)
			if err != nil || len(e.Jobs) != 2 || e.Jobs[0].Deliveries != 1 {
				t.Fatalf("%+v, %v", e, err)
			}
			_, err = w.queues.Nack(ctx, "q", queue.Call{Node: "n"}, queue.Return{Leaving: true})
			if err != nil {
				t.Fatal(err)
			}
			w.ack("q", "n", 1)
			w.counts("q", 1, 0, 0, 1) // its slot is not filled again
			leaver.Close()
			w.counts("q", 2, 0, 0, 0)
			got, err := w.queues.Claim(ctx, "q", &jobs.Claim{Node: "m", Max: 3})
			if err != nil || len(got.Jobs) != 2 || got.Jobs[0].Deliveries != 1 || got.Jobs[1].Deliveries != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	}
}
