package topics

import (
	"context"
	"errors"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// fill writes to a topic until the disk is full, which it is from now on.
func (w *world) fill(name string) (head uint64) {
	w.t.Helper()
	w.fs.SetCapacity(1)
	n := 10
	for range 10_000 {
		_, err := w.Append(context.Background(), name, &topic.Write{Records: records(n)})
		switch {
		case kindOf(err) == record.KindNoSpace && n > 1:
			n = 1 // nothing smaller is to find room
		case kindOf(err) == record.KindNoSpace:
			return w.state(name).Head
		case err != nil:
			w.t.Fatal(err)
		}
	}
	w.t.Fatal("the disk does not fill")
	return 0
}

// TestDiskFull holds that a full disk refuses writes with nothing appended,
// and that reads, deletes and a restart go on.
func TestDiskFull(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.write(name, 5)
	}
	head := w.fill("a")
	for range 3 {
		w.refused("a", &topic.Write{Records: records(10)}, record.KindNoSpace)
		w.refused("new", &topic.Write{Records: records(10)}, record.KindNoSpace)
		if _, err := w.Put(context.Background(), "new", &record.ConfigPatch{}); kindOf(err) != record.KindNoSpace {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		if s := w.state("a"); s.Head != head || s.Count != int64(head) {
			t.Fatalf("%+v, head was %d", s, head)
		}
		if n := len(w.read("a", 0).Records); n != int(head) {
			t.Fatalf("%d records", n)
		}
	}
	check()
	if !w.delete("b", false) {
		t.Fatal("not deleted")
	}
	w.kill()
	check()
	if _, err := w.State("b", false); kindOf(err) != record.KindNotFound {
		t.Fatal("a deleted topic came back:", err)
	}
	if !w.delete("c", false) {
		t.Fatal("not deleted")
	}
	w.restart()
	check()
	w.fs.SetCapacity(0)
	if _, err := w.shared.Log.Tick(); err != nil {
		t.Fatal(err)
	}
	if out := w.write("a", 10); out.First != head+1 {
		t.Fatalf("%+v", out)
	}
}

// A write that is repeated needs no room: on a full disk, too, its client
// learns that it is there.
func TestRepeatOnAFullDisk(t *testing.T) {
	w := newWorld(t)
	wr := &topic.Write{Records: records(10), IdempotencyKey: "k"}
	first := w.append("a", wr)
	w.fill("a")
	if out := w.append("a", wr); !out.Deduped || out.First != first.First || out.Last != first.Last {
		t.Errorf("%+v, want %+v", out, first)
	}
	wr.IdempotencyKey = "other"
	w.refused("a", wr, record.KindNoSpace)
}

// TestSweepOnAFullDisk holds that the sweeper's notes leave the reserve of a
// full disk to deletes.
func TestSweepOnAFullDisk(t *testing.T) {
	w := newWorld(t)
	w.put("e", &record.ConfigPatch{Durability: ptr("ephemeral"), TTLMS: ptr(int64(10))})
	w.fill("a")
	for range 500 {
		w.write("e", 1)
		w.now += 11
		w.Sweep(context.Background())
	}
	if !w.delete("a", false) {
		t.Fatal("not deleted")
	}
}

// TestEphemeralBudget holds that ephemeral records take no more memory than
// they may, and give it back however they go.
func TestEphemeralBudget(t *testing.T) {
	const each = 10 // a record of 8 bytes in memory
	w := newWorld(t, func(w *world) { w.opt.EphemeralBytes = 100 * each })
	held := func(records int64) {
		t.Helper()
		if got := w.Totals().EphemeralBytes; got != records*each {
			t.Fatalf("%d bytes, want %d", got, records*each)
		}
	}
	cfg := class(record.Ephemeral)
	cfg.CapRecords, cfg.TTLMS = ptr(int64(60)), ptr(int64(1000))
	w.put("a", cfg)
	w.write("a", 60)
	held(60)
	e := w.refused("b", &topic.Write{Records: records(41), Config: class(record.Ephemeral)}, record.KindThrottled)
	if e.Detail["limit"] != "ephemeral_bytes" {
		t.Fatalf("%+v", e.Detail)
	}
	held(60)
	w.write("a", 20) // evicts a part of a batch, whose memory goes with its last record
	held(80)
	w.write("a", 1)
	w.refused("a", &topic.Write{Records: records(20)}, record.KindThrottled)
	w.put("a", &record.ConfigPatch{Durability: ptr("ephemeral"), CapRecords: ptr(int64(21)), TTLMS: ptr(int64(1000))})
	held(21)
	w.append("b", &topic.Write{Records: records(79), Config: class(record.Ephemeral)})
	held(100)
	w.now += 1001
	if w.state("a"); !w.live("a", 0) {
		t.Fatal("not expired")
	}
	held(79)
	p, err := w.Begin(context.Background(), "b", &topic.Write{Records: records(10)})
	if err != nil {
		t.Fatal(err)
	}
	held(89)
	w.delete("b", false)
	held(10)
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	held(0)
	w.write("c", 200) // other classes do not count
	held(0)
	w.put("c", class(record.Ephemeral))
	w.write("c", 50)
	w.put("c", class(record.Disk))
	w.write("c", 50)
	held(50)
	w.kill()
	held(0)
}

// TestNoNextFile: while the log cannot make its next file, writes that need it
// are refused and can be tried again; nothing of them is appended.
func TestNoNextFile(t *testing.T) {
	w := newWorld(t)
	w.write("a", 5)
	w.fs.FailSync("0000000000000002.wal", 1) // the file ahead of its use
	head, refusals := w.state("a").Head, 0
	for range 2000 {
		_, err := w.Append(t.Context(), "a", &topic.Write{Records: records(10)})
		if err == nil {
			head += 10
			continue
		}
		refusals++
		told, ok := errors.AsType[*record.Error](err)
		if !ok || told.Kind != record.KindUnavailable || told.Detail["retry_after_ms"] == nil {
			t.Fatal(err)
		}
		if s := w.state("a"); s.Head != head {
			t.Fatalf("head %d after a refusal, was %d", s.Head, head)
		}
		if n := len(w.read("a", 0).Records); n != int(head) {
			t.Fatalf("%d records, want %d", n, head)
		}
		if _, err := w.shared.Log.Tick(); err != nil {
			t.Fatal(err)
		}
	}
	if refusals != 1 {
		t.Errorf("refused %d times", refusals)
	}
}
