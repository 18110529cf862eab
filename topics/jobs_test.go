package topics

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// queueOf makes a queue; change may set more of its config.
func (w *world) queueOf(name string, change func(*record.ConfigPatch)) {
	w.t.Helper()
	p := &record.ConfigPatch{Type: ptr("queue")}
	if change != nil {
		change(p)
	}
	w.put(name, p)
}

// job is a record with what its job says.
func jobRecord(data string, j *record.Job) record.Record {
	r := record.Record{Data: []byte(data)}
	if j != nil {
		r.Job = j.Encode()
	}
	return r
}

// enqueue writes jobs, each a record of its own in one write.
func (w *world) enqueue(name string, list ...*record.Job) topic.Written {
	w.t.Helper()
	wr := &topic.Write{}
	for i, j := range list {
		wr.Records = append(wr.Records, jobRecord(fmt.Sprint(i), j))
	}
	return w.append(name, wr)
}

func (w *world) claim(name, node string, most int) *jobs.Claimed {
	w.t.Helper()
	c, err := w.queues.Claim(context.Background(), name, &jobs.Claim{Node: node, Max: most})
	if err != nil {
		w.t.Fatalf("claim of %s: %v", name, err)
	}
	return c
}

// taken are the seqs of a claim's jobs.
func taken(c *jobs.Claimed) []uint64 {
	out := []uint64{}
	for i := range c.Jobs {
		out = append(out, c.Jobs[i].Seq)
	}
	return out
}

func (w *world) claims(name, node string, most int, want ...uint64) *jobs.Claimed {
	w.t.Helper()
	c := w.claim(name, node, most)
	if got := taken(c); !slices.Equal(got, append([]uint64{}, want...)) {
		w.t.Fatalf("claimed %v of %s, want %v", got, name, want)
	}
	return c
}

func (w *world) ack(name, node string, seqs ...uint64) *jobs.Result {
	w.t.Helper()
	out, err := w.queues.Ack(context.Background(), name, queue.Call{Node: node, Seqs: seqs}, nil)
	if err != nil {
		w.t.Fatalf("ack of %s: %v", name, err)
	}
	return out
}

func (w *world) nack(name, node string, ret queue.Return, seqs ...uint64) *jobs.Result {
	w.t.Helper()
	out, err := w.queues.Nack(context.Background(), name, queue.Call{Node: node, Seqs: seqs}, ret)
	if err != nil {
		w.t.Fatalf("nack of %s: %v", name, err)
	}
	return out
}

// counts holds the numbers of jobs: ready, blocked, delayed, in flight.
func (w *world) counts(name string, want ...int64) {
	w.t.Helper()
	s := w.state(name)
	q := s.Queue
	if got := []int64{q.Ready, q.Blocked, q.Delayed, q.InFlight}; !slices.Equal(got, want) {
		w.t.Fatalf("%s has %v ready, blocked, delayed, in flight, want %v", name, got, want)
	}
	if sum := q.Ready + q.Blocked + q.Delayed + q.InFlight; sum != s.Count {
		w.t.Fatalf("%s has %d jobs and %d records", name, sum, s.Count)
	}
}

func TestQueueClaimAck(t *testing.T) {
	for _, name := range everyClass {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr(name) })
			w.enqueue("q", nil, nil, nil)
			c := w.claims("q", "w1", 2, 1, 2)
			if c.Jobs[0].Deliveries != 1 || c.Jobs[0].Deadline != w.now+30_000 || string(c.Jobs[1].Data) != "1" || c.Counts.Ready != 1 {
				t.Fatalf("%+v", c)
			}
			w.counts("q", 1, 0, 0, 2)
			out := w.ack("q", "w1", 2, 1, 3, 9)
			want := []queue.Skip{{Seq: 3, Why: queue.Unknown}, {Seq: 9, Why: queue.Unknown}}
			if !slices.Equal(out.Done, []uint64{2, 1}) || !reflect.DeepEqual(out.Skipped, want) || out.Counts.Ready != 1 {
				t.Fatalf("%+v", out)
			}
			w.counts("q", 1, 0, 0, 0)
			if got := seqs(w.read("q", 0)); !slices.Equal(got, []uint64{3}) {
				t.Fatalf("seqs %v are left", got)
			}
			if w.read("q", 0).Tombstone != nil {
				t.Fatal("an ack is told as a loss")
			}
			w.claims("q", "w1", 9, 3)
			w.claims("q", "w1", 9)
			w.nack("q", "w1", queue.Return{}, 3)
			if c := w.claims("q", "w2", 9, 3); c.Jobs[0].Deliveries != 2 {
				t.Fatalf("%+v", c)
			}
		})
	}
}

