package recovery_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
)

var writeGolden = flag.Bool("write-golden", false, "make the newest of testdata anew; only while its format has not been released")

const (
	goldenDir = "testdata/v3" // the newest
	goldenNow = 1_700_000_000_000
)

// goldens are the formats that were released: a directory each, and what can
// be read in it. Version 1 had no checkpoints.
var goldens = []string{"testdata/v1", "testdata/v2", goldenDir}

// goldenOptions open a data directory with the clock standing still.
func goldenOptions(dir string) recovery.Options {
	o := options(vfs.OS(), 0, func() int64 { return goldenNow })
	o.Dir = dir
	o.Storage.ColdDir, o.Storage.ArchiveDir = "", ""
	return o
}

// A data directory of every released format must open and read the same.
func TestGoldenDirectories(t *testing.T) {
	if *writeGolden {
		makeGolden(t)
	}
	for _, golden := range goldens {
		t.Run(filepath.Base(golden), func(t *testing.T) { checkGolden(t, golden) })
	}
}

func checkGolden(t *testing.T, golden string) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	data, err := recovery.Run(context.Background(), goldenOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	got := dump(t, data.Registry)
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(golden + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	// What a config has had since the directory was written is at its default.
	got = strings.ReplaceAll(got, " RetryBackoffMS:0 RetryBackoffMaxMS:3600000 GroupConcurrency:1 Paused:false}", "}")
	if got != string(want) {
		t.Fatalf("differs from what was written: %s", firstDifference(string(want), got))
	}
}

// makeGolden writes a directory with every kind of entry in its log, two
// checkpoints, and segments that were merged.
func makeGolden(t *testing.T) {
	if err := os.RemoveAll(goldenDir); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	data, err := recovery.Run(ctx, goldenOptions(goldenDir))
	if err != nil {
		t.Fatal(err)
	}
	r := data.Registry
	for _, class := range []string{"ephemeral", "memory", "disk", "fsync"} {
		for i := range 3 {
			w := topic.Write{IdempotencyKey: fmt.Sprint("key-", i), Config: &record.ConfigPatch{Durability: &class}}
			for j := range 3 {
				w.Records = append(w.Records, record.Record{
					Data: fmt.Appendf(nil, `{"write":%d,"record":%d,"text":"h\u00e9llo"}`, i, j),
					Meta: []byte(`{"m":1.0}`), Tag: []byte("tag"), Node: []byte("node"),
				})
			}
			if _, err := r.Append(ctx, class, &w); err != nil {
				t.Fatal(err)
			}
		}
	}
	tagged, err := record.NewMatch("Glob", "tag-1*")
	if err != nil {
		t.Fatal(err)
	}
	for name, spec := range map[string]router.Spec{
		"all":  {Source: "fsync", Dest: "copy", CreateDest: true, PreserveNode: true, PreserveTag: true},
		"some": {Source: "copy", Dest: "tagged", CreateDest: true, PreserveNode: true, Filter: &tagged, Guarantee: router.ExactlyOnce},
	} {
		if _, err := r.Routing().PutRouter(ctx, name, spec); err != nil {
			t.Fatal(err)
		}
	}
	limit := int64(4)
	for _, name := range []string{"disk", "gone"} {
		if _, err := r.Put(ctx, name, &record.ConfigPatch{CapRecords: &limit}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Delete(ctx, "gone", false); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		w := topic.Write{IdempotencyKey: fmt.Sprint("later-", i), Records: []record.Record{
			{Data: fmt.Appendf(nil, `{"later":%d}`, i), Tag: fmt.Appendf(nil, "tag-%d", i%3)}, {Data: []byte("null")},
		}}
		if _, err := r.Append(ctx, "fsync", &w); err != nil {
			t.Fatal(err)
		}
		if i < 9 { // so that the log's tail has forwarded frames
			if _, err := data.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}
		r.Forward(ctx)
	}
	before := uint64(4)
	for _, d := range []topics.Deletion{{Match: &tagged}, {Before: &before}} {
		if _, err := r.DeleteRecords(ctx, "fsync", &d); err != nil {
			t.Fatal(err)
		}
	}
	if err := data.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	if data.StorageStats().Merges == 0 {
		t.Fatal("no segments were merged")
	}
	if err := data.Close(ctx); err != nil {
		t.Fatal(err)
	}
	// What a restart makes of it: the ephemeral records are lost.
	data, err = recovery.Run(ctx, goldenOptions(goldenDir))
	if err != nil {
		t.Fatal(err)
	}
	text := dump(t, data.Registry)
	if err := data.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{recovery.LockName, "RESERVE", "RESERVE.prev", "RESERVE.state"} { // say nothing of the format
		if err := os.Remove(filepath.Join(goldenDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(goldenDir+".txt", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
