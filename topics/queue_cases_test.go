package topics

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

func leases(c *jobs.Claimed) (ids []queue.LeaseID) {
	for i := range c.Jobs {
		ids = append(ids, c.Jobs[i].Lease)
	}
	return ids
}

func (w *world) leaseMS(name string, ms int64) *jobs.Claimed {
	w.t.Helper()
	c, err := w.queues.Claim(context.Background(), name, &jobs.Claim{Node: "w1", Max: 10, LeaseMS: ms})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func group(name string) *record.Job { return &record.Job{Group: []byte(name)} }

func TestQueueCase01LateAck(t *testing.T) {
	ctx := context.Background()
	for _, durable := range []bool{false, true} {
		w := newWorld(t)
		w.queueOf("q", func(p *record.ConfigPatch) { p.LeasesDurable = ptr(durable) })
		w.enqueue("q", nil, nil)
		c := w.leaseMS("q", 1000)
		w.now = c.Jobs[0].Deadline
		if out := w.ack("q", "w1", 1); len(out.Done) != 1 {
			t.Fatalf("%+v", out)
		}
		w.now++
		if out := w.ack("q", "w1", 2); len(out.Done) > 0 || out.Skipped[0].Why != queue.Expired {
			t.Fatalf("%+v", out)
		}
		out, err := w.queues.Extend(ctx, "q", queue.Call{Node: "w1", Seqs: []uint64{2}, Leases: leases(c)[1:]}, 0)
		if err != nil || len(out.Done) > 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		w.counts("q", 1, 0, 0, 0)
		if c := w.claims("q", "w2", 1, 2); c.Jobs[0].Deliveries != 2 {
			t.Fatalf("%+v", c)
		}
	}
}

func TestQueueCase03StaleLease(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.queueOf("q", nil)
	w.enqueue("q", nil)
	old := leases(w.leaseMS("q", 300))
	w.now += 400
	c := w.leaseMS("q", 5000)
	call := queue.Call{Node: "w1", Seqs: []uint64{1}, Leases: old}
	if out, err := w.queues.Extend(ctx, "q", call, 9000); err != nil || len(out.Done) > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := w.queues.Nack(ctx, "q", call, queue.Return{}); err != nil || len(out.Done) > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := w.queues.Ack(ctx, "q", call, nil); err != nil || len(out.Done) > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	page, err := w.queues.Jobs("q", queue.InFlight, 0, 10)
	if err != nil || page.Jobs[0].Deadline != c.Jobs[0].Deadline || page.Jobs[0].Node != "w1" {
		t.Fatalf("%+v, %v", page, err)
	}
	call.Leases = leases(c)
	if out, err := w.queues.Ack(ctx, "q", call, nil); err != nil || len(out.Done) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := w.queues.Ack(ctx, "q", call, nil); err != nil || out.Skipped[0].Why != queue.Gone {
		t.Fatalf("%+v, %v", out, err)
	}
}

func TestQueueCase05ShorterExtend(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", nil)
	w.enqueue("q", nil)
	w.leaseMS("q", 60_000)
	for _, test := range [][2]int64{{200, 200}, {5, 100}, {0, 30_000}, {200, 200}} {
		out, err := w.queues.Extend(context.Background(), "q", queue.Call{Node: "w1", Seqs: []uint64{1}}, test[0])
		if err != nil || out.Deadlines[1] != w.now+test[1] {
			t.Fatalf("%d: %+v, %v", test[0], out, err)
		}
	}
	w.now += 201
	w.claims("q", "w2", 1, 1)
}

func TestQueueCase08DelayOverRestart(t *testing.T) {
	for _, end := range []func(*world){func(w *world) { w.kill() }, func(w *world) { w.checkpoint(nil); w.kill() }} {
		w := newWorld(t)
		w.queueOf("q", nil)
		w.enqueue("q", &record.Job{Due: w.now + 60_000}, &record.Job{Due: w.now + 3000})
		w.now += 500
		end(w)
		w.claims("q", "w", 1)
		w.now += 2500
		w.claims("q", "w", 1, 2)
		w.now += 100_000
		end(w)
		w.claims("q", "w", 9, 1, 2)
	}
}

func TestQueueCase15DelayedInGroup(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", nil)
	late := group("g")
	late.Due = w.now + 60_000
	w.enqueue("q", group("g"), late, group("g"))
	w.claims("q", "w", 9, 1)
	w.ack("q", "w", 1)
	w.claims("q", "w", 9)
	w.counts("q", 0, 1, 1, 0)
	if out, err := w.queues.PromoteJobs(context.Background(), "q", []uint64{2, 3}); err != nil || !slices.Equal(out.Done, []uint64{2}) {
		t.Fatalf("%+v, %v", out, err)
	}
	w.claims("q", "w", 9, 2)
}

func TestQueueCase16Groups(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.MaxDeliveries, p.DeadLetter = ptr(int64(1)), ptr(ptr("dead")) })
	w.enqueue("q", group("g"), group("g"), group("g"))
	w.claims("q", "w", 9, 1)
	w.now += 30_001
	w.claims("q", "w", 9, 2) // the first one has moved
	if _, err := w.DeleteRecords(context.Background(), "q", &Deletion{Before: ptr(uint64(3))}); err != nil {
		t.Fatal(err)
	}
	w.claims("q", "w", 9, 3)
	if out := w.ack("q", "w", 2, 3); !slices.Equal(out.Done, []uint64{3}) || out.Skipped[0].Why != queue.Gone {
		t.Fatalf("%+v", out)
	}
	// A limit that is lowered takes the head, and the claim gets the next one.
	w.put("q", &record.ConfigPatch{Type: ptr("queue"), MaxDeliveries: ptr(int64(5)), DeadLetter: ptr(ptr("dead"))})
	w.enqueue("q", group("h"), group("h"))
	w.claims("q", "w", 9, 4)
	w.nack("q", "w", queue.Return{}, 4)
	w.put("q", &record.ConfigPatch{Type: ptr("queue"), MaxDeliveries: ptr(int64(1)), DeadLetter: ptr(ptr("dead"))})
	w.claims("q", "w", 9, 5)
}

