package topics

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// heapBytes returns the reachable bytes of the heap.
func heapBytes() uint64 {
	runtime.GC()
	runtime.GC() // what the first one's finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestIdleTopicMemory holds that an idle topic costs less than
// 1 KB, made by a write of one record just now or before a restart.
func TestIdleTopicMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	const n = 100_000
	name := func(i int) string { return fmt.Sprintf("tenant-%d:orders", i) }
	check := func(how string, before uint64, r *Registry) {
		t.Helper()
		each := float64(heapBytes()-before) / n
		t.Logf("%s: %.0f bytes for an idle topic", how, each)
		if each >= 1024 || r.catalog.ByName.Len() != n {
			t.Errorf("%s: %.0f bytes for each of %d idle topics", how, each, r.catalog.ByName.Len())
		}
	}

	before := heapBytes()
	w := newWorld(t, func(w *world) { w.wal.FileBytes = 16 << 20 })
	for i := range n {
		if _, err := w.Begin(context.Background(), name(i), &topic.Write{Records: records(1), Config: class(record.Fsync)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.shared.Log.WaitSynced(1); err != nil {
		t.Fatal(err)
	}
	for i := range n { // as their writers would
		if err := w.catalog.Lookup(name(i)).Line.Commits[0].Publish(nil); err != nil {
			t.Fatal(err)
		}
	}
	r := w.Registry
	if err := r.shared.Log.Close(); err != nil {
		t.Fatal(err)
	}
	r.shared.Log, w.Registry, w.fs, w.wal.FS = nil, New(Options{}), nil, nil // the log and its disk do not count
	r.shared.Gauge.Store(nil)
	check("made", before, r)

	before = heapBytes()
	r = New(Options{})
	cfg := record.DefaultConfig()
	for i := range n {
		e := &entry.Append{
			ID: uint64(i + 1), First: 1, TS: 5, Count: 1, Creation: created(name(i), &cfg, 0),
			Records: record.AppendRecord(nil, &record.Record{Data: []byte("12345678")}),
		}
		if err := r.Replay().Frame(wal.Frame{Type: byte(e.Type()), LSN: wal.LSN(512 * i), Payload: encoded(t, e)}); err != nil {
			t.Fatal(err)
		}
	}
	check("replayed", before, r)
	runtime.KeepAlive(r)
}
