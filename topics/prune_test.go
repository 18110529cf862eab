package topics

import (
	"fmt"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// TestDeletedEphemeralRecordsTakeNoMemory checks that records deleted after one
// that stays free their memory, and that reads do not notice.
func TestDeletedEphemeralRecordsTakeNoMemory(t *testing.T) {
	w := newWorld(t, func(w *world) { w.opt.EphemeralBytes = 4 << 10 })
	w.put("a", class(record.Ephemeral))
	w.append("a", &topic.Write{Records: tagged("stays")})
	one := w.Totals().EphemeralBytes
	last := uint64(1)
	for round := range 1500 {
		tag := fmt.Sprint(round)
		w.append("a", &topic.Write{Records: tagged(tag, tag, tag)})
		last += 3
		if got := w.deleteRecords("a", 0, tag); got.Deleted != 3 || got.Count != 1 {
			t.Fatalf("round %d: %+v", round, got)
		}
		if got := w.Totals().EphemeralBytes; got != one {
			t.Fatalf("round %d: one record takes %d bytes, want %d", round, got, one)
		}
	}
	tp := w.catalog.Lookup("a")
	if frames, tags := tp.Index.EphemeralFrames(), taggedRecords(tp); frames > 512 || tags == 0 || tags > 2<<10 {
		t.Fatalf("one record has %d frames and %d tags", frames, tags)
	}
	w.append("a", &topic.Write{Records: tagged("goes", "goes")})
	want := []uint64{1, last + 1, last + 2}
	if got := seqs(w.read("a", 0)); !slices.Equal(got, want) {
		t.Fatalf("read %v, want %v", got, want)
	}
	if got := seqs(w.query("a", &topic.Query{From: 1, Limit: 1, MaxBytes: 1 << 20})); !slices.Equal(got, want[1:2]) {
		t.Fatalf("read one: %v, want %v", got, want[1:2])
	}
	w.deleteRecords("a", 0, "stays")
	if got := w.deleteRecords("a", 0, "goes"); got.Count != 0 || w.Totals().EphemeralBytes != 0 || tp.Index.EphemeralFrames() != 0 {
		t.Fatalf("%+v, %d bytes and %d frames of nothing", got, w.Totals().EphemeralBytes, tp.Index.EphemeralFrames())
	}
}

// TestPartsOfAnEphemeralWriteAreDeleted holds that a write's memory goes with
// the last of its records, and that a checkpoint takes along what is left when
// the topic is kept on disk from now on.
func TestPartsOfAnEphemeralWriteAreDeleted(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Ephemeral))
	w.append("a", &topic.Write{Records: tagged("a")})
	one := w.Totals().EphemeralBytes
	w.append("a", &topic.Write{Records: tagged("b", "b", "c")})
	w.append("a", &topic.Write{Records: tagged("d")})
	w.deleteRecords("a", 0, "b")
	if got := w.Totals().EphemeralBytes; got != 5*one {
		t.Fatalf("%d bytes for a write of which one record is live, want %d", got, 5*one)
	}
	w.deleteRecords("a", 0, "c")
	if got := w.Totals().EphemeralBytes; got != 2*one {
		t.Fatalf("%d bytes for two records, want %d", got, 2*one)
	}
	w.put("a", class(record.Disk))
	w.write("a", 1)
	want := []uint64{1, 5, 6}
	for _, then := range []func(){func() {}, func() { w.checkpoint(nil) }, func() { w.restart() }} {
		then()
		if got := seqs(w.read("a", 0)); !slices.Equal(got, want) {
			t.Fatalf("read %v, want %v", got, want)
		}
	}
	if got := w.Totals().EphemeralBytes; got != 0 {
		t.Fatalf("%d bytes", got)
	}
}
