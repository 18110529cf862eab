package topics

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// queueBubble runs a test in a world under a clock of its own, with everything
// running that a server has.
func queueBubble(t *testing.T, test func(*testing.T, *world)) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := newWorld(t, func(w *world) {
			w.wal.Manual = false
			w.opt.Now = func() int64 { return 1_000_000 + time.Since(began).Milliseconds() }
		})
		w.RunSweeper()
		test(t, w)
		if err := w.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.shared.Log.Close()
		w.Registry = nil
	})
}

type waited struct {
	*jobs.Claimed
	err  error
	took time.Duration
}

// waitClaim starts a claim that waits.
func (w *world) waitClaim(ctx context.Context, name string, c jobs.Claim) <-chan waited {
	done := make(chan waited, 1)
	began := time.Now()
	go func() {
		out, err := w.queues.Claim(ctx, name, &c)
		done <- waited{out, err, time.Since(began)}
	}()
	synctest.Wait()
	return done
}

// Claims that wait are served in order of arrival, one for one job, and end with
// their time; drain answers them at once.
func TestQueueCase13Waiters(t *testing.T) {
	queueBubble(t, func(t *testing.T, w *world) {
		w.queueOf("q", nil)
		var all []<-chan waited
		for range 20 {
			all = append(all, w.waitClaim(context.Background(), "q", jobs.Claim{Node: "n", Max: 1, WaitMS: 60_000}))
		}
		w.enqueue("q", nil)
		synctest.Wait()
		if got := <-all[0]; got.err != nil || !slices.Equal(taken(got.Claimed), []uint64{1}) || got.took != 0 {
			t.Fatalf("%+v", got)
		}
		w.claims("q", "n", 5) // overtakes none
		w.enqueue("q", nil, nil, nil)
		for i := 1; i <= 3; i++ {
			if got := <-all[i]; got.err != nil || !slices.Equal(taken(got.Claimed), []uint64{uint64(i + 1)}) {
				t.Fatalf("%+v", got)
			}
		}
		for _, done := range all[4:10] {
			if len(done) > 0 {
				t.Fatal("a claim is answered with nothing before its time")
			}
		}
		time.Sleep(30 * time.Second) // the leases end
		synctest.Wait()
		if got := <-all[4]; got.Jobs[0].Seq != 1 || got.Jobs[0].Deliveries != 2 || got.took != 30_001*time.Millisecond && got.took != 30*time.Second {
			t.Fatalf("%+v", got)
		}
		time.Sleep(time.Minute)
		for i, done := range all[8:] {
			if got := <-done; got.err != nil || len(got.Jobs) > 0 && i > 8 || got.took > time.Minute {
				t.Fatalf("%d: %+v", i, got)
			}
		}
	})
}

func TestQueueCase29DeletedAndDrained(t *testing.T) {
	queueBubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.queueOf("q", nil)
		claim := w.waitClaim(ctx, "q", jobs.Claim{Node: "n", Max: 1, WaitMS: 60_000})
		worker, err := w.queues.Work("q", &jobs.Claim{Node: "n", Max: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Delete(ctx, "q", false); err != nil {
			t.Fatal(err)
		}
		if got := <-claim; kindOf(got.err) != record.KindNotFound {
			t.Fatalf("%+v", got)
		}
		if _, err := worker.Next(ctx); kindOf(err) != record.KindNotFound {
			t.Fatal(err)
		}
		worker.Close()
		w.queueOf("q", func(p *record.ConfigPatch) { p.LeasesDurable = ptr(true) })
		w.enqueue("q", nil, nil)
		held, err := w.queues.Work("q", &jobs.Claim{Node: "n", Max: 1})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := held.Next(ctx); err != nil || len(e.Jobs) != 1 {
			t.Fatalf("%+v, %v", e, err)
		}
		w.claims("q", "n", 1, 2)
		claim = w.waitClaim(ctx, "q", jobs.Claim{Node: "n", Max: 1, WaitMS: 60_000})
		if err := w.Registry.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if got := <-claim; got.err != nil || len(got.Jobs) > 0 || got.took != 0 {
			t.Fatalf("%+v", got)
		}
		if _, err := held.Next(ctx); kindOf(err) != record.KindClosed {
			t.Fatal(err)
		}
		w.counts("q", 1, 0, 0, 1) // the worker's lease is free, the claim's is not
		w.shared.Closing.Store(false)
	})
}