func TestQueueCase23WithoutClaimers(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) {
		p.MaxDeliveries, p.DeadLetter, p.RetryBackoffMS = ptr(int64(2)), ptr(ptr("dead")), ptr(int64(60_000))
	})
	w.enqueue("q", nil, nil)
	w.claims("q", "w", 1, 1)
	w.nack("q", "w", queue.Return{Delayed: true}, 1)
	w.claims("q", "w", 1, 1)
	w.nack("q", "w", queue.Return{}, 1)
	if n := w.state("dead").Count; n != 1 {
		t.Fatalf("%d dead letters", n)
	}
	w.claims("q", "w", 1, 2)
	w.nack("q", "w", queue.Return{Delayed: true}, 2)
	w.claims("q", "w", 1, 2)
	w.now += 30_001
	w.queues.Tend(context.Background())
	if n := w.state("dead").Count; n != 2 {
		t.Fatalf("%d dead letters", n)
	}
	w.counts("q", 0, 0, 0, 0)
}

func TestQueueCase24BlockedDeadLetter(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.MaxDeliveries, p.DeadLetter = ptr(int64(1)), ptr(ptr("dead")) })
	w.put("dead", &record.ConfigPatch{CapRecords: ptr(int64(1)), Discard: ptr("reject")})
	w.write("dead", 1)
	w.enqueue("q", nil)
	w.claims("q", "w", 1, 1)
	w.nack("q", "w", queue.Return{}, 1)
	w.counts("q", 1, 0, 0, 0)
	if q := w.state("q").Queue; q.DeadLetterBlocked != 1 || q.DeadLettered != 0 || w.Totals().Jobs.DeadLetterBlocked != 1 {
		t.Fatalf("%+v", q)
	}
	if _, err := w.DeleteRecords(context.Background(), "dead", &Deletion{Before: ptr(uint64(9))}); err != nil {
		t.Fatal(err)
	}
	w.claims("q", "w", 1, 1)
	w.nack("q", "w", queue.Return{}, 1)
	if q := w.state("q").Queue; q.DeadLetterBlocked != 0 || q.DeadLettered != 1 {
		t.Fatalf("%+v", q)
	}
	if _, err := w.Delete(context.Background(), "dead", false); err != nil {
		t.Fatal(err)
	}
	w.enqueue("q", nil)
	w.claims("q", "w", 1, 2)
	w.nack("q", "w", queue.Return{}, 2)
	if n := w.state("dead").Count; n != 1 {
		t.Fatalf("%d dead letters in a topic that was made again", n)
	}
}

