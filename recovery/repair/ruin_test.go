package repair_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/repair"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// both harms both of two files that replace each other.
func (w *world) both(t *testing.T, a, b, how string) {
	t.Helper()
	w.harm(t, a, how)
	w.harm(t, b, how)
}

// TestManifests loses both manifests: everything is found again by what is
// there, also by a repair that follows one that was cut off.
func TestManifests(t *testing.T) {
	for _, how := range []string{"flip", "delete"} {
		w := build(t)
		w.both(t, "/data/MANIFEST", "/data/MANIFEST.prev", how)
		for n := 0; n < 200; n += 13 {
			fsys := w.fs.Clone()
			fsys.CrashAfter(n)
			_, err := repair.Run(context.Background(), dataDir(fsys), small)
			if err != nil && !errors.Is(err, crashfs.ErrCrashed) {
				t.Fatal(err)
			}
			fsys = fsys.Kill()
			mustRepair(t, fsys)
			data := run(t, fsys)
			if gone := w.check(t, read(t, data.Registry), false); gone > 0 {
				t.Fatalf("%s, crash after %d: %d records are gone", how, n, gone)
			}
			w.lives(t, fsys, data)
		}
	}
}

// TestLogHelps loses every segment of the newest checkpoint that the one before
// had not: the log still has what is in them.
func TestLogHelps(t *testing.T) {
	w := build(t)
	m, err := manifest.Read(w.fs, "/data")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, ref := range m.Checkpoint.Segments {
		if !slices.Contains(m.Previous.Segments, ref) {
			w.harm(t, "/data/segments/"+segment.DataName(ref.ID), "delete")
			n++
		}
	}
	mustRepair(t, w.fs)
	data := run(t, w.fs)
	if gone := w.check(t, read(t, data.Registry), false); gone > 0 || n == 0 {
		t.Fatalf("%d records are gone with %d segments", gone, n)
	}
	w.lives(t, w.fs, data)
}

// TestManifestsAndState loses the newest state, too.
func TestManifestsAndState(t *testing.T) {
	w := build(t)
	m, err := manifest.Read(w.fs, "/data")
	if err != nil {
		t.Fatal(err)
	}
	w.both(t, "/data/MANIFEST", "/data/MANIFEST.prev", "cut")
	w.harm(t, "/data/checkpoints/"+manifest.SnapshotName(m.Checkpoint.Number), "flip")
	mustRepair(t, w.fs)
	data := run(t, w.fs)
	if gone := w.check(t, read(t, data.Registry), false); gone > 0 {
		t.Fatalf("%d records are gone", gone)
	}
	w.lives(t, w.fs, data)
}

// TestStates loses both states: the names of the topics are gone, and the
// records in segments and in the log are not.
func TestStates(t *testing.T) {
	w := build(t)
	m, err := manifest.Read(w.fs, "/data")
	if err != nil {
		t.Fatal(err)
	}
	w.both(t, "/data/checkpoints/"+manifest.SnapshotName(m.Checkpoint.Number),
		"/data/checkpoints/"+manifest.SnapshotName(m.Previous.Number), "flip")
	report := mustRepair(t, w.fs)
	if report.Recovered != 4 {
		t.Errorf("%d topics are recovered, want 4", report.Recovered)
	}
	got := read(t, run(t, w.fs).Registry)
	for name, want := range w.whole {
		var same *topicContent
		for other, c := range got {
			if strings.HasPrefix(other, "recovered-") && strings.Contains(fmt.Sprint(c.records), name) {
				same = &c
			}
		}
		if same == nil {
			t.Fatalf("topic %s is not there", name)
		}
		if same.head < want.head || name == "idle" && same.head == want.head {
			// Nothing in the log has the head of idle.
			t.Errorf("topic %s: its head was %d and is %d", name, want.head, same.head)
		}
		for seq, rec := range want.records {
			if same.records[seq] != rec {
				t.Errorf("topic %s: seq %d is %q, was %q", name, seq, same.records[seq], rec)
			}
		}
	}
}

// TestHopeless holds that a repair reports why it cannot do anything, and does
// nothing.
func TestHopeless(t *testing.T) {
	w := build(t)
	for _, name := range files(t, w.fs, "/data") {
		if strings.Contains(name, "MANIFEST") {
			w.harm(t, name, "flip")
		}
	}
	for _, dir := range []string{"/data/segments", "/data/wal", "/cold"} {
		for _, name := range files(t, w.fs, dir) {
			w.harm(t, name, "delete")
		}
	}
	if r, err := repair.Run(context.Background(), dataDir(w.fs), small); err == nil || !strings.Contains(err.Error(), "the id of the log is unknown") {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestInUse holds that a repair keeps its hands off a running server's data.
func TestInUse(t *testing.T) {
	w := build(t)
	data := run(t, w.fs)
	_, err := repair.Run(context.Background(), dataDir(w.fs), small)
	if busy := new(recovery.InUseError); !errors.As(err, &busy) {
		t.Fatal(err)
	}
	if r := verify(t, w.fs); r.InUse == "" || !r.Sound() {
		t.Fatalf("%+v", r)
	}
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, w.fs); r.InUse != "" || !r.Sound() {
		t.Fatalf("%+v", r)
	}
}

// TestLogGap loses one frame in the middle of the log: the topic that goes on
// after it loses exactly what was in it, and one that does not goes on above
// all that may have been in it.
func TestLogGap(t *testing.T) {
	w := build(t)
	data := run(t, w.fs)
	ctx, one := context.Background(), topic.Write{Records: []record.Record{{Data: []byte(`"` + strings.Repeat("x", 600) + `"`)}}}
	for _, name := range []string{"kept", "idle", "kept"} {
		if _, err := data.Registry.Append(ctx, name, &one); err != nil {
			t.Fatal(err)
		}
	}
	// A later frame proves that these were synced.
	end := data.Log.Tail()
	if err := data.Log.WaitSynced(end); err != nil {
		t.Fatal(err)
	}
	if _, err := data.Registry.Append(ctx, "kept", &one); err != nil {
		t.Fatal(err)
	}
	heads := map[string]uint64{}
	for _, name := range []string{"kept", "idle"} {
		s, err := data.Registry.State(name, false)
		if err != nil {
			t.Fatal(err)
		}
		heads[name] = s.Head
	}
	list := data.Log.Files()
	last := list[len(list)-1]
	if err := data.Log.WaitSynced(data.Log.Tail()); err != nil {
		t.Fatal(err)
	}
	fsys := w.fs.Kill()
	f, err := fsys.Open("/data/wal/" + last.Name)
	if err != nil {
		t.Fatal(err)
	}
	const frame = 656 // bytes of one, more or less: idle's is the last but two
	off := last.Bytes() - 2*frame - frame/2
	if _, err := f.WriteAt(make([]byte, 8), off); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	report := mustRepair(t, fsys)
	got := map[string]replay.Loss{}
	for _, l := range report.Lost {
		got[l.Topic] = l
	}
	if l := got["idle"]; l.From != heads["idle"] || l.To < heads["idle"] {
		t.Errorf("topic idle lost %+v, its head was %d", l, heads["idle"])
	}
	if _, lost := got["kept"]; lost {
		t.Errorf("topic kept lost %+v", got["kept"])
	}
}