func TestQueueErrors(t *testing.T) {
	w := newWorld(t)
	w.put("log", &record.ConfigPatch{})
	ctx := context.Background()
	if _, err := w.queues.Claim(ctx, "log", &jobs.Claim{Node: "n", Max: 1}); kindOf(err) != record.KindNotQueue {
		t.Fatal(err)
	}
	if _, err := w.queues.Claim(ctx, "none", &jobs.Claim{Node: "n", Max: 1}); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	if _, err := w.queues.Ack(ctx, "log", queue.Call{Node: "n", Seqs: []uint64{1}}, nil); kindOf(err) != record.KindNotQueue {
		t.Fatal(err)
	}
	if _, err := w.queues.Ack(ctx, "none", queue.Call{Node: "n", Seqs: []uint64{1}}, nil); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	if _, err := w.queues.Jobs("log", queue.Ready, 0, 1); kindOf(err) != record.KindNotQueue {
		t.Fatal(err)
	}
}

func TestQueueRestart(t *testing.T) {
	restarts := map[string]func(*world){
		"orderly":    func(w *world) { w.restart() },
		"kill":       func(w *world) { w.kill() },
		"power":      func(w *world) { w.power(1) },
		"checkpoint": func(w *world) { w.checkpoint(nil); w.kill() },
	}
	for name, restart := range restarts {
		for _, durable := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " durable ", durable), func(t *testing.T) {
				w := newWorld(t)
				w.queueOf("q", func(p *record.ConfigPatch) {
					p.Durability, p.LeasesDurable = ptr("fsync"), ptr(durable)
				})
				w.enqueue("q", nil, nil, nil, &record.Job{Group: []byte("g")}, &record.Job{Group: []byte("g"), Priority: 9},
					&record.Job{Priority: 5}, &record.Job{Due: w.now + 5000}, &record.Job{Due: w.now + 5000, ByWall: true})
				first := w.claims("q", "w1", 3, 6, 1, 2)
				w.ack("q", "w1", 1)
				w.nack("q", "w1", queue.Return{Delayed: true, DelayMS: 7000}, 6)
				if _, err := w.queues.PromoteJobs(context.Background(), "q", []uint64{8}); err != nil {
					t.Fatal(err)
				}
				w.counts("q", 3, 1, 2, 1)
				restart(w)
				if !durable {
					w.counts("q", 5, 1, 1, 0)
					if c := w.claims("q", "w2", 9, 6, 2, 3, 4, 8); c.Jobs[0].Deliveries != 1 {
						t.Fatalf("%+v", c.Jobs[0])
					}
					return
				}
				w.counts("q", 3, 1, 2, 1)
				out, err := w.queues.Ack(context.Background(), "q", queue.Call{Node: "w1", Seqs: []uint64{2}, Leases: []queue.LeaseID{first.Jobs[2].Lease}}, nil)
				if err != nil || len(out.Done) != 1 {
					t.Fatalf("%+v, %v", out, err)
				}
				w.now += 5000
				w.counts("q", 4, 1, 1, 0)
				w.now += 2000
				if c := w.claims("q", "w2", 1, 6); c.Jobs[0].Deliveries != 2 || c.Jobs[0].Lease == first.Jobs[0].Lease {
					t.Fatalf("%+v", c.Jobs[0])
				}
			})
		}
	}
}

