package repair_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// parts are the directories that a data directory consists of.
var parts = []string{"/data", "/data/wal", "/data/segments", "/data/checkpoints", "/cold"}

// wrecker damages a directory at random.
type wrecker struct {
	*world
	t       *testing.T
	rng     *rand.Rand
	did     []string
	dropped []string // directories
}

// stored are the files that can be damaged.
func (w *wrecker) stored() (names []string) {
	for _, dir := range parts {
		if slices.Contains(w.dropped, dir) {
			continue
		}
		for _, name := range files(w.t, w.fs, dir) {
			base := path.Base(name)
			if !slices.Contains(parts, name) && base != recovery.LockName && base != "RESERVE" && base != manifest.OwnerName {
				names = append(names, name)
			}
		}
	}
	return names
}

func (w *wrecker) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *wrecker) content(fsys vfs.FS, name string) []byte {
	b, err := vfs.ReadFile(fsys, name)
	w.must(err)
	return b
}

// put replaces the content of a file, or removes the file if b is nil.
func (w *wrecker) put(name string, b []byte) {
	err := w.fs.Remove(name)
	if b != nil {
		f, cerr := w.fs.Create(name)
		w.must(cerr)
		_, err = f.WriteAt(b, 0)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	w.must(errors.Join(err, w.fs.SyncDir(path.Dir(name))))
}

// stop starts the directory, takes a checkpoint at the log's end, and kills the
// server or stops it in an orderly way, which leaves a marker after that.
func (w *wrecker) stop() {
	data := run(w.t, w.fs)
	_, err := data.Checkpoint(context.Background())
	w.must(err)
	files := data.Log.Files()
	if w.rng.IntN(2) == 0 {
		w.must(data.Close(context.Background()))
	}
	for _, f := range files {
		w.world.used["/data/wal/"+f.Name] = f.Bytes()
	}
	w.fs = w.fs.Kill()
}

// usedBytes is how many of a file's bytes mean anything.
func (w *wrecker) usedBytes(name string, b []byte) int {
	if n, ok := w.world.used[name]; ok {
		return int(n)
	}
	if strings.HasSuffix(name, ".wal") {
		return 0
	}
	return len(b)
}

// damage does one thing to the directory.
func (w *wrecker) damage() {
	names := w.stored()
	name := names[w.rng.IntN(len(names))]
	b := w.content(w.fs, name)
	used := w.usedBytes(name, b)
	how := []string{"flip", "zero", "truncate", "delete", "swap", "duplicate", "append", "past", "drop", "proof"}[w.rng.IntN(10)]
	w.did = append(w.did, how+" "+name)
	switch how {
	case "flip":
		if used > 0 {
			b[w.rng.IntN(used)] ^= 1 << w.rng.IntN(8)
		}
	case "zero":
		if used > 0 {
			from := w.rng.IntN(used)
			clear(b[from:min(used, from+1+w.rng.IntN(4096))])
		}
	case "truncate":
		b = b[:w.rng.IntN(len(b)+1)]
	case "delete":
		b = nil
	case "swap", "duplicate":
		other := names[w.rng.IntN(len(names))]
		if path.Dir(other) != path.Dir(name) { // most would not be taken for anything
			other = name
		}
		w.did[len(w.did)-1] += " " + other
		was := w.content(w.fs, other)
		if how == "swap" {
			w.put(name, was)
			name = other
		} else {
			b, name = w.content(w.fs, name), other
		}
	case "append":
		for range 1 + w.rng.IntN(200) {
			b = append(b, byte(w.rng.Uint32()))
		}
	case "past":
		if then, err := vfs.ReadFile(w.early, name); err == nil {
			b = then
		}
	case "drop":
		w.drop(path.Dir(name))
		return
	case "proof":
		w.did[len(w.did)-1] = how
		w.proof()
		return
	}
	w.put(name, b)
}

// proof damages the header of the newest file of the log that has anything in
// it, and the manifest, which may have proven what was there.
func (w *wrecker) proof() {
	if slices.Contains(w.dropped, "/data/wal") {
		return
	}
	for _, name := range slices.Backward(files(w.t, w.fs, "/data/wal")) {
		b := w.content(w.fs, name)
		if !strings.HasSuffix(name, ".wal") || len(b) < wal.HeaderSize || len(bytes.Trim(b, "\x00")) == 0 {
			continue
		}
		b[w.rng.IntN(wal.HeaderSize)] ^= 1 << w.rng.IntN(8)
		w.put(name, b)
		break
	}
	if slices.Contains(w.stored(), "/data/"+manifest.Name) {
		w.put("/data/"+manifest.Name, nil)
	}
}

// drop removes a directory with everything in it. There is no operation for
// that, so everything else moves to another file system.
func (w *wrecker) drop(dir string) {
	if dir == "/data" {
		return
	}
	w.dropped = append(w.dropped, dir)
	next := crashfs.New()
	for _, part := range parts {
		if slices.Contains(w.dropped, part) {
			continue
		}
		w.must(next.MkdirAll(part))
		for _, name := range files(w.t, w.fs, part) {
			if slices.Contains(parts, name) {
				continue
			}
			f, err := next.Create(name)
			w.must(err)
			_, err = f.WriteAt(w.content(w.fs, name), 0)
			w.must(errors.Join(err, f.Sync(), f.Close()))
		}
		w.must(next.SyncDir(part))
	}
	w.fs = next
}
