package recovery_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// A start that refuses a damaged directory names the tools once, in its error
// and in its report.
func TestRefusalAdvisesOnce(t *testing.T) {
	fsys := crashfs.New()
	data := start(t, fsys)
	load(t, data, 3)
	take(t, data)
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	spoil(t, fsys, "/data/"+manifest.Name)
	spoil(t, fsys, "/data/"+manifest.PrevName)
	_, err := recovery.Run(context.Background(), options(fsys, 0, nil))
	refusal := new(recovery.Failure)
	if !errors.As(err, &refusal) {
		t.Fatalf("%v", err)
	}
	if said := err.Error(); strings.Count(said, "topics repair") != 1 || refusal.Report.Error != said {
		t.Errorf("it says %q, and its report %q", said, refusal.Report.Error)
	}
}

// Before its first checkpoint a log is known only by the second manifest. Where both
// are damaged, the first manifest, which knows of no log, does not pass for that of a
// directory without records.
func TestFallbackToTheFirstManifest(t *testing.T) {
	const log = "/data/wal/0000000000000001.wal"
	for name, damage := range map[string]func(fsys *crashfs.FS, manifest, frames []byte){
		"swapped": func(fsys *crashfs.FS, manifest, frames []byte) {
			rewrite(t, fsys, "/data/MANIFEST", frames)
			rewrite(t, fsys, log, manifest)
		},
		"the log is empty": func(fsys *crashfs.FS, _, frames []byte) {
			rewrite(t, fsys, "/data/MANIFEST", frames)
			rewrite(t, fsys, log, nil)
		},
		"the log is gone": func(fsys *crashfs.FS, _, frames []byte) {
			rewrite(t, fsys, "/data/MANIFEST", frames)
			if err := fsys.Remove(log); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := crashfs.New()
			warm := func(o *recovery.Options) { o.Storage.ColdDir = "" } // entering one writes another manifest
			load(t, start(t, fsys, warm), 3)
			fsys = fsys.Kill()
			if first, err := manifest.ReadFile(fsys, "/data", manifest.PrevName); err != nil || first.NewestFile != 0 {
				t.Fatalf("%+v, %v", first, err)
			}
			text, err := vfs.ReadFile(fsys, "/data/"+manifest.Name)
			if err != nil {
				t.Fatal(err)
			}
			frames, err := vfs.ReadFile(fsys, log)
			if err != nil {
				t.Fatal(err)
			}
			damage(fsys, text, frames)
			o := options(fsys, 0, nil)
			warm(&o)
			_, err = recovery.Run(context.Background(), o)
			var found *wal.CorruptionError
			if !errors.As(err, &found) {
				t.Errorf("the start ends with %v", err)
			}
		})
	}
}

// rewrite makes content that of a file.
func rewrite(t *testing.T, fsys *crashfs.FS, name string, content []byte) {
	t.Helper()
	if err := fsys.Remove(name); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A start that falls back to the checkpoint before, and finds only then that
// the log cannot be synced, still reports both.
func TestFallbackOutlivesAFailedSync(t *testing.T) {
	fsys := crashfs.New()
	data := start(t, fsys)
	var number uint64
	for range 2 {
		load(t, data, 3)
		number = take(t, data).Number
	}
	twice(t, data)
	fsys = fsys.Kill()
	spoil(t, fsys, "/data/checkpoints/"+manifest.SnapshotName(number))
	fsys.FailSync("*.wal", 1)
	if data = start(t, fsys); data.Report.CheckpointFallback == "" || !data.Report.PowerLost {
		t.Errorf("recovery saw %+v", data.Report)
	}
}

// After Close the directory may have another owner: what is asked for late
// changes nothing in it.
func TestNothingIsChangedAfterClose(t *testing.T) {
	fsys := crashfs.New()
	broken := false
	inj := &errfs.Injector{Nth: 1, Sticky: true, Ops: errfs.Rename, Only: func(name string) bool {
		return broken && strings.HasPrefix(name, "/data/"+manifest.Name)
	}}
	data := start(t, errfs.New(fsys, inj))
	load(t, data, 3)
	take(t, data)
	load(t, data, 3)
	broken = true // the last checkpoint leaves files that a manifest may name
	if err := data.Close(context.Background()); err == nil {
		t.Fatal("it closed in order")
	}
	broken = false
	before := tree(t, fsys, "/data", "/data/wal", "/data/segments", "/data/checkpoints")
	if _, err := data.Checkpoint(context.Background()); err == nil {
		t.Error("a checkpoint was taken")
	}
	if after := tree(t, fsys, "/data", "/data/wal", "/data/segments", "/data/checkpoints"); after != before {
		t.Error("the directory is changed")
	}
}
