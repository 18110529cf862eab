package topics

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

// failer is what a check needs of a test, of a property's too.
type failer interface {
	Helper()
	Fatalf(format string, a ...any)
}

// checkedDelete deletes records. It fails the test unless the preview before that
// changed nothing and said what the delete then did. A deletion on the heels of what
// is on its way may take less: that may be an eviction.
func (w *world) checkedDelete(t failer, name string, d *Deletion) (Deleted, error) {
	t.Helper()
	var before topic.State
	tp := w.catalog.Lookup(name)
	quiet := tp != nil
	if quiet {
		tp.Mu.RLock()
		quiet = tp.Line.Commits == nil
		tp.Mu.RUnlock()
	}
	if quiet {
		before, _ = w.State(name, false) // drops what has expired
	}
	tail, totals := w.shared.Log.Tail(), w.Totals()
	preview, refused := w.PreviewDeletion(name, d)
	if quiet {
		after, _ := w.State(name, false)
		if w.shared.Log.Tail() != tail || !reflect.DeepEqual(after, before) || !reflect.DeepEqual(w.Totals(), totals) {
			t.Fatalf("a preview changed %+v to %+v, %+v to %+v, or the log", before, after, totals, w.Totals())
		}
	}
	out, err := w.Registry.DeleteRecords(context.Background(), name, d)
	if kindOf(refused) != kindOf(err) {
		t.Fatalf("the preview: %v, the delete: %v", refused, err)
	}
	if err != nil || !quiet {
		return out, err
	}
	if w.damaged {
		if preview.Size.Records > before.Count || preview.Size.Bytes > before.Bytes {
			t.Fatalf("the preview: %+v, of %+v", preview, before)
		}
		return out, nil
	}
	want := Preview{Size: record.Size{Records: out.Deleted, Bytes: before.Bytes - out.Bytes}, Head: out.Head}
	if !reflect.DeepEqual(preview, want) {
		t.Fatalf("the preview: %+v, the delete of %+v: %+v", preview, before, out)
	}
	return out, nil
}

// checkedRemoval deletes a topic, and holds the preview to it likewise.
func (w *world) checkedRemoval(t failer, name string, ifEmpty bool) (Removal, error) {
	t.Helper()
	before, missing := w.State(name, false)
	tail, totals := w.shared.Log.Tail(), w.Totals()
	preview, refused := w.PreviewDelete(name, ifEmpty)
	if w.shared.Log.Tail() != tail || !reflect.DeepEqual(w.Totals(), totals) {
		t.Fatalf("a preview changed %+v to %+v, or the log", totals, w.Totals())
	}
	out, err := w.Registry.Delete(context.Background(), name, ifEmpty)
	if kindOf(refused) != kindOf(err) {
		t.Fatalf("the preview: %v, the delete: %v", refused, err)
	}
	if err != nil {
		return out, err
	}
	want := Preview{Size: record.Size{Records: before.Count, Bytes: before.Bytes}, Head: before.Head, Routers: out.Routers}
	if missing != nil {
		want = Preview{}
	}
	if !reflect.DeepEqual(preview, want) {
		t.Fatalf("the preview: %+v, the delete: %+v", preview, want)
	}
	return out, nil
}

// TestPreviewOfADeletion holds previews to deletions by seq, by tag and by both, of
// records in the log, in segments and in both, with gaps, on queues, over restarts.
func TestPreviewOfADeletion(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, stored(int64(rapid.SampledFrom([]int{3, 50}).Draw(rt, "per segment"))))
		kind := rapid.SampledFrom([]string{"log", "queue"}).Draw(rt, "kind")
		class := rapid.SampledFrom(everyClass).Draw(rt, "class")
		w.put("a", &record.ConfigPatch{Type: ptr(kind), Durability: &class, TTLMS: ptr(int64(1000))})
		deleted := int64(0)
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "delete", "checkpoint", "restart", "wait", "claim"}).Draw(rt, "step") {
			case "write":
				var tags []string
				for range rapid.IntRange(1, 9).Draw(rt, "records") {
					tags = append(tags, rapid.SampledFrom([]string{"-", "x", "xy", "z"}).Draw(rt, "tag"))
				}
				w.append("a", &topic.Write{Records: tagged(tags...)})
			case "delete":
				d := &Deletion{}
				by := rapid.SampledFrom([]string{"seq", "tag", "seq and tag"}).Draw(rt, "by")
				if strings.Contains(by, "seq") {
					seqs := []uint64{0, 1, math.MaxUint64, rapid.Uint64Range(0, w.state("a").Head+2).Draw(rt, "seq")}
					d.Before = ptr(rapid.SampledFrom(seqs).Draw(rt, "before"))
				}
				if strings.Contains(by, "tag") {
					d.Match = matches(t, rapid.SampledFrom([]string{"x", "x*", "*", "none"}).Draw(rt, "match"))
				}
				out, err := w.checkedDelete(rt, "a", d)
				if err != nil {
					rt.Fatalf("%+v: %v", d, err)
				}
				deleted += out.Deleted
			case "checkpoint":
				w.checkpoint(nil)
			case "restart":
				w.restart()
			case "wait":
				w.now += rapid.SampledFrom([]int64{1, 500, 1001}).Draw(rt, "ms")
			case "claim":
				if kind == "queue" {
					w.claim("a", "w", 2)
				}
			}
		}
		if _, err := w.checkedRemoval(rt, "a", rapid.Bool().Draw(rt, "if empty")); err != nil && kindOf(err) != record.KindNotEmpty {
			rt.Fatalf("%v", err)
		}
	})
}