func TestQueueCase25PriorityLasts(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", nil)
	w.enqueue("q", &record.Job{Priority: -5}, nil, &record.Job{Priority: 7})
	w.kill()
	w.checkpoint(nil)
	w.kill()
	w.claims("q", "w", 1, 3)
	w.nack("q", "w", queue.Return{}, 3)
	w.claims("q", "w", 9, 3, 2, 1)
}

func TestQueueCase27RecordsGo(t *testing.T) {
	w := newWorld(t)
	w.queueOf("ttl", func(p *record.ConfigPatch) { p.TTLMS = ptr(int64(1000)) })
	w.enqueue("ttl", nil, group("g"))
	w.claims("ttl", "w", 1, 1)
	w.now += 2000
	if out := w.ack("ttl", "w", 1); out.Skipped[0].Why != queue.Gone {
		t.Fatalf("%+v", out)
	}
	w.counts("ttl", 0, 0, 0, 0)
	w.claims("ttl", "w", 9)
	w.queueOf("cap", func(p *record.ConfigPatch) { p.CapRecords = ptr(int64(3)) })
	w.enqueue("cap", nil, nil, nil)
	w.claims("cap", "w", 9, 1, 2, 3)
	w.enqueue("cap", nil, nil, nil)
	w.counts("cap", 3, 0, 0, 0)
	if out := w.ack("cap", "w", 1, 2, 3); len(out.Done) > 0 || w.state("cap").Queue.Lost != 3 {
		t.Fatalf("%+v", out)
	}
	if n := w.Totals().Jobs.Lost; n != 5 {
		t.Fatalf("%d lost", n)
	}
	w.kill()
	w.counts("cap", 3, 0, 0, 0)
}

func TestQueueCase30BatchAck(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", nil)
	for range 10 {
		w.append("q", &topic.Write{Records: []record.Record{{Data: []byte("x"), Tag: []byte(fmt.Sprint(w.stateHead("q") + 1))}}})
	}
	w.claims("q", "w1", 2, 1, 2)
	if _, err := w.queues.Claim(context.Background(), "q", &jobs.Claim{Node: "w1", Max: 1, LeaseMS: 100}); err != nil {
		t.Fatal(err)
	}
	w.claims("q", "w1", 7, 4, 5, 6, 7, 8, 9, 10)
	w.now += 101
	match, _ := record.NewMatch("Eq", "5")
	if _, err := w.DeleteRecords(context.Background(), "q", &Deletion{Match: &match}); err != nil {
		t.Fatal(err)
	}
	w.claims("q", "w2", 1, 3)
	out := w.ack("q", "w1", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 4, 999, math.MaxUint64, 9007199254740993)
	if !slices.Equal(out.Done, []uint64{1, 2, 4, 6, 7, 8, 9, 10}) {
		t.Fatalf("%+v", out)
	}
	want := []queue.Skip{{Seq: 3, Why: queue.Held}, {Seq: 5, Why: queue.Gone}, {Seq: 999, Why: queue.Unknown},
		{Seq: math.MaxUint64, Why: queue.Unknown}, {Seq: 9007199254740993, Why: queue.Unknown}}
	if !slices.Equal(out.Skipped, want) {
		t.Fatalf("%+v", out.Skipped)
	}
	if out := w.ack("q", "w1"); len(out.Done)+len(out.Skipped) > 0 {
		t.Fatalf("%+v", out)
	}
}

