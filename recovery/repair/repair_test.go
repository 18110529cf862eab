package repair_test

import (
	"context"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/repair"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

var small = repair.Options{Segment: segment.Limits{Bytes: 2 << 10, Records: 60}}

func verify(t *testing.T, fsys vfs.FS) *inspect.Report {
	t.Helper()
	r, err := inspect.Verify(context.Background(), dataDir(fsys))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustRepair(t *testing.T, fsys vfs.FS) *repair.Report {
	t.Helper()
	r, err := repair.Run(context.Background(), dataDir(fsys), small)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// needed are the files that matter, by their kind.
func needed(t *testing.T) map[string][]string {
	w := build(t)
	fsys := w.fs
	m, err := manifest.Read(fsys, "/data")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string][]string{
		"manifest": {"/data/MANIFEST", "/data/MANIFEST.prev"},
		"newest":   {"/data/checkpoints/" + manifest.SnapshotName(m.Checkpoint.Number)},
		"previous": {"/data/checkpoints/" + manifest.SnapshotName(m.Previous.Number)},
		"cold":     files(t, fsys, "/cold"),
	}
	kinds["cold"] = slices.DeleteFunc(kinds["cold"], func(name string) bool {
		return strings.HasPrefix(path.Base(name), manifest.OwnerName) // a start's to look at
	})
	for _, name := range files(t, fsys, "/data/segments") {
		kind := "data"
		if strings.HasSuffix(name, ".idx") {
			kind = "index"
		}
		kinds[kind] = append(kinds[kind], name)
	}
	for _, name := range files(t, fsys, "/data/wal") {
		if w.used[name] > 64 {
			kinds["log"] = append(kinds["log"], name)
		}
	}
	return kinds
}

// TestRepair harms each kind of file in each way. What is wrong is found and
// named; no read ever gives wrong data; and the repair keeps everything that is
// not damaged, reports the rest, and does nothing more the second time.
func TestRepair(t *testing.T) {
	kinds := needed(t)
	met := 0
	for kind, names := range kinds {
		if len(names) == 0 {
			t.Fatalf("there is no file of kind %s", kind)
		}
		for i, name := range names {
			if len(names) > 4 && i%(len(names)/3) != 0 {
				continue
			}
			for _, how := range []string{"flip", "zero", "head", "cut", "delete"} {
				t.Run(kind+"/"+how+name, func(t *testing.T) {
					if name == "/data/MANIFEST.prev" && how == "delete" {
						t.Skip("a first manifest has none before it")
					}
					if check(t, kind, name, how) {
						met++
					}
				})
			}
		}
	}
	if met < 5 {
		t.Errorf("reads met damage in %d cases", met)
	}
}

// check harms one file in one way, and returns whether a read met that before
// the repair: what is damaged may be dead.
func check(t *testing.T, kind, name, how string) (met bool) {
	other := build(t)
	other.harm(t, name, how)
	if data, err := recovery.Run(context.Background(), options(other.fs)); err == nil {
		c := read(t, data.Registry)
		other.check(t, c, false)
		met = c.failed()
	}
	w := build(t)
	w.harm(t, name, how)
	fsys := w.fs
	found := verify(t, fsys)
	if !slices.ContainsFunc(found.Faults, func(f inspect.Fault) bool { return f.File == name && f.Cause != "" }) {
		t.Fatalf("not found: %v", found.Faults)
	}
	report := mustRepair(t, fsys)
	if !report.Changed || report.Quarantine == "" {
		t.Fatalf("%+v", report)
	}
	if again := verify(t, fsys); !again.Sound() {
		t.Fatalf("after the repair: %v", again.Faults)
	}
	if again := mustRepair(t, fsys); again.Changed {
		t.Fatalf("repaired again: %+v", again)
	}
	fsys = fsys.Kill()
	data := run(t, fsys)
	mended := read(t, data.Registry)
	gone := w.check(t, mended, kind == "log")
	switch kind {
	case "manifest", "newest", "previous", "index":
		if gone > 0 {
			t.Errorf("%d records are lost, and none was damaged", gone)
		}
	case "data", "cold":
		if gone > 60 {
			t.Errorf("%d records are lost of a segment of 60", gone)
		}
	}
	w.lives(t, fsys, data)
	return met
}

// lives holds that the directory goes on as any: no seq is given out twice, and
// another restart finds the same.
func (w *world) lives(t *testing.T, fsys *crashfs.FS, data *recovery.Recovered) {
	t.Helper()
	for name, c := range w.whole {
		out, err := data.Registry.Append(context.Background(), name, &topic.Write{Records: []record.Record{{Data: []byte(`1`)}}})
		if err != nil || out.First <= c.head {
			t.Fatalf("topic %s, whose head was %d: %+v, %v", name, c.head, out, err)
		}
	}
	for range 3 {
		if _, err := data.Checkpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	before := read(t, data.Registry)
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	fsys = fsys.Kill()
	if r := verify(t, fsys); !r.Sound() {
		t.Fatalf("after more writes: %v", r.Faults)
	}
	after := read(t, run(t, fsys).Registry)
	for name, c := range before {
		if d := after[name]; d.head < c.head || len(d.records) != len(c.records) {
			t.Errorf("topic %s: %d records up to %d, then %d up to %d", name, len(c.records), c.head, len(d.records), d.head)
		}
	}
}