func TestQueueWorker(t *testing.T) {
	queueBubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.queueOf("q", nil)
		worker, err := w.queues.Work("q", &jobs.Claim{Node: "n", Max: 2, LeaseMS: 1000})
		if err != nil {
			t.Fatal(err)
		}
		next := func(want ...uint64) jobs.Event {
			t.Helper()
			var got []uint64
			var e jobs.Event
			for len(got) < len(want) {
				var err error
				e, err = worker.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, j := range e.Jobs {
					got = append(got, j.Seq)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			return e
		}
		w.enqueue("q", nil, nil, nil, nil)
		next(1, 2)
		w.counts("q", 2, 0, 0, 2)
		w.ack("q", "n", 1)
		next(3)
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		e, err := worker.Next(ctx)
		if err != nil || len(e.Lost) != 2 || e.Lost[0].Why != queue.Expired {
			t.Fatalf("%+v, %v", e, err)
		}
		w.counts("q", 3, 0, 0, 0)
		w.ack("q", "n", 9) // a sign of life
		next(2, 3)
		worker.Close()
		w.counts("q", 3, 0, 0, 0)
		if c := w.claims("q", "m", 1, 2); c.Jobs[0].Deliveries != 3 {
			t.Fatalf("%+v", c)
		}
	})
}

// A claim whose client is gone takes no job.
func TestQueueClaimGone(t *testing.T) {
	for _, durable := range []bool{false, true} {
		queueBubble(t, func(t *testing.T, w *world) {
			w.queueOf("q", func(p *record.ConfigPatch) { p.LeasesDurable = ptr(durable) })
			ctx, cancel := context.WithCancel(context.Background())
			first := w.waitClaim(ctx, "q", jobs.Claim{Node: "n", Max: 1, WaitMS: 60_000})
			second := w.waitClaim(context.Background(), "q", jobs.Claim{Node: "n", Max: 1, WaitMS: 60_000})
			cancel()
			if got := <-first; got.err != nil || len(got.Jobs) > 0 {
				t.Fatalf("%+v", got)
			}
			w.enqueue("q", nil)
			got := <-second
			if got.err != nil || len(got.Jobs) != 1 {
				t.Fatalf("%+v", got)
			}
			w.queues.GiveBack("q", got.Claimed)
			w.counts("q", 1, 0, 0, 0)
			if c := w.claims("q", "m", 1, 1); c.Jobs[0].Deliveries != 1 {
				t.Fatalf("%+v", c)
			}
		})
	}
}

// Every job is done once by many workers that ack and nack at random, with groups
// that go in order, while others read and configure.
func TestQueueConcurrent(t *testing.T) {
	for _, durable := range []bool{false, true} {
		w := newWorld(t, func(w *world) { w.wal.Manual = false; w.opt.Now = nil })
		w.RunSweeper()
		w.queueOf("q", func(p *record.ConfigPatch) {
			p.LeasesDurable, p.DeadLetter, p.MaxDeliveries = ptr(durable), ptr(ptr("dead")), ptr(int64(100))
		})
		const most = 400
		for i := range most {
			w.enqueue("q", &record.Job{Group: []byte{byte('a' + i%7)}})
		}
		var mu sync.Mutex
		done, last := map[uint64]int{}, map[byte]uint64{}
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				node := string(rune('a' + n))
				for {
					c, err := w.queues.Claim(context.Background(), "q", &jobs.Claim{Node: node, Max: 3, WaitMS: 200})
					if err != nil {
						t.Error(err)
						return
					}
					if len(c.Jobs) == 0 {
						return
					}
					for i, j := range c.Jobs {
						call := queue.Call{Node: node, Seqs: []uint64{j.Seq}, Leases: []queue.LeaseID{j.Lease}}
						if (int(j.Seq)+i+n)%5 == 0 && j.Deliveries < 5 {
							if _, err := w.queues.Nack(context.Background(), "q", call, queue.Return{}); err != nil {
								t.Error(err)
							}
							continue
						}
						parsed, _ := record.DecodeJob(j.Job)
						mu.Lock()
						if g := parsed.Group[0]; last[g] > j.Seq {
							t.Errorf("group %c: %d after %d", g, j.Seq, last[g])
						} else {
							last[g] = j.Seq
						}
						mu.Unlock()
						out, err := w.queues.Ack(context.Background(), "q", call, []jobs.Then{{Topic: "next", Write: &topic.Write{Records: records(1)}}})
						if err != nil || len(out.Done) != 1 {
							t.Errorf("%+v, %v", out, err)
							continue
						}
						mu.Lock()
						done[j.Seq]++
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
		if len(done) != most || w.state("next").Count != most {
			t.Fatalf("%d jobs done, %d records after them", len(done), w.state("next").Count)
		}
		w.counts("q", 0, 0, 0, 0)
		totals := w.Totals().Jobs
		if totals.Acked != most || totals.Ready != 0 || totals.InFlight != 0 {
			t.Fatalf("%+v", totals)
		}
		if err := w.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