func (w *world) stateHead(name string) uint64 { return w.state(name).Head }

// A jump of the wall clock ends no lease and makes nothing due that waits for the
// time that passes; across a restart only the wall clock counts.
func TestQueueClockJump(t *testing.T) {
	passed := int64(0)
	w := newWorld(t, func(w *world) { w.opt.Elapsed = func() int64 { return passed } })
	w.queueOf("q", nil)
	w.enqueue("q", nil, &record.Job{Due: w.now + 5000}, &record.Job{Due: w.now + 5000, ByWall: true})
	w.claims("q", "w", 9, 1)
	w.now += 365 * 24 * 3600 * 1000
	w.counts("q", 1, 0, 1, 1)
	w.claims("q", "w", 9, 3)
	w.now, passed = w.now+5000, passed+5000
	w.claims("q", "w", 9, 2)
	if out := w.ack("q", "w", 1, 2, 3); len(out.Done) != 3 {
		t.Fatalf("%+v", out)
	}
}

// A router brings jobs into a queue with their groups and priorities, and takes
// each job out of one, also one that was acked.
func TestQueueRouters(t *testing.T) {
	for _, class := range everyClass {
		t.Run(class, func(t *testing.T) {
			w := newWorld(t)
			ctx := context.Background()
			w.queueOf("in", func(p *record.ConfigPatch) { p.Durability = ptr(class) })
			w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr(class) })
			w.connect("in>q", "in", "q")
			w.enqueue("in", &record.Job{Group: []byte("g"), Key: []byte("k")}, &record.Job{Group: []byte("g")}, &record.Job{Priority: 3})
			w.claims("in", "w", 1, 3)
			w.Forward(ctx)
			w.counts("q", 2, 1, 0, 0)
			w.claims("q", "w", 9, 3, 1)
			w.ack("in", "w", 3)
			if got, err := w.queues.Ack(ctx, "q", queue.Call{Node: "w", Seqs: []uint64{1}}, []jobs.Then{{Topic: "in", Write: &topic.Write{Records: records(1)}}}); err != nil || len(got.Done) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			w.Forward(ctx)
			if s := w.state("q"); s.Head != 4 || s.Count != 3 {
				t.Fatalf("%+v", s)
			}
			if class == "ephemeral" {
				return
			}
			w.restart()
			w.counts("q", 3, 0, 0, 0)
			w.claims("q", "w", 9, 3, 2, 4)
			if out := w.enqueue("q", &record.Job{Key: []byte("k")}); out.First == 0 {
				t.Fatal("a copy has the unique key")
			}
		})
	}
}

// A router takes a job out of a queue also if it is acked, or dead-lettered, before the
// router has come by.
func TestQueueRoutersTakeWhatEnds(t *testing.T) {
	for _, class := range everyClass {
		t.Run(class, func(t *testing.T) {
			w := newWorld(t)
			ctx := context.Background()
			w.queueOf("q", func(p *record.ConfigPatch) {
				p.Durability, p.DeadLetter = ptr(class), ptr(ptr("dead"))
			})
			w.connect("q>out", "q", "out")
			w.enqueue("q", nil, nil, nil)
			w.claims("q", "w", 2, 1, 2)
			w.ack("q", "w", 1)
			w.enqueue("q", nil)
			w.nack("q", "w", queue.Return{Dead: true}, 2)
			w.Forward(ctx)
			if s := w.state("out"); s.Head != 4 || s.Count != 4 {
				t.Fatalf("%+v", s)
			}
		})
	}
}