// TestPreviewRefuses holds that a preview is refused as the deletion would be.
func TestPreviewRefuses(t *testing.T) {
	w := newWorld(t)
	w.write("a", 2)
	for name, d := range map[string]*Deletion{"a": {}, "none": {Before: ptr(uint64(1))}} {
		if _, err := w.checkedDelete(t, name, d); err == nil {
			t.Errorf("%s: done", name)
		}
	}
	if _, err := w.checkedRemoval(t, "a", true); kindOf(err) != record.KindNotEmpty {
		t.Error(err)
	}
	if out, err := w.checkedRemoval(t, "none", true); err != nil || out.Deleted {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestPreviewOfDeadLetters holds that a preview names what a purge or a replay then
// takes, and changes nothing.
func TestPreviewOfDeadLetters(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		selection jobs.DeadSelection
		done      []uint64
		skipped   int
	}{
		{jobs.DeadSelection{}, []uint64{1, 2, 3, 4, 5, 6}, 0},
		{jobs.DeadSelection{Filter: jobs.DeadFilter{Reason: "x"}}, []uint64{5, 6}, 0},
		{jobs.DeadSelection{Filter: jobs.DeadFilter{Match: matches(t, "a")}}, []uint64{1, 3, 5}, 0},
		{jobs.DeadSelection{Seqs: []uint64{2, 77, 2, 4}}, []uint64{2, 4}, 1},
		{jobs.DeadSelection{Seqs: []uint64{}}, nil, 0},
		{jobs.DeadSelection{PerSecond: 1, Seqs: []uint64{3}}, []uint64{3}, 0},
	} {
		for _, do := range []func(*jobs.Queues, context.Context, string, *jobs.DeadSelection) (*jobs.DeadResult, error){(*jobs.Queues).PurgeDead, (*jobs.Queues).ReplayDead} {
			w := newWorld(t)
			w.queueOf("q", func(p *record.ConfigPatch) { p.DeadLetter = ptr(ptr("dead")) })
			w.append("q", &topic.Write{Records: tagged("a", "b", "a", "b", "a", "b")})
			w.claim("q", "w", 6)
			w.nack("q", "w", queue.Return{Dead: true}, 1, 2, 3, 4)
			w.nack("q", "w", queue.Return{Dead: true, Reason: "x"}, 5, 6)
			tail, q, dead := w.shared.Log.Tail(), w.state("q"), w.state("dead")
			look, err := w.queues.PreviewDead(ctx, "q", &tc.selection)
			if err != nil || !slices.Equal(look.Done, tc.done) || len(look.Skipped) != tc.skipped {
				t.Fatalf("%+v: %+v, %v, want %v", tc.selection, look, err, tc.done)
			}
			if w.shared.Log.Tail() != tail || !reflect.DeepEqual(w.state("q"), q) || !reflect.DeepEqual(w.state("dead"), dead) {
				t.Errorf("%+v: the preview changed %+v to %+v, %+v to %+v, or the log", tc.selection, q, w.state("q"), dead, w.state("dead"))
			}
			done, err := do(w.queues, ctx, "q", &tc.selection)
			if err != nil || !slices.Equal(done.Done, look.Done) || !reflect.DeepEqual(done.Skipped, look.Skipped) {
				t.Errorf("%+v: done %+v, %v; seen %+v", tc.selection, done, err, look)
			}
		}
	}
	w := newWorld(t)
	w.write("log", 1)
	for name, want := range map[string]record.Kind{"log": record.KindNotQueue, "none": record.KindNotFound} {
		if _, err := w.queues.PreviewDead(ctx, name, &jobs.DeadSelection{}); kindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
