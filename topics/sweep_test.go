package topics

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// TestSweepPassesOver holds that the sweeper comes by a topic when there is
// something to drop, and not every second until then.
func TestSweepPassesOver(t *testing.T) {
	const ttl, window = 100_000, 5_000
	w := newWorld(t)
	expiring := func(ttl int64) *record.ConfigPatch {
		return &record.ConfigPatch{TTLMS: ptr(ttl), IdempotencyWindowMS: ptr(int64(window)), Durability: ptr("fsync")}
	}
	for i := range 10 {
		w.append(fmt.Sprint(i), &topic.Write{Records: records(1), Config: expiring(ttl)})
	}
	w.append("stays", &topic.Write{Records: records(1), Config: expiring(math.MaxInt64)})
	w.put("empty", expiring(ttl))
	rounds := func(ms int64, want int) {
		t.Helper()
		w.now += ms
		if got := len(w.sweeper.due(w.now)); got != want {
			t.Fatalf("%d topics are visited, want %d", got, want)
		}
		w.Sweep(context.Background())
	}
	live := func(want int64) {
		t.Helper()
		if got := w.Totals().Records; got != want {
			t.Fatalf("%d records, want %d", got, want)
		}
	}
	rounds(0, 12)
	rounds(1000, 0)
	// A key is over long before the record that came with it.
	w.append("0", keyedWrite("k", 1))
	rounds(1000, 1)
	rounds(window-1000, 0)
	rounds(1, 1)
	if !w.catalog.Lookup("0").Keys.Empty() {
		t.Fatal("the key is still there")
	}
	// So is what a shorter ttl makes expire, and what comes into an empty topic.
	w.put("1", expiring(w.now-1_000_000-1))
	w.write("empty", 1)
	live(13)
	rounds(0, 2)
	live(12)
	// Those that go meanwhile are not kept until then.
	w.delete("2", false)
	if n := len(w.sweeper.topics); n != 10 {
		t.Fatalf("%d topics are known, want 10", n)
	}
	rounds(1_000_000+ttl-w.now, 0)
	live(11)
	rounds(1, 8) // without "2", and "1" is empty
	live(3)
	rounds(window+ttl, 2)
	live(1)
	rounds(ttl, 0)
}

// TestEvictedThenDeleted: what a cap evicted on account of ephemeral records has gone
// by the cap, and not by a crash, also where replay finds it deleted already.
func TestEvictedThenDeleted(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Disk))
	w.write("a", 10)
	p := class(record.Ephemeral)
	p.CapRecords = ptr(int64(12))
	w.put("a", p)
	w.write("a", 6)
	if _, err := w.DeleteRecords(context.Background(), "a", &Deletion{Before: ptr(uint64(13))}); err != nil {
		t.Fatal(err)
	}
	w.Sweep(context.Background())
	before := w.read("a", 0).Tombstone
	w.put("b", class(record.Fsync)) // takes what the sweep logged to the file
	w.kill()
	after := w.read("a", 0).Tombstone
	if before.Reason != topic.ReasonCap || after.Reason != topic.ReasonCap || after.GapFrom != 1 {
		t.Errorf("%+v, and after a kill %+v", before, after)
	}
}

// TestSweepIsLoggedLater: what expired while the disk was full is logged when there is
// room, so that it stays gone after a crash with a clock that was set back.
func TestSweepIsLoggedLater(t *testing.T) {
	const ttl = 1_000_000
	ctx := context.Background()
	w := newWorld(t)
	p := class(record.Fsync)
	p.TTLMS = ptr(int64(ttl))
	w.put("a", p)
	w.write("a", 5)
	w.put("e", &record.ConfigPatch{Durability: ptr("ephemeral"), TTLMS: ptr(int64(10))})
	w.fill("b")
	full := func() bool {
		tail := w.shared.Log.Tail()
		w.Sweep(ctx)
		return w.shared.Log.Tail() == tail
	}
	for n := 0; ; n++ { // so that there is no room for what a sweep logs
		w.write("e", 1)
		w.now += 11
		if full() {
			break
		}
		if n == 10_000 {
			t.Fatal("the disk does not fill")
		}
	}
	w.now += ttl
	if !full() {
		t.Fatal("the disk is not full")
	}
	w.fs.SetCapacity(0)
	if _, err := w.shared.Log.Tick(); err != nil {
		t.Fatal(err)
	}
	w.Sweep(ctx)
	w.write("a", 1)
	w.now -= ttl
	w.kill()
	if s := w.state("a"); s.Count != 1 || s.Earliest != 6 {
		t.Errorf("after a kill %+v", s)
	}
}
