package queue

import (
	"bytes"
	"runtime"
	"testing"
)

// full is a queue with a job in every state and with every field.
func full(t testing.TB, durable bool) *world {
	w := newWorld(t, config(func(c *Config) {
		c.LeasesDurable, c.DeadLetter, c.MaxDeliveries, c.RetryBackoffMS = durable, true, 2, 1000
	}))
	w.write(
		Written{}, Written{Group: "g"}, Written{Group: "g", Key: "k", Priority: -3}, Written{DelayMS: 9000}, Written{NotBefore: w.now.Wall + 9000},
		Written{Priority: 100}, Written{}, Written{}, Written{},
	)
	w.claims("a", 4, 6, 1, 2, 7)
	w.judged(w.nack("a", Return{}, 1))("[1] []")
	w.full = true
	w.judged(w.nack("a", Return{Dead: true, Reason: "why"}, 7))("[7] []")
	w.judged(w.nack("a", Return{Delayed: true}, 6))("[6] []")
	w.claims("b", 1, 6)
	return w
}

// TestSnapshot holds that what a snapshot was read from is written again, byte
// by byte.
func TestSnapshot(t *testing.T) {
	for _, durable := range []bool{false, true} {
		w := full(t, durable)
		w.q.Restart()
		b := w.q.Snapshot([]byte("x"), w.now, 9)
		q, err := Restore(options(w.tape, w.q.cfg), b[1:], 9, Time{5, 5 + w.now.Wall - w.now.Mono})
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Snapshot([]byte("x"), w.now, 9); !bytes.Equal(got, b) {
			t.Fatalf("durable %v:\n%x\nwant\n%x", durable, got, b)
		}
		if err := q.broken(); err != nil {
			t.Fatal(err)
		}
		some := w.q.Snapshot(nil, w.now, 4) // the jobs after it will not be there
		q, err = Restore(options(w.tape, w.q.cfg), some, 4, w.now)
		if err != nil || q.jobs.Len() > 4 {
			t.Fatal(err)
		}
	}
}

func TestDamagedSnapshot(t *testing.T) {
	w := full(t, true)
	b := w.q.Snapshot(nil, w.now, 9)
	for n := 1; n < len(b); n++ {
		if _, err := Restore(options(w.tape, w.q.cfg), b[:n], 9, w.now); err != ErrSnapshot {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	for _, head := range []uint64{0, 6} {
		if _, err := Restore(options(w.tape, w.q.cfg), b, head, w.now); err != ErrSnapshot {
			t.Fatalf("jobs above the head %d: %v", head, err)
		}
	}
}

// FuzzSnapshot holds that damage makes an error or a sound queue, and takes no
// more memory than the bytes are worth.
func FuzzSnapshot(f *testing.F) {
	for _, durable := range []bool{false, true} {
		w := full(f, durable)
		f.Add(w.q.Snapshot(nil, w.now, 9), durable)
	}
	f.Add([]byte{snapshotVersion, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 127}, true)
	f.Fuzz(func(t *testing.T, b []byte, durable bool) {
		r := &tape{}
		r.add(1000, 1000)
		now := Time{1000, 1_000_000}
		c := config(func(c *Config) { c.LeasesDurable, c.DeadLetter = durable, true })
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		q, err := Restore(options(r, c), b, 1000, now)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<16+1000*uint64(len(b)) {
			t.Fatalf("%d bytes for a snapshot of %d", took, len(b))
		}
		if err != nil {
			return
		}
		if err := q.broken(); err != nil {
			t.Fatal(err)
		}
		q.Restart()
		q.Serve(now)
		again, err := Restore(options(r, c), q.Snapshot(nil, now, 1000), 1000, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.broken(); err != nil {
			t.Fatal(err)
		}
	})
}
