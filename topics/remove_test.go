package topics

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// somewhere runs a test with the records in the log, in a segment, half in
// each, and after a restart from that.
func somewhere(t *testing.T, test func(t *testing.T, newTopic func(cfg *record.ConfigPatch, tags ...string) *world)) {
	for name, place := range map[string]func(w *world, tags []string, write func([]string)){
		"log":     func(w *world, tags []string, write func([]string)) { write(tags) },
		"segment": func(w *world, tags []string, write func([]string)) { write(tags); w.checkpoint(nil) },
		"both": func(w *world, tags []string, write func([]string)) {
			write(tags[:len(tags)/2])
			w.checkpoint(nil)
			write(tags[len(tags)/2:])
		},
		"restarted": func(w *world, tags []string, write func([]string)) {
			write(tags[:len(tags)/2])
			w.checkpoint(nil)
			write(tags[len(tags)/2:])
			w.restart()
		},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(cfg *record.ConfigPatch, tags ...string) *world {
				w := newWorld(t, stored(3))
				w.put("a", cfg)
				place(w, tags, func(tags []string) {
					if len(tags) > 0 {
						w.append("a", &topic.Write{Records: tagged(tags...)})
					}
				})
				return w
			})
		})
	}
}

func (w *world) holds(want ...uint64) {
	w.t.Helper()
	if got := drain(w, "a", 0); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		w.t.Fatalf("there are %v, want %v", got, want)
	}
	earliest, s := w.state("a").Head+1, w.state("a")
	if len(want) > 0 {
		earliest = want[0]
	}
	if s.Count != int64(len(want)) || s.Bytes != 8*int64(len(want)) || s.Earliest != earliest {
		w.t.Fatalf("%+v, want %v", s, want)
	}
}

// TestDeleteRecords goes through what the contract says of deleting.
func TestDeleteRecords(t *testing.T) {
	somewhere(t, func(t *testing.T, newTopic func(cfg *record.ConfigPatch, tags ...string) *world) {
		for _, test := range []struct {
			before uint64
			match  string
			want   Deleted
			left   []uint64
		}{
			{before: 4, want: Deleted{Deleted: 3, Earliest: 4, Count: 4}, left: run(4, 7)},
			{before: 1, want: Deleted{Deleted: 0, Earliest: 1, Count: 7}, left: run(1, 7)},
			{before: 8, want: Deleted{Deleted: 7, Earliest: 8, Count: 0}},
			{before: 1 << 63, want: Deleted{Deleted: 7, Earliest: 8, Count: 0}},
			{match: "x", want: Deleted{Deleted: 2, Earliest: 2, Count: 5}, left: []uint64{2, 3, 5, 6, 7}},
			{match: "x*", want: Deleted{Deleted: 4, Earliest: 3, Count: 3}, left: []uint64{3, 6, 7}},
			{match: "*", want: Deleted{Deleted: 6, Earliest: 6, Count: 1}, left: []uint64{6}},
			{match: "no", want: Deleted{Deleted: 0, Earliest: 1, Count: 7}, left: run(1, 7)},
			{match: "x*", before: 4, want: Deleted{Deleted: 2, Earliest: 3, Count: 5}, left: run(3, 7)},
			{match: "z", before: 7, want: Deleted{Deleted: 1, Earliest: 1, Count: 6}, left: []uint64{1, 2, 4, 5, 6, 7}},
		} {
			w := newTopic(class(record.Disk), "x", "xy", "z", "x", "xy", "-", "z")
			got := w.deleteRecords("a", test.before, test.match)
			got.Cost = topic.Cost{}
			if test.want.Head, test.want.Bytes = 7, 8*test.want.Count; got != test.want {
				t.Fatalf("before %d, match %q: %+v, want %+v", test.before, test.match, got, test.want)
			}
			w.holds(test.left...)
			if again := w.deleteRecords("a", test.before, test.match); again.Deleted != 0 {
				t.Fatalf("before %d, match %q, again: %+v", test.before, test.match, again)
			}
			for from := range uint64(9) { // silent, wherever a reader stands
				if b := w.read("a", from); b.Tombstone != nil && from < 8 || b.NextFrom != 7 {
					t.Fatalf("from %d: %+v, %+v", from, b, b.Tombstone)
				}
			}
			w.kill() // permanent
			w.holds(test.left...)
			if out := w.append("a", &topic.Write{Records: tagged("x")}); out.First != 8 {
				t.Fatalf("%+v", out)
			}
			w.holds(append(test.left, 8)...)
			w.checkpoint(nil)
			w.restart()
			w.holds(append(test.left, 8)...)
		}
	})
}

