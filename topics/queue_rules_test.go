package topics

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// No lease is given twice, whatever ends the process, and whether or not leases last.
func TestQueueLeasesAreGivenOnce(t *testing.T) {
	for _, durable := range []bool{false, true} {
		for _, class := range everyClass {
			t.Run(fmt.Sprint(class, " durable ", durable), func(t *testing.T) {
				w := newWorld(t)
				given := map[queue.LeaseID]bool{}
				ends := []func(){
					func() { w.kill() }, func() { w.restart() }, func() { w.power(1) }, func() { w.checkpoint(nil); w.kill() },
					func() { w.delete("q", false) }, func() { w.delete("q", false); w.kill() },
				}
				for _, end := range append(ends, ends...) {
					w.queueOf("q", func(p *record.ConfigPatch) { p.Durability, p.LeasesDurable = ptr(class), ptr(durable) })
					w.enqueue("q", nil, nil)
					w.now += 30_001
					for _, id := range leases(w.claim("q", "w", 10)) {
						if given[id] {
							t.Fatalf("%v is given twice", id)
						}
						given[id] = true
					}
					end()
				}
				if len(given) < 2*len(ends) {
					t.Fatalf("%d leases", len(given))
				}
			})
		}
	}
}

// A write whose record is a duplicate of one on its way fails with that one.
func TestQueueDuplicateFailsWithTheFirst(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr("fsync") })
	keyed := func() *topic.Pending {
		return w.begin("q", &topic.Write{Records: []record.Record{jobRecord("x", &record.Job{Key: []byte("k")})}})
	}
	first, second := keyed(), keyed()
	w.fs.FailSync("*", 1)
	for _, p := range []*topic.Pending{first, second} {
		if out, err := p.Wait(); kindOf(err) != record.KindReadOnly {
			t.Fatalf("%+v, %v", out, err)
		}
	}
}

// Case 24: the dead letter's topic may have a lesser class than the queue. The move is
// durable under the queue's: after it was answered, the job is in one place, and not in
// the queue.
func TestQueueCase24Classes(t *testing.T) {
	ends := map[string]func(*world){"kill": func(w *world) { w.kill() }, "power": func(w *world) { w.power(2) }}
	for end, crash := range ends {
		for _, class := range []string{"disk", "fsync"} {
			if end == "power" && class != "fsync" {
				continue // what a power cut takes of the class is its own
			}
			for _, lesser := range []string{"memory", "disk", "fsync"} {
				t.Run(fmt.Sprint(end, " ", class, " ", lesser), func(t *testing.T) {
					w := newWorld(t)
					w.queueOf("q", func(p *record.ConfigPatch) { p.Durability, p.DeadLetter = ptr(class), ptr(ptr("dead")) })
					w.put("dead", &record.ConfigPatch{Durability: ptr(lesser)})
					w.enqueue("q", nil, nil)
					w.claims("q", "w", 1, 1)
					w.nack("q", "w", queue.Return{Dead: true}, 1)
					crash(w)
					if in, dead := seqs(w.read("q", 0)), seqs(w.read("dead", 0)); !slices.Equal(in, []uint64{2}) || !slices.Equal(dead, []uint64{1}) {
						t.Fatalf("the queue has %v, the dead letters are %v", in, dead)
					}
					if n := w.state("q").Queue.DeadLettered; n != 1 {
						t.Fatalf("%d were dead-lettered", n)
					}
				})
			}
		}
	}
	for _, class := range everyClass { // a topic that is made for it has the queue's
		w := newWorld(t)
		w.queueOf("q", func(p *record.ConfigPatch) { p.Durability, p.DeadLetter = ptr(class), ptr(ptr("dead")) })
		w.enqueue("q", nil)
		w.claims("q", "w", 1, 1)
		w.nack("q", "w", queue.Return{Dead: true}, 1)
		if c := w.state("dead").Config; c.Type != record.TypeLog || c.Durability != w.state("q").Config.Durability {
			t.Fatalf("%s: %+v", class, c)
		}
	}
}

// Case 31: on a full disk a job that is to be dead-lettered stays in its queue; with room
// again, it moves when its next delivery ends.
func TestQueueCase31FullDisk(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.DeadLetter = ptr(ptr("dead")) })
	big := &topic.Write{Records: []record.Record{{Data: make([]byte, 900_000)}, {Data: make([]byte, 900_000)}}}
	w.append("q", big)
	w.claims("q", "w", 2, 1, 2)
	w.write("fill", 1)
	w.fill("fill")
	w.nack("q", "w", queue.Return{Dead: true}, 1)
	w.counts("q", 1, 0, 0, 1)
	if q := w.state("q").Queue; q.DeadLetterBlocked != 1 || q.DeadLettered != 0 {
		t.Fatalf("%+v", q)
	}
	if out := w.ack("q", "w", 2); len(out.Done) != 1 {
		t.Fatalf("%+v", out)
	}
	w.fs.SetCapacity(0)
	if _, err := w.shared.Log.Tick(); err != nil {
		t.Fatal(err)
	}
	w.claims("q", "w", 1, 1)
	w.nack("q", "w", queue.Return{Dead: true}, 1)
	w.counts("q", 0, 0, 0, 0)
	if q := w.state("q").Queue; q.DeadLetterBlocked != 0 || q.DeadLettered != 1 || w.state("dead").Count != 1 {
		t.Fatalf("%+v", q)
	}
}

// Case 5: a claim that waits gets the job when the shortened lease is over; a longer one
// is not taken from its holder.
func TestQueueCase05Waits(t *testing.T) {
	queueBubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.queueOf("q", nil)
		w.enqueue("q", nil)
		w.claims("q", "w1", 1, 1)
		waits := w.waitClaim(ctx, "q", jobs.Claim{Node: "w2", Max: 1, WaitMS: 5000})
		extend := func(node string, ms int64) {
			t.Helper()
			out, err := w.queues.Extend(ctx, "q", queue.Call{Node: node, Seqs: []uint64{1}}, ms)
			if err != nil || len(out.Done) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
		}
		extend("w1", 200)
		got := <-waits
		if got.err != nil || len(got.Jobs) != 1 || got.Jobs[0].Deliveries != 2 || got.took < 200*time.Millisecond || got.took > 210*time.Millisecond {
			t.Fatalf("%+v after %v", got, got.took)
		}
		extend("w2", 60_000)
		if got := <-w.waitClaim(ctx, "q", jobs.Claim{Node: "w3", Max: 1, WaitMS: 500}); got.err != nil || len(got.Jobs) > 0 || got.took != 500*time.Millisecond {
			t.Fatalf("%+v after %v", got, got.took)
		}
		synctest.Wait()
	})
}
