package errfs

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// run calls every operation once and returns the first error.
func run(fsys vfs.FS) error {
	if err := fsys.MkdirAll("d"); err != nil {
		return err
	}
	held, err := fsys.Lock("d/lock", "me")
	if err != nil {
		return err
	}
	defer held.Close()
	dir, err := fsys.Hold("d", vfs.Shared)
	if err != nil {
		return err
	}
	defer dir.Close()
	if _, _, err := fsys.Free("d"); err != nil {
		return err
	}
	made, err := fsys.Create("d/tmp")
	if err != nil {
		return err
	}
	if err := made.Close(); err != nil {
		return err
	}
	f, err := fsys.Open("d/tmp")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("content"), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Truncate(6); err != nil {
		return err
	}
	if _, err := f.ReadAt(make([]byte, 6), 0); err != nil {
		return err
	}
	if err := fsys.Rename("d/tmp", "d/log"); err != nil {
		return err
	}
	if err := fsys.SyncDir("d"); err != nil {
		return err
	}
	if _, err := fsys.List("d"); err != nil {
		return err
	}
	return fsys.Remove("d/log")
}

// TestEachInTurn fails every operation of a run once, and then none.
func TestEachInTurn(t *testing.T) {
	want := []string{"mkdir d", "lock d/lock", "hold d", "free d", "create d/tmp", "open d/tmp", "write d/tmp",
		"sync d/tmp", "truncate d/tmp", "read d/tmp", "rename d/tmp", "syncdir d", "list d", "remove d/log"}
	var got []string
	for n := 1; ; n++ {
		inj := &Injector{Nth: n}
		err := run(New(crashfs.New(), inj))
		if !inj.Fired() {
			if err != nil {
				t.Fatalf("nothing failed, and yet: %v", err)
			}
			if inj.Count() != len(want) || inj.Failed() != (Failure{}) {
				t.Fatalf("counted %d, failed %v", inj.Count(), inj.Failed())
			}
			break
		}
		failed := inj.Failed().String()
		got = append(got, failed)
		if !errors.Is(err, ErrInjected) || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), failed) {
			t.Fatalf("%s: error %v", failed, err)
		}
		if inj.Count() != n {
			t.Fatalf("%s: counted %d", failed, inj.Count())
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("failed in turn %q, want %q", got, want)
	}
}

// TestSelection holds which operations count and fail.
func TestSelection(t *testing.T) {
	onlyB := func(name string) bool { return name == "b" }
	tests := []struct {
		name string
		inj  *Injector
		want string // which of write a, sync a, write b, sync b, write a, sync a fail
	}{
		{"none", &Injector{}, "......"},
		{"third of all", &Injector{Nth: 3}, "..x..."},
		{"third of all and on", &Injector{Nth: 3, Sticky: true}, "..xxxx"},
		{"second write", &Injector{Nth: 2, Ops: Write}, "..x..."},
		{"second write and on", &Injector{Nth: 2, Ops: Write, Sticky: true}, "..x.x."},
		{"third write or sync", &Injector{Nth: 3, Ops: Write | Sync}, "..x..."},
		{"second of b", &Injector{Nth: 2, Only: onlyB}, "...x.."},
		{"first sync of b and on", &Injector{Nth: 1, Ops: Sync, Only: onlyB, Sticky: true}, "...x.."},
		{"no such kind", &Injector{Nth: 1, Ops: Truncate}, "......"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inner := crashfs.New()
			for _, name := range []string{"a", "b"} {
				if _, err := inner.Create(name); err != nil {
					t.Fatal(err)
				}
			}
			// Opened past the injector, so that only writes and syncs count.
			got := ""
			note := func(err error) {
				if err != nil {
					got += "x"
				} else {
					got += "."
				}
			}
			for _, name := range []string{"a", "b", "a"} {
				f, err := inner.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				h := &file{f, name, test.inj}
				_, err = h.WriteAt([]byte("x"), 0)
				note(err)
				note(h.Sync())
			}
			if got != test.want {
				t.Fatalf("failed %s, want %s", got, test.want)
			}
		})
	}
}

// TestFailedWrite holds how much of a failing write is done.
func TestFailedWrite(t *testing.T) {
	full := errors.Join(errors.New("no room"), syscall.ENOSPC)
	for _, test := range []struct {
		short bool
		want  string
	}{{false, ""}, {true, "abc"}} {
		inj := &Injector{Nth: 1, Ops: Write, Short: test.short, Err: full}
		fsys := New(crashfs.New(), inj)
		f, err := fsys.Create("log")
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.WriteAt([]byte("abcdef"), 0)
		if n != len(test.want) || !errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EIO) {
			t.Errorf("short %v: wrote %d, %v", test.short, n, err)
		}
		if got, err := vfs.ReadFile(fsys, "log"); string(got) != test.want || err != nil {
			t.Errorf("short %v: found %q, %v", test.short, got, err)
		}
	}
}

// TestFailedSyncDrops holds that a failed sync cannot be repaired by another.
func TestFailedSyncDrops(t *testing.T) {
	lost := 0
	for seed := range uint64(100) {
		inner := crashfs.New()
		inj := &Injector{Nth: 1, Ops: Sync}
		f, err := New(inner, inj).Create("log")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); !errors.Is(err, ErrInjected) {
			t.Fatalf("first sync: %v", err)
		}
		if err := errors.Join(f.Sync(), inner.SyncDir(".")); err != nil {
			t.Fatal(err)
		}
		got, err := vfs.ReadFile(inner.Crash(rand.New(rand.NewPCG(seed, 0))), "log")
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != "x" {
			lost++
		}
	}
	if lost == 0 || lost == 100 {
		t.Fatalf("lost in %d of 100 power cuts", lost)
	}
}

func TestOpString(t *testing.T) {
	for op, want := range map[Op]string{0: "", Free: "free", Write | Sync: "write|sync",
		Mutating: "create|write|sync|truncate|remove|rename|syncdir|mkdir|lock"} {
		if got := op.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
