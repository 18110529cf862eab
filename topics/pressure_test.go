package topics

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// press makes the log's queue look that full.
func (w *world) press(part float64) {
	w.t.Helper()
	g := topic.Gauge(func() float64 { return part })
	w.shared.Gauge.Store(&g)
	if got := w.Pressure(); got != min(part, 1) {
		w.t.Fatalf("pressure %v, want %v", got, part)
	}
}

// told waits for an event and returns how long that took.
func told(t *testing.T, f *follow.Subscriber) time.Duration {
	t.Helper()
	began := time.Now()
	<-f.Ready()
	if len(f.Take(nil)) == 0 {
		t.Fatal("woken for nothing")
	}
	return time.Since(began)
}

// pressed runs a test in a world that delivers, under a clock of its own.
func pressed(t *testing.T, test func(*testing.T, *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.RunDelivery()
		test(t, w)
		if err := w.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPressureOfTheLog(t *testing.T) {
	if p := New(Options{EphemeralBytes: 1}).Pressure(); p != 0 {
		t.Fatalf("%v before the start", p)
	}
	var disk *gate
	w := newWorld(t, func(w *world) {
		w.wal.Manual, w.wal.QueueBytes, w.wal.QueueWait, w.wal.DiskSync = false, 8<<10, time.Millisecond, time.Hour
		w.wrap = func(fsys vfs.FS) vfs.FS {
			disk = &gate{FS: fsys}
			return disk
		}
	})
	w.put("a", &record.ConfigPatch{})
	if p := w.Pressure(); p > 0.05 {
		t.Fatalf("%v with an empty queue", p)
	}
	disk.held.Lock()
	var pending []*topic.Pending
	last := w.Pressure()
	for {
		p, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(20)})
		if err != nil {
			// The last step: the write is refused, with the time after which to retry.
			e, ok := err.(*record.Error)
			if !ok || e.Kind != record.KindThrottled || e.Detail["retry_after_ms"] != 1000 {
				t.Fatal(err)
			}
			break
		}
		pending = append(pending, p)
		if now := w.Pressure(); now <= last || now > 1 {
			t.Fatalf("%v after %v", now, last)
		} else {
			last = now
		}
	}
	if last < 0.8 {
		t.Fatalf("a full queue is a pressure of %v", last)
	}
	// A write without backpressure waits instead, and its cost has the time.
	type result struct {
		topic.Written
		err error
	}
	patient, full := make(chan result), w.shared.Log.Stats().SubmitFull
	go func() {
		out, err := w.Append(context.Background(), "a", &topic.Write{Records: records(20), DisableBackpressure: true})
		patient <- result{out, err}
	}()
	for w.shared.Log.Stats().SubmitFull == full {
		runtime.Gosched() // until it has found the queue full
	}
	disk.held.Unlock()
	if r := <-patient; r.err != nil || r.Cost.Throttle <= 0 {
		t.Fatalf("%+v", r)
	}
	for _, p := range pending {
		if out, err := p.Wait(); err != nil || out.Cost.Throttle != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if err := w.shared.Log.WaitWritten(w.shared.Log.Tail()); err != nil || w.Pressure() != 0 {
		t.Fatalf("%v, %v", w.Pressure(), err)
	}
}

// Memory that is full of records is no pressure: no delivery that waits frees
// any of it.
func TestFullMemoryIsNoPressure(t *testing.T) {
	w := newWorld(t, func(w *world) { w.opt.EphemeralBytes = 1000 })
	w.put("a", &record.ConfigPatch{Durability: ptr("ephemeral")})
	for {
		if _, err := w.Append(context.Background(), "a", &topic.Write{Records: records(1)}); err != nil {
			break
		}
	}
	if full := w.shared.Counters.Ephemeral.Load(); full < 900 || w.Pressure() != 0 {
		t.Fatalf("pressure %v with %d bytes of records", w.Pressure(), full)
	}
}

// TestPressureCoalesces holds the first step: a topic's followers hear of it
// less often.
func TestPressureCoalesces(t *testing.T) {
	pressed(t, func(t *testing.T, w *world) {
		w.write("a", 1)
		f := w.NewSubscriber()
		w.follow(f, "a")
		for _, c := range []struct {
			pressure float64
			interval time.Duration
		}{{0, 0}, {0.49, 0}, {0.5, 10 * time.Millisecond}, {0.75, 55 * time.Millisecond}, {1, 100 * time.Millisecond}, {3, 100 * time.Millisecond}} {
			time.Sleep(time.Second)
			w.press(c.pressure)
			w.write("a", 1)
			if took := told(t, f); took != 0 {
				t.Fatalf("%v: the first took %v", c.pressure, took)
			}
			for range 5 {
				w.write("a", 1)
				if took := told(t, f); took != c.interval {
					t.Fatalf("%v: told after %v, want %v", c.pressure, took, c.interval)
				}
			}
		}
	})
}

// TestPressureDefers holds the second step: topics with a negative priority
// wait until the pressure falls, and for no more than 10 seconds.
func TestPressureDefers(t *testing.T) {
	pressed(t, func(t *testing.T, w *world) {
		w.put("low", &record.ConfigPatch{Priority: ptr(ptr(int64(-1)))})
		w.put("high", &record.ConfigPatch{Priority: ptr(ptr(int64(0)))})
		low, high := w.NewSubscriber(), w.NewSubscriber()
		w.follow(low, "low")
		w.follow(high, "high")
		w.press(0.75)
		w.write("low", 1)
		w.write("high", 1)
		if took := told(t, high); took != 0 {
			t.Fatal(took)
		}
		if took := told(t, low); took != 9*time.Second {
			t.Fatalf("deferred for %v", took)
		}
		w.write("low", 1)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(low.Ready()) > 0 {
			t.Fatal("not deferred")
		}
		w.press(0.6)
		if took := told(t, low); took > 100*time.Millisecond {
			t.Fatalf("told %v after the pressure fell", took)
		}
		if s := w.state("low"); s.EffectivePriority != -1 || s.Head != 2 {
			t.Fatalf("%+v", s)
		}
	})
}
