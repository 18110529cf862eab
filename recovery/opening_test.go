package recovery_test

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/repair"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

func toolDir(fsys vfs.FS, boot string) inspect.Dir {
	return inspect.Dir{FS: fsys, Path: "/data", Cold: "/cold", BootID: boot, Mount: "mount"}
}

// tree lists every file with its content.
func tree(t *testing.T, fsys vfs.FS, dirs ...string) string {
	t.Helper()
	var all []string
	for _, dir := range dirs {
		names, err := fsys.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name = path.Join(dir, name)
			b, err := vfs.ReadFile(fsys, name)
			if err != nil { // a directory
				b = nil
			}
			all = append(all, name+" "+string(b))
		}
	}
	return strings.Join(all, "\n")
}

func place(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	if err := fsys.MkdirAll(path.Dir(name)); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte(content), 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// cutLog takes the log in the newest file back to a position, as if nothing had
// ever been written from there on.
func cutLog(t *testing.T, fsys vfs.FS, last wal.File, at wal.LSN) {
	t.Helper()
	f, err := fsys.Open("/data/wal/" + last.Name)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	off := wal.HeaderSize + int64(at-last.First)
	_, err = f.WriteAt(make([]byte, size-off), off)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// whenCaptured calls write once in a checkpoint, after it has set where replay
// begins and before it captures the topics, as soon as Nth is set.
func whenCaptured(write func()) *errfs.Injector {
	inj := new(errfs.Injector)
	inj.Only = func(name string) bool {
		if inj.Nth > 0 && path.Base(name) == "state.tmp" {
			inj.Nth = 0
			write()
		}
		return false
	}
	return inj
}

// A log that ends, quite soundly, below what a checkpoint or what is in its
// state claims is refused: a start that went on there would take the next writes
// for what the checkpoint has already. Verify finds it, too, and a repair makes
// room.
func TestLogEndsBelowCheckpoint(t *testing.T) {
	for _, forget := range []string{"nothing", "where the checkpoint ended"} {
		t.Run("the manifest forgot "+forget, func(t *testing.T) {
			ctx, fsys := context.Background(), crashfs.New()
			var data *recovery.Recovered
			during := whenCaptured(func() { load(t, data, 4) })
			data = start(t, errfs.New(fsys, during))
			load(t, data, 2)
			from := data.Log.Tail()
			during.Nth = 1
			take(t, data)
			files := data.Log.Files()
			heads := map[string]uint64{}
			for _, name := range []string{"a", "b"} {
				s, err := data.Registry.State(name, false)
				if err != nil {
					t.Fatal(err)
				}
				heads[name] = s.Head
			}
			fsys = fsys.Kill()
			m, err := manifest.Read(fsys, "/data")
			if err != nil {
				t.Fatal(err)
			}
			if m.EndLSN > uint64(from) || m.Checkpoint.Start != uint64(from) || m.Checkpoint.Through <= uint64(from) || len(files) != 1 {
				t.Fatalf("the manifest knows more than it should: %+v, %v", m, files)
			}
			if forget != "nothing" {
				m.Checkpoint.Through = 0
				for range 2 {
					if err := manifest.Write(fsys, "/data", m); err != nil {
						t.Fatal(err)
					}
				}
			}
			cutLog(t, fsys, files[0], from)

			for _, boot := range []string{"boot-0", "boot-1"} {
				clone := fsys.Clone()
				o := options(clone, 0, func() int64 { return 1_000_000 })
				o.BootID = boot
				_, err := recovery.Run(ctx, o)
				if corrupt := new(wal.CorruptionError); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "durable") || !strings.Contains(err.Error(), "topics repair") {
					t.Fatalf("in %s: %v", boot, err)
				}
				found, err := inspect.Verify(ctx, toolDir(clone, boot))
				if err != nil || found.Sound() {
					t.Fatalf("in %s verify finds %+v, %v", boot, found, err)
				}
			}
			report, err := repair.Run(ctx, toolDir(fsys, "boot-0"), repair.Options{})
			if err != nil || !report.Changed {
				t.Fatalf("%+v, %v", report, err)
			}
			data = start(t, fsys.Kill())
			for name, head := range heads {
				got, lost := readAll(t, data.Registry, name)
				for seq := uint64(1); seq <= head; seq++ {
					if _, there := got[seq]; !there && lost[seq] == "" {
						t.Errorf("topic %s: seq %d is gone without a word", name, seq)
					}
				}
				out, err := data.Registry.Append(ctx, name, &topic.Write{Records: []record.Record{{Data: []byte("1")}}})
				if err != nil || out.First <= head {
					t.Errorf("topic %s, whose head was %d: %+v, %v", name, head, out, err)
				}
			}
		})
	}
}

// What a first start leaves when it is killed, and what some file systems have
// at their root, is an empty directory; so are the other directories of the configuration.
func TestEmptyDirectories(t *testing.T) {
	fsys := crashfs.New()
	place(t, fsys, "/data/"+recovery.LockName, "123")
	place(t, fsys, "/data/MANIFEST.tmp", "half of o")
	place(t, fsys, "/data/RESERVE", "")
	for _, dir := range []string{"lost+found", "wal", "segments", "checkpoints"} {
		if err := fsys.MkdirAll("/data/" + dir); err != nil {
			t.Fatal(err)
		}
	}
	place(t, fsys, "/data/cold/lost+found", "")
	place(t, fsys, "/data/port", "1234\n")
	inside := func(o *recovery.Options) { o.Storage.ColdDir, o.Named = "/data/cold", []string{"/data/port"} }
	data := start(t, fsys, inside)
	load(t, data, 1)
	want := dump(t, data.Registry)
	if got := dump(t, start(t, fsys.Kill(), inside).Registry); got != want {
		t.Fatal(firstDifference(want, got))
	}
}

// A directory that is no data directory, or one that has lost its manifests, is
// refused for what it is, and nothing in it changes: not even a lock is left.
func TestOtherDirectories(t *testing.T) {
	log, seg, state := wal.FileName(1), "0000000000000001.seg", manifest.SnapshotName(1)
	for _, c := range []struct {
		name  string
		kind  recovery.Kind
		files []string
		want  string
	}{
		{"photos", recovery.Foreign, []string{"beach.jpg"}, "such as beach.jpg"},
		{"photos under a name of ours", recovery.Foreign, []string{"wal/beach.jpg"}, "such as wal/beach.jpg"},
		{"a file under a name of ours", recovery.Foreign, []string{"segments"}, "such as segments"},
		{"a backup", recovery.Backup, []string{"BACKUP", "wal/" + log, "checkpoints/" + state}, "topics restore --from /data"},
		{"an archive", recovery.Archive, []string{log}, "--archive"},
		{"a cold directory", recovery.Cold, []string{manifest.OwnerName, seg}, "TOPICS_COLD_DIR"},
		{"segments", recovery.Cold, []string{seg}, "TOPICS_COLD_DIR"},
		{"a quarantine", recovery.Quarantine, []string{"MANIFEST", log, state}, "quarantine"},
		{"quarantines", recovery.Quarantine, []string{"1/MANIFEST", "2/MANIFEST"}, "quarantine"},
		{"log files without a manifest", recovery.Data, []string{"wal/" + log}, "MANIFEST is damaged: it is missing, and wal/" + log + " is there"},
		{"segments and a state without a manifest", recovery.Data, []string{"checkpoints/" + state, "segments/" + seg}, "is there"},
		{"a quarantine without its data", recovery.Data, []string{"quarantine/1"}, "is there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := crashfs.New()
			dirs := []string{"/", "/data"}
			for _, name := range c.files {
				place(t, fsys, "/data/"+name, "something")
				if dir := path.Dir("/data/" + name); !slices.Contains(dirs, dir) {
					dirs = append(dirs, dir)
				}
			}
			if d, err := recovery.Examine(fsys, "/data"); err != nil || d.Kind != c.kind {
				t.Fatalf("examined as %+v, %v", d, err)
			}
			before := tree(t, fsys, dirs...)
			_, err := recovery.Run(context.Background(), options(fsys, 0, nil))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("a start says %v, want %q", err, c.want)
			}
			_, verr := inspect.Verify(context.Background(), toolDir(fsys, ""))
			_, rerr := repair.Run(context.Background(), toolDir(fsys, ""), repair.Options{})
			derr := inspect.Dump(context.Background(), toolDir(fsys, ""), inspect.What{State: true}, new(strings.Builder))
			for tool, err := range map[string]error{"verify": verr, "repair": rerr, "dump": derr} {
				kind := new(recovery.KindError)
				if (c.kind != recovery.Data) != (errors.As(err, &kind) && strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s says %v, want %q", tool, err, c.want)
				}
			}
			if after := tree(t, fsys, dirs...); c.kind != recovery.Data && after != before {
				t.Errorf("it was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

// Copies of manifests alone are known as a quarantine by their place, and a data
// directory in such a place by what is in it.
func TestQuarantineByItsPlace(t *testing.T) {
	for name, want := range map[string]recovery.Kind{
		"/data/quarantine/1/MANIFEST": recovery.Quarantine,
		"/quarantine/data/MANIFEST":   recovery.Data,
	} {
		fsys := crashfs.New()
		place(t, fsys, name, "something")
		if d, err := recovery.Examine(fsys, path.Dir(name)); err != nil || d.Kind != want {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	fsys := crashfs.New()
	place(t, fsys, "/quarantine/1/MANIFEST", "something")
	place(t, fsys, "/quarantine/1/wal/"+wal.FileName(1), "something")
	if d, err := recovery.Examine(fsys, "/quarantine/1"); err != nil || d.Kind != recovery.Data {
		t.Errorf("%+v, %v", d, err)
	}
}

// With both manifests gone a start refuses, and removes nothing.
func TestNothingGoesUnderNoManifest(t *testing.T) {
	fsys := crashfs.New()
	data := start(t, fsys)
	load(t, data, 10)
	take(t, data)
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	fsys = fsys.Kill()
	for _, name := range []string{"MANIFEST", "MANIFEST.prev"} {
		if err := fsys.Remove("/data/" + name); err != nil {
			t.Fatal(err)
		}
	}
	names, err := fsys.List("/data/wal")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := fsys.Remove("/data/wal/" + name); err != nil {
			t.Fatal(err)
		}
	}
	all := []string{"/data/segments", "/data/checkpoints", "/cold"}
	before := tree(t, fsys, all...)
	bad := new(manifest.CorruptionError)
	if _, err := recovery.Run(context.Background(), options(fsys, 0, nil)); !errors.As(err, &bad) {
		t.Fatalf("%v", err)
	}
	if after := tree(t, fsys, all...); after != before {
		t.Fatal("a refused start changed something")
	}
	if found, err := inspect.Verify(context.Background(), toolDir(fsys, "boot-0")); err != nil || found.Sound() {
		t.Fatalf("verify finds %+v, %v", found, err)
	}
	if report, err := repair.Run(context.Background(), toolDir(fsys, "boot-0"), repair.Options{}); err != nil || !report.Changed {
		t.Fatalf("%+v, %v", report, err)
	}
	if n := start(t, fsys.Kill()).Registry.Totals().Records; n != 20 {
		t.Errorf("%d records are there, want 20", n)
	}
}

// Damage below the start of either checkpoint. A start meets it where the log
// ends at the checkpoint's start: only the frames before show that it does. Then
// it refuses, verify finds it, and a repair changes that.
func TestDamageBelowTheStart(t *testing.T) {
	ctx, fsys := context.Background(), crashfs.New()
	data := start(t, fsys)
	load(t, data, 2)
	end := data.Log.Tail()
	for range 2 {
		load(t, data, 1)
		take(t, data)
	}
	file := data.Log.Files()[0]
	fsys = fsys.Kill() // no marker follows: the log ends where the checkpoint starts
	f, err := fsys.Open("/data/wal/" + file.Name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("spoiled"), wal.HeaderSize+int64(end-file.First)-500)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	_, refused := recovery.Run(ctx, options(fsys.Clone(), 0, func() int64 { return 1_000_000 }))
	found, err := inspect.Verify(ctx, toolDir(fsys, "boot-0"))
	if err != nil || refused == nil || found.Sound() {
		t.Fatalf("refused: %v, and verify finds %+v, %v", refused, found, err)
	}
	report, err := repair.Run(ctx, toolDir(fsys, "boot-0"), repair.Options{})
	if err != nil || !report.Changed {
		t.Fatalf("%+v, %v", report, err)
	}
	if n := start(t, fsys.Kill()).Registry.Totals().Records; n != 8 {
		t.Errorf("%d records are there, want 8", n)
	}
}
