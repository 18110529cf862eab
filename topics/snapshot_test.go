package topics

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// encodeState encodes a registry whose topics have nothing in the log only.
func encodeState(t testing.TB, r *Registry) []byte {
	t.Helper()
	var all []*topic.Topic
	r.catalog.ByName.Scan(func(_ string, x *topic.Topic) bool { all = append(all, x); return true })
	slices.SortFunc(all, func(a, b *topic.Topic) int { return int(a.ID) - int(b.ID) })
	e := topic.Encoder{Configs: map[*record.Config]uint64{}}
	e.Buf = binary.AppendUvarint(binary.LittleEndian.AppendUint64(nil, r.shared.KeySeed), r.catalog.NextID)
	for _, x := range all {
		if err := e.TopicLocked(x, x.Head); err != nil {
			t.Fatal(err)
		}
		e.RecordJobs(x, r.queues.Time(), x.Head)
		v := x.KeyViewLocked(r.shared.Clock.Now())
		e.RecordDeduped(x, &v, x.Head)
		if err := e.Keys(&v, x.Head, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := router.AppendStates(&e, r.routers.NextID, router.States(r.routers.ByName.Values())); err != nil {
		t.Fatal(err)
	}
	out, err := e.End(func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// full is a world with a checkpoint that has something of everything.
func full(t testing.TB) *world {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.put(name, &record.ConfigPatch{Durability: ptr("disk"), CapRecords: ptr(int64(50)), TTLMS: ptr(int64(1000))})
		w.append(name, &topic.Write{Records: tagged("x", "y", "-", "x"), IdempotencyKey: "k"})
		w.write(name, 10)
	}
	w.put("queue", &record.ConfigPatch{Type: ptr("queue"), Priority: ptr(ptr(int64(7)))})
	w.power(1)
	w.now += 500
	w.write("a", 45)
	w.append("queue", uniqueWrite("k", "x", "y", "", "x"))
	w.append("queue", uniqueWrite("l", "y", "", "z", "x", "x"))
	w.append("queue", uniqueWrite("m", "", ""))
	w.append("queue", uniqueWrite("n", "z"))
	w.append("b", &topic.Write{Records: tagged("x", "y", "-", "x", "x"), IdempotencyKey: "l"})
	w.put("e", class(record.Ephemeral))
	w.write("e", 5)
	w.deleteRecords("b", 0, "x")
	w.checkpoint(nil)
	w.now += 501
	w.Sweep(t.Context())
	w.write("b", 3)
	w.deleteRecords("b", 0, "y")
	w.checkpoint(nil)
	return w
}

// TestStateRoundTrip holds that a state comes back as it was.
func TestStateRoundTrip(t *testing.T) {
	w := full(t)
	r := New(w.opt)
	live, err := r.Replay().Restore(w.disk.state, w.disk.segs)
	if err != nil {
		t.Fatal(err)
	}
	again := encodeState(t, r)
	if !bytes.Equal(again, w.disk.state) {
		t.Fatalf("%d bytes, then %d:\n%x\n%x", len(w.disk.state), len(again), w.disk.state, again)
	}
	for id := range w.disk.live {
		x := r.catalog.ByID[id]
		if x.History.Empty() {
			continue // only ephemeral records
		}
		got, _ := live.Topic(id)
		want, _ := w.disk.live.Topic(id)
		if got != want {
			t.Fatalf("topic %d: seq %d is the first live one, not %d", id, got, want)
		}
		deleted, _ := live.Deleted(id, 0, x.Head)
		wasDeleted, _ := w.disk.live.Deleted(id, 0, x.Head)
		for seq := range x.Head + 1 {
			if deleted(seq) != wasDeleted(seq) {
				t.Fatalf("topic %d: seq %d is deleted: %v", id, seq, deleted(seq))
			}
		}
	}
}

// FuzzState holds that a state is refused or restored, that its memory is in
// proportion, and that what is restored can be emptied and counts right then.
func FuzzState(f *testing.F) {
	w := full(f)
	f.Add(w.disk.state)
	w.delete("b", false)
	w.checkpoint(nil)
	f.Add(w.disk.state)
	w.connect("r>1", "s", "u", func(s *router.Spec) { s.Filter = matches(f, "x*") })
	w.connect("r>2", "u", "v")
	w.put("s", &record.ConfigPatch{CapRecords: ptr(int64(1))})
	w.send("s", "1")
	w.send("s", "2")
	w.Forward(f.Context()) // what s lost is lost in u, and in v
	w.checkpoint(nil)
	f.Add(w.disk.state)
	segs := w.disk.segs
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := New(Options{Now: func() int64 { return 0 }})
		_, err := r.Replay().Restore(b, segs)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20+uint64(len(b))*200 {
			t.Fatalf("%d bytes of memory for %d", got, len(b))
		}
		if err != nil {
			return
		}
		checkRouters(t, r)
		r.catalog.ByName.Scan(func(name string, x *topic.Topic) bool {
			if d := x.Advance(x.Head + 1); d.Records < 0 || x.Live != (record.Size{}) {
				t.Fatalf("%s: %+v is left after %+v", name, x.Live, d)
			}
			return true
		})
		if got := r.Totals(); got.Records != 0 || got.Bytes != 0 {
			t.Fatalf("%+v", got)
		}
	})
}