// TestDeleteRecordsFloors holds that deletes move the first live seq, and never
// the floor that tombstones go by.
func TestDeleteRecordsFloors(t *testing.T) {
	somewhere(t, func(t *testing.T, newTopic func(cfg *record.ConfigPatch, tags ...string) *world) {
		w := newTopic(&record.ConfigPatch{CapRecords: ptr(int64(4)), TTLMS: ptr(int64(100))}, "-", "x", "-", "y")
		w.deleteRecords("a", 2, "")
		w.deleteRecords("a", 0, "x")
		w.deleteRecords("a", 0, "y")
		w.holds(3)
		w.now += 50
		w.write("a", 4) // evicts 3
		w.holds(run(5, 8)...)
		for from, want := range []*topic.Tombstone{
			{GapFrom: 1, GapTo: 4, Reason: topic.ReasonCap, Missed: 4, AtLeast: 4, Earliest: 5, Head: 8},
			{GapFrom: 2, GapTo: 4, Reason: topic.ReasonCap, Missed: 3, AtLeast: 3, Earliest: 5, Head: 8},
			{GapFrom: 3, GapTo: 4, Reason: topic.ReasonCap, Missed: 2, AtLeast: 2, Earliest: 5, Head: 8},
			nil, nil, nil, nil, nil, nil,
		} {
			b := w.read("a", uint64(from))
			if !reflect.DeepEqual(b.Tombstone, want) || b.NextFrom != 8 {
				t.Fatalf("from %d: %+v, %+v, want %+v", from, b, b.Tombstone, want)
			}
		}
		w.deleteRecords("a", 7, "")
		w.now += 101
		w.holds()
		if b := w.read("a", 4); b.Tombstone == nil || b.Tombstone.GapFrom != 5 || b.Tombstone.GapTo != 8 || b.Tombstone.Reason != topic.ReasonTTL {
			t.Fatalf("%+v", b.Tombstone)
		}
		if out := w.deleteRecords("a", 9, ""); out.Deleted != 0 {
			t.Fatalf("deleted what had expired: %+v", out)
		}
	})
}

// TestDeleteRecordsPointInTime holds that a delete takes nothing that was not
// published at its call.
func TestDeleteRecordsPointInTime(t *testing.T) {
	somewhere(t, func(t *testing.T, newTopic func(cfg *record.ConfigPatch, tags ...string) *world) {
		for _, match := range []string{"", "x"} {
			w := newTopic(class(record.Memory), "x", "x", "x")
			p, err := w.Begin(context.Background(), "a", &topic.Write{Records: tagged("x")})
			if err != nil {
				t.Fatal(err)
			}
			if out := w.deleteRecords("a", 100, match); out.Deleted != 3 {
				t.Fatalf("%+v", out)
			}
			if _, err := p.Wait(); err != nil {
				t.Fatal(err)
			}
			w.holds(4)
			w.restart()
			w.holds(4)
		}
	})
}

// TestDeleteRecordsDurability holds that a delete is as durable as its topic's
// class, and that a key outlives the records it was given.
func TestDeleteRecordsDurability(t *testing.T) {
	somewhere(t, func(t *testing.T, newTopic func(cfg *record.ConfigPatch, tags ...string) *world) {
		w := newTopic(class(record.Fsync), "x", "y")
		w.append("a", &topic.Write{Records: tagged("x"), IdempotencyKey: "k"})
		w.deleteRecords("a", 0, "x")
		w.power(9)
		w.holds(2)
		if out := w.append("a", &topic.Write{Records: tagged("x"), IdempotencyKey: "k"}); !out.Deduped || out.First != 3 {
			t.Fatalf("%+v", out)
		}
		w.deleteRecords("a", 3, "")
		w.power(10)
		w.holds()
	})
}

