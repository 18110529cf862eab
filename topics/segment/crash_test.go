package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// cuts is how many power cuts a test draws for each operation.
const cuts = 25

// make1 writes the segment 1, possibly not to the end.
func make1(fsys vfs.FS, items []item) error {
	w, err := Create(fsys, testDir, 1, testLog)
	if err != nil {
		return err
	}
	if err := write(w, items, false); err != nil {
		return err
	}
	return w.Finish()
}

// TestCrash cuts the power before each operation of a Writer and after the
// last. A finished segment is intact; leftovers of an unfinished one do not
// hinder the next Writer.
func TestCrash(t *testing.T) {
	items := append(bulk(1, 2500), bulk(2, 5)...)
	for n := 0; ; n++ {
		fsys := newFS(t)
		fsys.CrashAfter(n)
		err := make1(fsys, items)
		if err != nil && !errors.Is(err, crashfs.ErrCrashed) {
			t.Fatal(err)
		}
		for seed := range uint64(cuts) {
			rng := rand.New(rand.NewPCG(uint64(n), seed))
			after := fsys.Clone().Crash(rng)
			if err != nil {
				check(t, make1(after, items))
				after = after.Crash(rng)
			}
			same(t, must(readAll(after, NewCache(0))), items)
		}
		if err == nil {
			return
		}
	}
}

// TestCrashCopy does the same for CopyData: the copy is complete or absent.
func TestCrashCopy(t *testing.T) {
	items := bulk(1, 2500)
	whole := newFS(t)
	check(t, make1(whole, items))
	want := must(vfs.ReadFile(whole, testDir+"/"+DataName(1)))
	for n := 0; ; n++ {
		fsys := whole.Clone()
		fsys.CrashAfter(n)
		err := CopyData(fsys, testDir, coldDir, 1)
		for seed := range uint64(cuts) {
			after := fsys.Clone().Crash(rand.New(rand.NewPCG(uint64(n), seed)))
			got, rerr := vfs.ReadFile(after, coldDir+"/"+DataName(1))
			if rerr == nil && !bytes.Equal(got, want) || rerr != nil && (err == nil || !errors.Is(rerr, fs.ErrNotExist)) {
				t.Fatalf("after %d operations, %v: %d bytes, %v", n, err, len(got), rerr)
			}
			check(t, CopyData(after, testDir, coldDir, 1))
			if names := must(after.List(coldDir)); !slices.Equal(names, []string{DataName(1)}) {
				t.Fatalf("%v are left", names)
			}
		}
		if err == nil {
			return
		}
	}
}

// TestFaults fails each operation in turn. The failure is reported, records
// that were read are right, and Abort leaves nothing behind.
func TestFaults(t *testing.T) {
	items := append(bulk(1, 2500), bulk(2, 5)...)
	for n := 1; ; n++ {
		inner := newFS(t)
		inj := &errfs.Injector{Nth: n, Short: n%2 == 0}
		fsys := errfs.New(inner, inj)
		err := everything(fsys, items)
		if !inj.Fired() {
			check(t, err)
			return
		}
		if !errors.Is(err, errfs.ErrInjected) {
			t.Fatalf("%v: %v", inj.Failed(), err)
		}
		if inj.Failed().Op == errfs.Remove {
			continue // and leaves the file it failed to remove
		}
		for _, dir := range []string{testDir, coldDir} {
			names := slices.DeleteFunc(must(inner.List(dir)), func(name string) bool {
				_, kind, ok := ParseName(name)
				return ok && kind != Partial && (dir == coldDir || name == DataName(1) || name == IndexName(1))
			})
			if len(names) > 0 {
				t.Fatalf("%v: %v are left", inj.Failed(), names)
			}
		}
	}
}

// everything writes, reads, copies, relocates, merges and verifies a segment.
// A writer that fails is aborted.
func everything(fsys vfs.FS, items []item) error {
	w, err := Create(fsys, testDir, 1, testLog)
	if err == nil {
		if err = write(w, items, false); err == nil {
			err = w.Finish()
		}
		if err != nil {
			err = errors.Join(err, w.Abort())
		}
	}
	if err != nil {
		if names, lerr := fsys.List(testDir); len(names) > 0 {
			return fmt.Errorf("%v are left of a writer that failed: %v, %v", names, err, lerr)
		}
		return err
	}
	s, err := Open(fsys, testDir, testDir, 1, testLog, NewCache(0))
	if err != nil {
		return err
	}
	defer s.Release()
	got, err := contents(s)
	if err == nil && len(got) != len(items) {
		return errors.New("records are missing")
	}
	if err == nil {
		err = CopyData(fsys, testDir, coldDir, 1)
	}
	if err == nil {
		err = s.Relocate(coldDir)
	}
	if err == nil {
		m := &merger{fsys: fsys, next: 100}
		if _, err = Merge([]*Segment{s}, fates{}, m.create, Limits{Records: 1000}, nil, nil); err == nil {
			for _, w := range m.made {
				err = errors.Join(err, w.Abort())
			}
		}
	}
	if err == nil {
		err = verifies(s)
	}
	if err == nil {
		err = Scan(fsys, coldDir, 1, func(int64, uint64, uint64, int64, []byte) error { return nil },
			func(d Damage) error { return &DamageError{d} })
	}
	return err
}

// TestFailedSync holds that a segment whose sync failed is not finished, though
// a later sync would succeed.
func TestFailedSync(t *testing.T) {
	for _, pattern := range []string{"*.seg", "*.idx"} {
		fsys := newFS(t)
		fsys.FailSync(pattern, 1)
		w := must(Create(fsys, testDir, 1, testLog))
		check(t, write(w, bulk(1, 10), false))
		if err := w.Finish(); err == nil {
			t.Fatalf("%s: no error", pattern)
		}
		if err := w.Finish(); err == nil {
			t.Fatalf("%s: no error the second time", pattern)
		}
		check(t, w.Abort())
		empty(t, fsys, testDir)
	}
}
