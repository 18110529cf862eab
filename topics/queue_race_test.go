package topics

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

func TestQueueCase10BackOffSpreads(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) {
		p.RetryBackoffMS, p.RetryBackoffMaxMS = ptr(int64(1000)), ptr(int64(5000))
	})
	w.enqueue("q", make([]*record.Job, 100)...)
	for n := range 8 {
		var seqs []uint64
		for _, j := range w.claim("q", "w", 100).Jobs {
			seqs = append(seqs, j.Seq)
		}
		w.nack("q", "w", queue.Return{}, seqs...)
		page, err := w.queues.Jobs("q", queue.Delayed, 0, 1000)
		if err != nil || len(page.Jobs) != 100 {
			t.Fatalf("%d delayed, %v", len(page.Jobs), err)
		}
		times, least := map[int64]bool{}, min(1000<<n, int64(5000))
		for _, j := range page.Jobs {
			times[j.Due] = true
			if wait := j.Due - w.now; wait < least || wait > least+least/10 {
				t.Fatalf("the back-off after nack %d is %d ms", n+1, wait)
			}
		}
		if len(times) < 20 {
			t.Fatalf("%d times of 100 jobs", len(times))
		}
		w.now += least + least/10
	}
	w.claims("q", "w", 1, 1)
	w.nack("q", "w", queue.Return{Delayed: true}, 1)
	w.claims("q", "w", 1, 1)
}

func TestQueueCase11Innocents(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.MaxDeliveries, p.DeadLetter = ptr(int64(2)), ptr(ptr("dead")) })
	w.enqueue("q", make([]*record.Job, 8)...)
	restart := func(most int, gives ...uint64) {
		t.Helper()
		worker, err := w.queues.Work("q", &jobs.Claim{Node: "n", Max: most})
		if err != nil {
			t.Fatal(err)
		}
		_, err = worker.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(gives) > 0 {
			w.nack("q", "n", queue.Return{Unstarted: true, Leaving: true}, gives...)
		}
		worker.Close()
	}
	for range 10 { // rolling restarts
		restart(8, 1, 2, 3, 4, 5, 6, 7, 8)
	}
	w.counts("q", 8, 0, 0, 0)
	for range 2 { // the first one kills its worker
		restart(1)
	}
	w.counts("q", 7, 0, 0, 0)
	if n := w.state("dead").Count; n != 1 {
		t.Fatalf("%d dead letters", n)
	}
	for _, j := range w.claim("q", "w", 8).Jobs {
		if j.Deliveries != 1 {
			t.Fatalf("job %d has %d deliveries", j.Seq, j.Deliveries)
		}
	}
}

// An ack and a write of the same key race: a write that says deduped came before the
// ack, and there is one live job of the key at any time.
func TestQueueCase20KeyAgainstAck(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds = 1000
	}
	ctx := context.Background()
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr("memory") })
	keyed := func() (seq uint64, deduped bool, err error) {
		out, err := w.Append(ctx, "q", &topic.Write{Records: []record.Record{jobRecord("x", &record.Job{Key: []byte("k")})}})
		if err != nil || out.Unique == nil {
			return out.First, false, err
		}
		return out.Unique.Seqs[0], len(out.Unique.Deduped) > 0, nil
	}
	live, _, err := keyed()
	if err != nil {
		t.Fatal(err)
	}
	for round := range rounds {
		w.claims("q", "w", 1, live)
		var racing sync.WaitGroup
		var acked *jobs.Result
		var ackErr, writeErr error
		var seq uint64
		var deduped bool
		racing.Go(func() { acked, ackErr = w.queues.Ack(ctx, "q", queue.Call{Node: "w", Seqs: []uint64{live}}, nil) })
		racing.Go(func() { seq, deduped, writeErr = keyed() })
		racing.Wait()
		if ackErr != nil || writeErr != nil || len(acked.Done) != 1 || deduped != (seq == live) {
			t.Fatalf("round %d: %+v, %v; %d, %v, %v", round, acked, ackErr, seq, deduped, writeErr)
		}
		if deduped {
			next, again, err := keyed()
			if err != nil || again || next <= live {
				t.Fatalf("round %d: after the ack a write is %d, %v, %v", round, next, again, err)
			}
			seq = next
		}
		if s := w.state("q"); s.Count != 1 {
			t.Fatalf("round %d: %d live jobs of one key", round, s.Count)
		}
		live = seq
	}
}

// Streams own what they took: closing one frees only its own jobs, whoever else has its
// name.
func TestQueueCase33Streams(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.queueOf("q", nil)
	w.enqueue("q", make([]*record.Job, 4)...)
	held := map[*jobs.Worker][]uint64{}
	var workers []*jobs.Worker
	for range 2 {
		worker, err := w.queues.Work("q", &jobs.Claim{Node: "w1", Max: 1})
		if err != nil {
			t.Fatal(err)
		}
		e, err := worker.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range e.Jobs {
			held[worker] = append(held[worker], j.Seq)
		}
		workers = append(workers, worker)
	}
	w.claims("q", "w1", 1, 3)
	if !slices.Equal(held[workers[0]], []uint64{1}) || !slices.Equal(held[workers[1]], []uint64{2}) {
		t.Fatal(fmt.Sprint(held))
	}
	workers[0].Close()
	w.counts("q", 2, 0, 0, 2)
	if c := w.claims("q", "other", 1, 1); c.Jobs[0].Deliveries != 2 {
		t.Fatalf("%+v", c.Jobs[0])
	}
	if out := w.ack("q", "w1", 1, 2, 3); !slices.Equal(out.Done, []uint64{2, 3}) {
		t.Fatalf("%+v", out)
	}
	workers[1].Close()
}
