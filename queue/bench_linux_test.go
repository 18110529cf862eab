package queue

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fills are ways to have n jobs in one state.
var fills = []struct {
	name string
	fill func(w *world, n int)
	next Written // what a job claimed is followed by
}{
	{"ready", func(w *world, n int) { w.bulk(n, func(int) Written { return Written{} }) }, Written{}},
	{"priority", func(w *world, n int) {
		w.bulk(n, func(i int) Written { return Written{Priority: int8(1 + i*7919%100)} })
	}, Written{Priority: 50}},
	{"delayed", func(w *world, n int) {
		w.bulk(n, func(i int) Written { return Written{DelayMS: int64(1e9 + i*7919%n)} })
	}, Written{}},
	{"in_flight", func(w *world, n int) {
		w.bulk(n, func(int) Written { return Written{} })
		for left := n; left > 0; left -= 1000 {
			w.claim("other", min(left, 1000))
		}
	}, Written{}},
	{"groups", func(w *world, n int) {
		w.bulk(n, func(i int) Written { return Written{Group: strconv.Itoa(i % max(n/10, 1))} })
	}, Written{Group: "0"}},
	{"reclaimed", func(w *world, n int) {
		w.bulk(n, func(int) Written { return Written{} })
		for left := n; left > 0; left -= 1000 {
			c := w.claim("other", min(left, 1000))
			c, _ = w.q.Nack(w.now, Call{Node: "other", Seqs: c.Seqs()}, Return{Delayed: true, DelayMS: 1})
			w.commit(c)
		}
		w.pass(1)
	}, Written{}},
	{"keys", func(w *world, n int) {
		w.bulk(n, func(i int) Written { return Written{Key: "order-" + strconv.Itoa(i)} })
	}, Written{}},
}

// BenchmarkMemory prints what a million jobs of a state take beyond their
// records, and how much processor time it takes to write and to read their snapshot.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	for _, f := range fills {
		b.Run(f.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range b.N {
				w := newWorld(b, config(func(c *Config) { c.LeaseMS, c.LeasesDurable = MaxLeaseMS, true }))
				w.tape.live, w.tape.came = make([]bool, 0, n+1), make([]int64, 0, n+1)
				before := heap()
				f.fill(w, n)
				w.log = nil
				b.ReportMetric(float64(heap()-before)/n, "B/job")
				began := cpu()
				snapshot := w.q.Snapshot(nil, w.now, n)
				b.ReportMetric(float64((cpu() - began).Milliseconds()), "snapshot-cpu-ms")
				b.ReportMetric(float64(len(snapshot))/n, "snapshot-B/job")
				began = cpu()
				if _, err := Restore(options(w.tape, w.q.cfg), snapshot, n, w.now); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64((cpu() - began).Milliseconds()), "restore-cpu-ms")
			}
		})
	}
}

// cpu is how long this thread has run, whatever else the machine does.
func cpu() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkCalls prints the median and the 99th percentile of the processor time of each call, with a thousand and a
// million jobs in each state beside the one that is worked on.
func BenchmarkCalls(b *testing.B) {
	for _, f := range fills {
		for _, n := range []int{1000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", f.name, n), func(b *testing.B) {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				w := newWorld(b, config(func(c *Config) { c.LeaseMS = MaxLeaseMS }))
				f.fill(w, n)
				runtime.GC()
				var took [4][]time.Duration
				timed := func(i int, call func()) {
					began := cpu()
					call()
					took[i] = append(took[i], cpu()-began)
				}
				b.ResetTimer()
				for range b.N {
					next := f.next
					next.Seq = w.tape.add(w.now.Mono, 1)
					w.q.Write(w.now, next.Seq, 1, []Written{next})
					var seqs []uint64
					timed(0, func() {
						w.q.Wait(w.now, Request{Node: "w", Max: 1})
						g := w.q.Serve(w.now)
						w.q.Apply(g[0].Claimed)
						seqs = g[0].Claimed.Seqs()
					})
					call := Call{Node: "w", Seqs: seqs}
					timed(1, func() {
						c, _ := w.q.Extend(w.now, call, 0)
						w.q.Apply(c)
					})
					timed(2, func() {
						c, _ := w.q.Nack(w.now, call, Return{Delayed: true})
						w.q.Apply(c)
					})
					w.q.Wait(w.now, Request{Node: "w", Max: 1})
					g := w.q.Serve(w.now)
					w.q.Apply(g[0].Claimed)
					timed(3, func() {
						c, _ := w.q.Ack(w.now, Call{Node: "w", Seqs: g[0].Claimed.Seqs()})
						w.q.Apply(c)
						w.tape.remove(c.Jobs[0].Seq)
					})
				}
				for i, name := range []string{"claim", "extend", "nack", "ack"} {
					slices.Sort(took[i])
					b.ReportMetric(float64(took[i][len(took[i])/2]), name+"-p50-ns")
					b.ReportMetric(float64(took[i][len(took[i])*99/100]), name+"-p99-ns")
				}
			})
		}
	}
}

