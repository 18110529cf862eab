package repair_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// destinations are topics that only routers write to.
var destinations = []string{"all", "some", "on"}

// connect makes the router to a destination.
func connect(t *testing.T, r *topics.Registry, n int) {
	t.Helper()
	m, err := record.NewMatch("Eq", "tag-0")
	if err != nil {
		t.Fatal(err)
	}
	spec := []router.Spec{
		{Source: "kept", Dest: "all"}, {Source: "tagged", Dest: "some", Filter: &m, PreserveTag: true}, {Source: "all", Dest: "on"},
	}[n]
	fsync := "fsync"
	if _, err := r.Put(context.Background(), spec.Dest, &record.ConfigPatch{Durability: &fsync}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Routing().PutRouter(context.Background(), fmt.Sprint("router", n), spec); err != nil {
		t.Fatal(err)
	}
}

// forwarded records that a destination may have got that: what was lost there with
// the frame that brought it is brought again.
func (w *world) forwarded(name, entry string) bool {
	parts := strings.SplitN(entry, " ", 3)
	return slices.Contains(destinations, name) && w.wrote[parts[2]]
}

// checkOnce holds that nothing is in a destination twice.
func (w *world) checkOnce(t *testing.T, name string, c topicContent) {
	t.Helper()
	if !slices.Contains(destinations, name) {
		return
	}
	once := map[string]uint64{}
	for seq, rec := range c.records {
		what := strings.SplitN(rec, " ", 3)[2]
		if other, ok := once[what]; ok {
			t.Fatalf("topic %s: %s is at %d and at %d", name, what, other, seq)
		}
		once[what] = seq
	}
}

// logFrames are the frames of a directory's log, by their type.
func logFrames(t *testing.T, fsys *crashfs.FS) (frames map[string][]wal.Frame) {
	t.Helper()
	frames = map[string][]wal.Frame{}
	r := verify(t, fsys)
	replay, err := wal.Inspect(dataDir(fsys).LogOptions(r.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	_, err = replay.Salvage(func(f wal.Frame) error {
		e, err := entry.Describe(f.Type, f.Payload)
		f.Payload = bytes.Clone(f.Payload)
		frames[e.Type] = append(frames[e.Type], f)
		return err
	}, func(d *wal.CorruptionError) error { return fmt.Errorf("%+v", d) })
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

// spoil changes a byte in the middle of a frame's payload, wherever it is.
func spoil(t *testing.T, fsys *crashfs.FS, f wal.Frame) {
	t.Helper()
	for _, name := range files(t, fsys, "/data/wal") {
		file, err := fsys.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		size, err := file.Size()
		if err != nil {
			t.Fatal(err)
		}
		content := make([]byte, size)
		if _, err := file.ReadAt(content, 0); err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(content, f.Payload); at >= 0 {
			off := at + len(f.Payload)/2
			if _, err := file.WriteAt([]byte{content[off] ^ 0x10}, int64(off)); err != nil {
				t.Fatal(err)
			}
		}
		if err := file.Sync(); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
}

// TestRepairRouters spoils a frame of each kind that routers need: one that has
// records which others refer to, one that refers, and one that makes a router.
// Verify reports each, and of every frame that refers to what is gone; what
// cannot be brought back is lost as corrupt, and nothing is there twice.
func TestRepairRouters(t *testing.T) {
	w := buildWith(t, true)
	frames := logFrames(t, w.fs)
	referred := map[uint64]bool{}
	for _, f := range frames["forward"] {
		e, err := entry.Describe(f.Type, f.Payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range e.Runs {
			referred[u.LSN] = true
		}
	}
	cases := map[string][]wal.Frame{"reference": frames["forward"], "router": frames["router"]}
	for _, f := range frames["append"] {
		if referred[uint64(f.LSN)] {
			cases["referred"] = append(cases["referred"], f)
		}
	}
	for kind, list := range cases {
		if len(list) == 0 {
			t.Fatalf("there is no %s frame", kind)
		}
		for i := range min(3, len(list)) {
			t.Run(fmt.Sprint(kind, i), func(t *testing.T) {
				fsys := w.fs.Clone()
				spoil(t, fsys, list[i])
				found := verify(t, fsys)
				if found.Sound() {
					t.Fatal("not found")
				}
				refers := slices.ContainsFunc(found.Faults, func(f inspect.Fault) bool { return strings.Contains(f.Cause, "cannot be resolved") })
				if refers != (kind == "referred") {
					t.Fatalf("%v", found.Faults)
				}
				mustRepair(t, fsys)
				if again := verify(t, fsys); !again.Sound() {
					t.Fatalf("after the repair: %v", again.Faults)
				}
				fsys = fsys.Kill()
				data := run(t, fsys)
				w.check(t, read(t, data.Registry), true)
				w.lives(t, fsys, data)
			})
		}
	}
}

// A dump shows routers, where forwarded records are, and topics by their names.
func TestDumpRouters(t *testing.T) {
	w := buildWith(t, true)
	var out bytes.Buffer
	err := inspect.Dump(context.Background(), dataDir(w.fs), inspect.What{State: true, Frames: true}, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"kind":"router"`, `"router":"router0"`, `"type":"router"`, `"router":"router2"`, `"type":"forward"`, `"runs":[{"lsn":`,
		`"topic":"on"`, `"cursor":`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in the dump", want)
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, `"topic":"router`) {
			t.Fatalf("a router's name is taken for a topic's: %s", line)
		}
	}
}
