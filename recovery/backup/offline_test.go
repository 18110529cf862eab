package backup_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// A copy of a directory that is not in use restores to what the directory
// itself recovers to, however its last run ended.
func TestOfflineRoundTrip(t *testing.T) {
	for seed := range uint64(30) {
		fsys := crashfs.New()
		w := newWorld(t, fsys, seed)
		for range w.rng.IntN(3) {
			w.steps(w.rng.IntN(60))
			w.upkeep()
		}
		w.steps(w.rng.IntN(60))
		// Classes whose records a crash may lose.
		for _, class := range []string{"memory", "disk", "ephemeral"} {
			out := topic.Write{Config: &record.ConfigPatch{Durability: &class}, Records: []record.Record{{Data: []byte(`1`)}}}
			if _, err := w.data.Registry.Append(context.Background(), class, &out); err != nil {
				t.Fatal(err)
			}
		}
		switch w.rng.IntN(3) {
		case 0:
			w.close()
			fsys = fsys.Kill()
		case 1:
			fsys = fsys.Kill()
		default:
			fsys = fsys.Crash(rand.New(rand.NewPCG(seed, 2)))
			w.mount = "after the power cut"
		}
		w.fs = fsys
		c := copying(fsys, "/data", "/cold", "/backup")
		c.Mount = cmp.Or(w.mount, c.Mount)
		if _, err := backup.Copy(context.Background(), c); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if _, err := restoreTo(fsys, backup.Until{}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got := w.restored(fsys, "/restored")
		w.open()
		same(t, fmt.Sprintf("seed %d", seed), dump(t, w.data.Registry), got)
	}
}

// A directory that was never written to can be backed up too.
func TestOfflineEmpty(t *testing.T) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 1)
	w.backup("/online")
	fsys = fsys.Kill()
	w.fs = fsys
	if _, err := backup.Copy(context.Background(), copying(fsys, "/data", "", "/backup")); err != nil {
		t.Fatal(err)
	}
	if _, err := restoreTo(fsys, backup.Until{}); err != nil {
		t.Fatal(err)
	}
	if got := w.restored(fsys, "/restored"); got != "" {
		t.Fatal(got)
	}
}

// Either manifest of a restored directory is sufficient.
func TestManifestsAgree(t *testing.T) {
	w, fsys, _ := small(t)
	if _, err := restoreTo(fsys, backup.Until{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"MANIFEST", "MANIFEST.prev"} {
		clone := fsys.Clone()
		flip(t, clone, "/restored/"+name, 30)
		if data := reopen(t, clone, "/restored", func() int64 { return w.now }); data.Registry.Totals().Records == 0 {
			t.Fatalf("without %s there is nothing", name)
		}
	}
}