func TestQueueDeadLetters(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) {
		p.MaxDeliveries, p.DeadLetter, p.Durability = ptr(int64(2)), ptr(ptr("dead")), ptr("fsync")
	})
	rec := jobRecord("data", &record.Job{Group: []byte("g"), Key: []byte("k")})
	rec.Meta, rec.Tag = []byte(`{"a": 1.0, "$dead_letter_from":"x","a":2 }`), []byte("tag")
	w.append("q", &topic.Write{Records: []record.Record{rec}})
	w.enqueue("q", &record.Job{Group: []byte("g")})
	w.claims("q", "w", 9, 1)
	w.nack("q", "w", queue.Return{}, 1)
	w.claims("q", "w", 9, 1)
	w.nack("q", "w", queue.Return{}, 1)
	w.counts("q", 1, 0, 0, 0)
	for range 2 {
		b := w.read("dead", 0)
		if len(b.Records) != 1 {
			t.Fatalf("%+v", b)
		}
		got := b.Records[0]
		if want := `{"a": 1.0,"a":2 ,"$dead_letter_from":"q","$dead_letter_deliveries":2,"$dead_letter_src_seq":1,"$dead_letter_reason":"max_deliveries"}`; string(got.Meta) != want {
			t.Fatalf("%s\n%s", got.Meta, want)
		}
		if string(got.Data) != "data" || string(got.Tag) != "tag" {
			t.Fatalf("%+v", got)
		}
		if s := w.state("dead"); s.Config.Type != record.TypeLog || s.Config.Durability != record.Fsync {
			t.Fatalf("%+v", s)
		}
		if n := w.state("q").Queue.DeadLettered; n != 1 {
			t.Fatalf("%d dead-lettered", n)
		}
		w.power(3)
	}
	w.claims("q", "w", 9, 2)
}

func TestQueueDeadLetterCycles(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	put := func(name, dead string, want record.Kind) {
		t.Helper()
		_, err := w.Put(ctx, name, &record.ConfigPatch{Type: ptr("queue"), DeadLetter: ptr(ptr(dead))})
		if kindOf(err) != want {
			t.Fatalf("%s with %s: %v", name, dead, err)
		}
	}
	put("A", "B", 0)
	put("B", "A", record.KindInvalid)
	put("B", "C", 0)
	put("C", "A", record.KindInvalid)
	put("D", "D", record.KindInvalid)
	if _, err := w.State("C", false); kindOf(err) != record.KindNotFound {
		t.Fatal("a refused config left a topic")
	}
	w.kill()
	put("C", "A", record.KindInvalid)
	w.refused("C", &topic.Write{Records: records(1), Config: &record.ConfigPatch{Type: ptr("queue"), DeadLetter: ptr(ptr("A"))}}, record.KindInvalid)
	if _, err := w.Patch(ctx, "A", &record.ConfigPatch{DeadLetter: ptr((*string)(nil))}); err != nil {
		t.Fatal(err)
	}
	put("C", "A", 0)
	if _, err := w.Patch(ctx, "A", &record.ConfigPatch{DeadLetter: ptr(ptr("B"))}); kindOf(err) != record.KindInvalid {
		t.Fatal(err)
	}
	if _, err := w.Delete(ctx, "C", false); err != nil {
		t.Fatal(err)
	}
	put("A", "B", 0)
}