// TestDeleteRecordsEphemeral holds that memory goes with what is deleted.
func TestDeleteRecordsEphemeral(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Ephemeral))
	w.append("a", &topic.Write{Records: tagged("x", "y")})
	w.append("a", &topic.Write{Records: tagged("x")})
	w.deleteRecords("a", 0, "x")
	w.holds(2)
	w.deleteRecords("a", 0, "y")
	if w.holds(); w.Totals().EphemeralBytes != 0 {
		t.Fatalf("%+v", w.Totals())
	}
}

func TestDeleteRecordsRefuses(t *testing.T) {
	w := newWorld(t)
	if _, err := w.DeleteRecords(context.Background(), "a", &Deletion{Before: ptr(uint64(1))}); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	w.write("a", 1)
	if _, err := w.DeleteRecords(context.Background(), "a", &Deletion{}); kindOf(err) != record.KindInvalid {
		t.Fatal(err)
	}
	if out, err := w.DeleteRecords(context.Background(), "a", &Deletion{Before: ptr(uint64(0))}); err != nil || out.Deleted != 0 {
		t.Fatal(out, err)
	}
}

// TestDeleteRecordsUnderAWait holds that a waiting reader is not answered
// by a delete, and gets what comes after it.
func TestDeleteRecordsUnderAWait(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.Manual = false })
	w.append("a", &topic.Write{Records: tagged("x", "x")})
	answer := make(chan *topic.Batch)
	go func() {
		b, err := w.Read(context.Background(), "a", &topic.Query{From: 2, Limit: 9, MaxBytes: 99, Wait: time.Minute})
		if err != nil {
			b = nil
		}
		answer <- b
	}()
	for waits := false; !waits; { // until the reader waits
		x := w.catalog.Lookup("a")
		x.Mu.RLock()
		waits = x.Changed != nil
		x.Mu.RUnlock()
	}
	w.deleteRecords("a", 0, "x")
	w.append("a", &topic.Write{Records: tagged("y")})
	if b := <-answer; b == nil || !reflect.DeepEqual(seqs(b), run(3, 3)) || b.Tombstone != nil || b.Earliest != 3 {
		t.Fatalf("%+v", b)
	}
}

// TestDeleteRecordsBehindAnEviction holds that a delete does not count what a
// write before it evicts.
func TestDeleteRecordsBehindAnEviction(t *testing.T) {
	somewhere(t, func(t *testing.T, newTopic func(cfg *record.ConfigPatch, tags ...string) *world) {
		w := newTopic(&record.ConfigPatch{CapRecords: ptr(int64(3))}, "x", "x", "x")
		p, err := w.Begin(context.Background(), "a", &topic.Write{Records: tagged("x")})
		if err != nil {
			t.Fatal(err)
		}
		if out := w.deleteRecords("a", 0, "x"); out.Deleted != 2 || out.Count != 1 || out.Bytes != 8 {
			t.Fatalf("%+v", out)
		}
		if _, err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		w.holds(4)
		if s := w.read("a", 0).Tombstone; s == nil || s.GapTo != 3 || s.Reason != topic.ReasonCap {
			t.Fatalf("%+v", s)
		}
		w.kill()
		w.holds(4)
	})
}

// TestDeletedIsNotStored holds that a checkpoint leaves out what is deleted.
func TestDeletedIsNotStored(t *testing.T) {
	w := newWorld(t)
	w.append("a", &topic.Write{Records: tagged("x", "y", "y", "x")})
	w.deleteRecords("a", 0, "y")
	w.checkpoint(nil)
	if n := w.disk.segs[0].Records(); n != 2 {
		t.Fatalf("%d records in a segment, want 2", n)
	}
	w.holds(1, 4)
}