// BenchmarkDue prints the processor time that it takes when a million jobs are due at once, in all and at most without
// a break.
func BenchmarkDue(b *testing.B) {
	const n = 1_000_000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range b.N {
		w := newWorld(b, DefaultConfig())
		w.bulk(n, func(i int) Written { return Written{DelayMS: int64(1000 + i*7919%1000)} })
		began, longest := cpu(), time.Duration(0)
		for w.now.Mono += 2000; w.q.behind(w.now); {
			part := cpu()
			w.q.Advance(w.now)
			longest = max(longest, cpu()-part)
		}
		b.ReportMetric(float64((cpu() - began).Milliseconds()), "cpu-ms")
		b.ReportMetric(float64(longest.Microseconds()), "longest-us")
	}
}

// BenchmarkEnd prints the processor time that it takes when all but ten of a million jobs are ended through a seq, in
// all and at most without a break.
func BenchmarkEnd(b *testing.B) {
	const n = 1_000_000
	for _, f := range fills {
		b.Run(f.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range b.N {
				w := newWorld(b, config(func(c *Config) { c.LeaseMS = MaxLeaseMS }))
				f.fill(w, n)
				clear(w.tape.live[:n-9])
				w.tape.n = 10
				began, longest := cpu(), time.Duration(0)
				part := func(call func()) {
					began := cpu()
					call()
					longest = max(longest, cpu()-began)
				}
				part(func() { w.q.EndThrough(w.now, n-10, Evicted, n-10) })
				for w.q.behind(w.now) {
					part(func() { w.q.Advance(w.now) })
				}
				b.ReportMetric(float64((cpu() - began).Milliseconds()), "cpu-ms")
				b.ReportMetric(float64(longest.Microseconds()), "longest-us")
			}
		})
	}
}

// BenchmarkHold prints the processor time of what is done to many jobs in one section of the topic's lock, at most without
// a break.
func BenchmarkHold(b *testing.B) {
	one := func(w *world, n int) { w.bulk(n, func(int) Written { return Written{Group: "g"} }) }
	due := func(w *world, n int) {
		w.bulk(n, func(i int) Written { return Written{DelayMS: int64(1000 + i*7919%1000)} })
		w.now.Mono += 2000
	}
	dying := func(w *world, n int) {
		fills[3].fill(w, n)
		w.q.cfg.DeadLetter, w.q.cfg.MaxDeliveries = true, 1
		for seq := range uint64(n) {
			c, _ := w.nack("other", Return{}, seq+1)
			w.q.Apply(c)
		}
	}
	concurrency := func(n int) func(*world) {
		return func(w *world) {
			c := w.q.cfg
			c.GroupConcurrency = n
			w.q.Configure(w.now, c)
		}
	}
	for _, h := range []struct {
		name string
		fill func(w *world, n int)
		do   func(w *world)
	}{
		{"delete of all by their seqs", fills[1].fill, func(w *world) {
			seqs := make([]uint64, len(w.tape.live))
			for i := range seqs {
				seqs[i] = uint64(i)
			}
			clear(w.tape.live)
			w.tape.n = 0
			w.q.EndJobs(w.now, seqs[1:], Deleted)
		}},
		{"concurrency of tenths", fills[4].fill, concurrency(2)},
		{"more concurrency of one group", one, concurrency(1 << 30)},
		{"less concurrency of one group", func(w *world, n int) {
			w.q.cfg.GroupConcurrency = 1 << 30
			one(w, n)
		}, concurrency(1)},
		{"a change when all are due", due, func(w *world) {
			c := w.q.cfg
			c.LeaseMS++
			w.q.Configure(w.now, c)
		}},
		{"no dead letters any more", dying, func(w *world) {
			c := w.q.cfg
			c.DeadLetter = false
			w.q.Configure(w.now, c)
		}},
		{"a lower limit", fills[5].fill, func(w *world) {
			c := w.q.cfg
			c.DeadLetter, c.MaxDeliveries = true, 1
			w.q.Configure(w.now, c)
		}},
	} {
		for _, n := range []int{1000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", h.name, n), func(b *testing.B) {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				for range b.N {
					w := newWorld(b, config(func(c *Config) { c.LeaseMS = MaxLeaseMS }))
					h.fill(w, n)
					w.log = nil
					runtime.GC()
					began, longest := cpu(), time.Duration(0)
					part := func(call func()) {
						began := cpu()
						call()
						longest = max(longest, cpu()-began)
					}
					part(func() { h.do(w) })
					part(func() { w.q.Advance(w.now) })
					for w.q.behind(w.now) {
						part(func() { w.q.Advance(w.now) })
					}
					b.ReportMetric(float64((cpu() - began).Milliseconds()), "cpu-ms")
					b.ReportMetric(float64(longest.Microseconds()), "longest-us")
				}
			})
		}
	}
}