func TestQueueReplayDead(t *testing.T) {
	ctx := context.Background()
	for _, class := range everyClass {
		t.Run(class, func(t *testing.T) {
			w := newWorld(t)
			w.queueOf("q", func(p *record.ConfigPatch) {
				p.DeadLetter, p.Durability, p.Discard, p.CapRecords = ptr(ptr("dead")), ptr(class), ptr("reject"), ptr(int64(10))
			})
			reject := func(seqs ...uint64) {
				w.claims("q", "w", 9, seqs...)
				w.nack("q", "w", queue.Return{Dead: true, Reason: "bad"}, seqs...)
			}
			w.enqueue("q", &record.Job{Key: []byte("k"), Priority: 3, Group: []byte("g")}, nil, nil)
			reject(1, 2, 3)
			page, err := w.queues.DeadLetters(ctx, "q", &jobs.DeadQuery{Limit: 2})
			if err != nil || len(page.Letters) != 2 || page.Letters[0].Source != 1 || page.Letters[0].Reason != "bad" || page.Next != 2 {
				t.Fatalf("%+v, %v", page, err)
			}
			if page, err = w.queues.DeadLetters(ctx, "q", &jobs.DeadQuery{After: page.Next, Limit: 2}); err != nil || len(page.Letters) != 1 || page.Next != 0 {
				t.Fatalf("%+v, %v", page, err)
			}
			out, err := w.queues.ReplayDead(ctx, "q", &jobs.DeadSelection{Seqs: []uint64{1, 7, 1, 7}})
			if err != nil || !slices.Equal(out.Done, []uint64{1}) || !slices.Equal(out.Replayed, []uint64{4}) || len(out.Skipped) != 1 || out.Skipped[0].Seq != 7 {
				t.Fatalf("%+v, %v", out, err)
			}
			if out, err = w.queues.ReplayDead(ctx, "q", &jobs.DeadSelection{Seqs: []uint64{1}}); err != nil || len(out.Done) > 0 || out.Skipped[0].Err.Kind != record.KindNotFound {
				t.Fatalf("%+v, %v", out, err)
			}
			c := w.claims("q", "w", 9, 4)
			j, _ := record.DecodeJob(c.Jobs[0].Job)
			if c.Jobs[0].Deliveries != 1 || c.Jobs[0].Meta != nil || string(j.Key) != "k" || j.Dead || j.Priority != 3 || string(j.Group) != "g" {
				t.Fatalf("%+v, %+v", c.Jobs[0], j)
			}
			w.nack("q", "w", queue.Return{Dead: true}, 4)
			w.enqueue("q", &record.Job{Key: []byte("k")})
			out, err = w.queues.ReplayDead(ctx, "q", &jobs.DeadSelection{})
			if err != nil || !slices.Equal(out.Done, []uint64{2, 3}) || len(out.Skipped) != 1 || out.Skipped[0].Err.Kind != record.KindKeyLive || out.Skipped[0].Err.Detail["seq"] != uint64(5) {
				t.Fatalf("%+v, %v", out, err)
			}
			w.enqueue("q", make([]*record.Job, 7)...)
			w.ack("q", "w", w.claim("q", "w", 1).Jobs[0].Seq)
			w.enqueue("q", nil)
			if out, err = w.queues.ReplayDead(ctx, "q", &jobs.DeadSelection{}); err != nil || len(out.Done) > 0 || out.Skipped[0].Err.Kind != record.KindFull {
				t.Fatalf("%+v, %v", out, err)
			}
			if out, err = w.queues.PurgeDead(ctx, "q", &jobs.DeadSelection{}); err != nil || len(out.Done) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
			if page, err = w.queues.DeadLetters(ctx, "q", &jobs.DeadQuery{Limit: 2}); err != nil || len(page.Letters) != 0 {
				t.Fatalf("%+v, %v", page, err)
			}
		})
	}
}

// What follows an ack is in one frame with it.
func TestQueueThen(t *testing.T) {
	ctx := context.Background()
	for _, class := range everyClass {
		for _, next := range everyClass {
			t.Run(class+" "+next, func(t *testing.T) {
				w := newWorld(t)
				w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr(class) })
				w.enqueue("q", nil, nil)
				w.claims("q", "w", 9, 1, 2)
				then := []jobs.Then{
					{Topic: "next", Write: &topic.Write{Records: records(2), Config: &record.ConfigPatch{Durability: ptr(next)}}},
					{Topic: "q", Write: &topic.Write{Records: records(1)}},
				}
				out, err := w.queues.Ack(ctx, "q", queue.Call{Node: "w", Seqs: []uint64{1, 5}}, then)
				if err != nil || len(out.Done) != 1 || len(out.Then) != 2 || out.Then[0].Last != 2 || out.Then[1].First != 3 || !out.Then[0].Created {
					t.Fatalf("%+v, %v", out, err)
				}
				if _, err := w.queues.Ack(ctx, "q", queue.Call{Node: "w", Seqs: []uint64{1}}, then); kindOf(err) != record.KindNothingAcked {
					t.Fatal(err)
				}
				check := func(q, n []uint64) {
					t.Helper()
					if got := seqs(w.read("q", 0)); !slices.Equal(got, q) {
						t.Fatalf("the queue has %v, want %v", got, q)
					}
					if got := seqs(w.read("next", 0)); !slices.Equal(got, n) {
						t.Fatalf("the next has %v, want %v", got, n)
					}
				}
				check([]uint64{2, 3}, []uint64{1, 2})
				w.restart()
				if class == "ephemeral" || next == "ephemeral" {
					return
				}
				check([]uint64{2, 3}, []uint64{1, 2})
				w.checkpoint(nil)
				check([]uint64{2, 3}, []uint64{1, 2})
				w.kill()
				check([]uint64{2, 3}, []uint64{1, 2})
				w.claims("q", "w", 9, 2, 3)
			})
		}
	}
}

