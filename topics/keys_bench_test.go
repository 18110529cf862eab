package topics

import (
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// BenchmarkMillionKeys measures one write in a thousand, to another topic and to
// the topic itself, while a checkpoint encodes a million keys, a PATCH changes
// their topic, and a sweep forgets them, beside a time of quiet. locked is how
// long the checkpoint holds the topic's lock.
func BenchmarkMillionKeys(b *testing.B) {
	const keys, window = 1 << 20, 86_400_000
	w := newWorld(b, func(w *world) { w.wal.Manual, w.wal.DiskSync, w.wal.FileBytes = false, 1e6, 256<<20 })
	w.put("full", &record.ConfigPatch{IdempotencyWindowMS: ptr(int64(window))})
	w.write("other", 1)
	full := w.catalog.Lookup("full")
	fill := func() {
		full.Mu.Lock()
		defer full.Mu.Unlock()
		full.ChangeKeysLocked(func(kw *index.Keys) {
			*kw = index.Keys{}
			for i := range uint64(keys) {
				id := w.shared.KeyHash(binary.LittleEndian.AppendUint64(nil, i))
				kw.Add(index.KeyUse{Hash: id, At: w.now, First: i + 1, Count: 1}, window)
			}
		})
		w.sweeper.visit(full)
	}
	fill()
	held := w.Totals()
	b.ReportMetric(float64(held.IdempotencyBytes)/float64(held.IdempotencyKeys), "B/key")
	worst := func(x string, until func() bool) time.Duration {
		var all []time.Duration
		for !until() {
			began := time.Now()
			w.write(x, 1)
			all = append(all, time.Since(began))
		}
		slices.Sort(all)
		return all[len(all)-1-len(all)/1000]
	}
	during := func(x string, work func()) time.Duration {
		done := make(chan struct{})
		go func() { work(); close(done) }()
		return worst(x, func() bool {
			select {
			case <-done:
				return true
			default:
				return false
			}
		})
	}
	var locked time.Duration
	encode := func() {
		e := topic.Encoder{Configs: map[*record.Config]uint64{}}
		s := &Sink{Snapshot: io.Discard, Pace: func() error { return nil }}
		full.Mu.Lock()
		began := time.Now()
		if err := e.TopicLocked(full, full.Head); err != nil {
			b.Error(err)
		}
		v := full.KeyViewLocked(w.shared.Clock.Now())
		locked = time.Since(began)
		full.Mu.Unlock()
		if err := e.Keys(&v, 1<<62, func() error { return s.flush(&e) }); err != nil {
			b.Error(err)
		}
	}
	for b.Loop() {
		for _, m := range []struct {
			name  string
			topic string
			work  func()
		}{
			{"quiet-µs", "other", func() { time.Sleep(400 * time.Millisecond) }},
			{"checkpoint-µs", "other", encode},
			{"checkpoint-same-topic-µs", "full", encode},
			{"patch-µs", "other", func() {
				for i := range 100 {
					w.put("full", &record.ConfigPatch{IdempotencyWindowMS: ptr(int64(window)), CapRecords: ptr(int64(1000 + i))})
				}
			}},
			{"sweep-same-topic-µs", "full", func() {
				w.now += window + 1
				w.Sweep(b.Context())
			}},
		} {
			b.ReportMetric(float64(during(m.topic, m.work).Microseconds()), m.name)
		}
		b.ReportMetric(float64(locked.Microseconds()), "locked-µs")
		b.StopTimer()
		fill()
		b.StartTimer()
	}
}
