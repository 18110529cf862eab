package topics

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

func TestPutReplacesPatchMerges(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	if out := w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(5000)), CapRecords: ptr(int64(7))}); !out.Created || out.Config.TTLMS != 5000 {
		t.Fatalf("%+v", out)
	}
	patched, err := w.Patch(ctx, "a", &record.ConfigPatch{CapBytes: ptr(int64(99))})
	if c := patched.Config; err != nil || patched.Created || c.TTLMS != 5000 || c.CapRecords != 7 || c.CapBytes != 99 {
		t.Fatalf("%+v, %v", patched, err)
	}
	if out := w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(8))}); out.Created || out.Config.TTLMS != 0 || out.Config.CapBytes != 0 || out.Config.CapRecords != 8 {
		t.Fatalf("%+v", out)
	}
	if _, err := w.Patch(ctx, "none", &record.ConfigPatch{}); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	if _, err := w.Put(ctx, "no/name", &record.ConfigPatch{}); kindOf(err) != record.KindInvalid {
		t.Fatal(err)
	}
	for _, change := range []func(context.Context, string, *record.ConfigPatch) (Configured, error){w.Put, w.Patch} {
		if _, err := change(ctx, "a", &record.ConfigPatch{Type: ptr("queue")}); kindOf(err) != record.KindIncompatible {
			t.Fatal(err)
		}
	}
	before := w.state("a").Config
	w.power(1)
	if after := w.state("a").Config; !after.Equal(&before) {
		t.Fatalf("after a power cut %+v, before %+v", after, before)
	}
}

// TestNoChange holds that a config that changes nothing writes nothing.
func TestNoChange(t *testing.T) {
	w := newWorld(t)
	p := &record.ConfigPatch{Priority: ptr(ptr(int64(3))), DeadLetter: ptr(ptr("d")), TTLMS: ptr(int64(1))}
	w.put("a", p)
	frames := w.shared.Log.Stats().Frames
	if out := w.put("a", p); out.Created || *out.Config.Priority != 3 {
		t.Fatalf("%+v", out)
	}
	if _, err := w.Patch(context.Background(), "a", &record.ConfigPatch{}); err != nil {
		t.Fatal(err)
	}
	if n := w.shared.Log.Stats().Frames - frames; n != 0 {
		t.Fatalf("%d frames for no change", n)
	}
}

// TestNoChangeWaits holds that a config is not acknowledged before it is
// durable, even if it was another request that set it.
func TestNoChangeWaits(t *testing.T) {
	for _, made := range []string{"created", "changed", "created by a write"} {
		t.Run(made, func(t *testing.T) {
			w := newWorld(t)
			p := &record.ConfigPatch{TTLMS: ptr(int64(77))}
			derive := func(*record.Config) (record.Config, error) { return p.Apply(record.DefaultConfig(), "a") }
			switch made {
			case "changed":
				w.put("a", &record.ConfigPatch{})
				fallthrough
			case "created":
				if _, c, err := w.assignConfig(w.slot(), "a", derive); err != nil || c == nil {
					t.Fatal(c, err)
				}
			default:
				if _, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(1), Config: p}); err != nil {
					t.Fatal(err)
				}
			}
			if out := w.put("a", p); out.Created {
				t.Fatal("created twice")
			}
			if s := w.state("a"); s.Config.TTLMS != 77 {
				t.Fatalf("acknowledged and not visible: %+v", s)
			}
			w.power(1)
			if s := w.state("a"); s.Config.TTLMS != 77 {
				t.Fatalf("acknowledged and lost: %+v", s)
			}
		})
	}
}