func TestQueueUniqueKeys(t *testing.T) {
	key := func(k string) *record.Job { return &record.Job{Key: []byte(k)} }
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.Discard, p.CapRecords = ptr("reject"), ptr(int64(3)) })
	out := w.enqueue("q", key("a"), nil, key("a"), key("b"))
	if u := out.Unique; out.First != 1 || out.Last != 3 || out.Count != 3 || !slices.Equal(u.Seqs, []uint64{1, 2, 1, 3}) || !slices.Equal(u.Deduped, []uint64{1}) {
		t.Fatalf("%+v, %+v", out, u)
	}
	out = w.enqueue("q", key("b"), key("a"))
	if u := out.Unique; out.First != 0 || out.Last != 0 || out.Count != 0 || !slices.Equal(u.Seqs, []uint64{3, 1}) || !slices.Equal(u.Deduped, []uint64{3, 1}) {
		t.Fatalf("%+v, %+v", out, u)
	}
	w.refused("q", &topic.Write{Records: []record.Record{jobRecord("x", key("c"))}}, record.KindFull)
	w.kill()
	w.claims("q", "w", 1, 1)
	if out = w.enqueue("q", key("a")); !slices.Equal(out.Unique.Deduped, []uint64{1}) {
		t.Fatalf("%+v", out)
	}
	w.ack("q", "w", 1)
	if out = w.enqueue("q", key("a")); out.First != 4 || out.Unique.Deduped != nil {
		t.Fatalf("%+v", out)
	}
	// A duplicate of a write that is under way is answered with it.
	w.ack("q", "w", w.claim("q", "w", 1).Jobs[0].Seq)
	p, err := w.Begin(context.Background(), "q", &topic.Write{Records: []record.Record{jobRecord("x", key("d"))}})
	if err != nil {
		t.Fatal(err)
	}
	same, err := w.Begin(context.Background(), "q", &topic.Write{Records: []record.Record{jobRecord("x", key("d"))}})
	if err != nil {
		t.Fatal(err)
	}
	if got := seqs(w.read("q", 4)); len(got) > 0 {
		t.Fatalf("%v", got)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if out, err = same.Wait(); err != nil || !slices.Equal(out.Unique.Deduped, []uint64{5}) {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := seqs(w.read("q", 4)); !slices.Equal(got, []uint64{5}) {
		t.Fatalf("%v", got)
	}
	// A log keeps nothing of it.
	w.write("log", 1)
	out = w.append("log", &topic.Write{Records: []record.Record{jobRecord("x", key("d")), jobRecord("x", key("d"))}})
	if out.Unique != nil || out.Count != 2 || w.read("log", 1).Records[0].Job != nil {
		t.Fatalf("%+v", out)
	}
}

// More jobs than one section of the lock looks at are due together: all of them are
// there when the keeper has been by.
func TestQueueManyDue(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", nil)
	const n = 1200
	list := make([]*record.Job, n)
	for i := range list {
		list[i] = &record.Job{Due: w.now + 1000}
	}
	w.enqueue("q", list...)
	w.now += 1000
	w.queues.Tend(context.Background())
	w.claims("q", "w", 2, 1, 2)
	w.counts("q", n-2, 0, 0, 2)
	if got := w.Totals().Jobs; got.Ready != n-2 || got.Delayed != 0 {
		t.Fatalf("%+v", got)
	}
	w.now += 30_000
	w.kill()
	w.queues.Tend(context.Background())
	w.counts("q", n, 0, 0, 0)
}
