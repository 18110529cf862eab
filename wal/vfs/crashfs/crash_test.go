package crashfs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// seeds is how many power cuts a test draws. Every outcome that a test waits
// for has a chance of more than 1 in 100 per draw.
const seeds = 1000

func source(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 1)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, f vfs.File, off int64, p []byte) {
	t.Helper()
	n, err := f.WriteAt(p, off)
	if n != len(p) || err != nil {
		t.Fatalf("wrote %d of %d: %v", n, len(p), err)
	}
}

// durable makes a file with that content that survives any crash.
func durable(t *testing.T, f *FS, name string, content []byte) vfs.File {
	t.Helper()
	h := must(f.Create(name))
	write(t, h, 0, content)
	ok(t, h.Sync())
	ok(t, f.SyncDir("."))
	return h
}

// tree renders all names and contents.
func tree(f *FS) string {
	var b strings.Builder
	for _, name := range must(f.List(".")) {
		fmt.Fprintf(&b, "%s=%x\n", name, must(vfs.ReadFile(f, name)))
	}
	return b.String()
}

// outcomes draws power cuts of one moment and counts the outcomes.
func outcomes(f *FS, describe func(*FS) string) map[string]int {
	seen := map[string]int{}
	for seed := range seeds {
		seen[describe(f.Clone().Crash(source(seed)))]++
	}
	return seen
}

// sees holds that exactly the wanted outcomes were found.
func sees(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestContentOutcomes lists what may be found of a file after a power cut, and
// that the simulator does find all of it. Sectors are named by one letter each,
// a torn one by ~.
func TestContentOutcomes(t *testing.T) {
	letters := func(s string) []byte {
		var b []byte
		for i := range len(s) {
			b = append(b, bytes.Repeat([]byte{s[i]}, sectorSize)...)
		}
		return b
	}
	name := func(f *FS) string {
		content, err := vfs.ReadFile(f, "log")
		if err != nil {
			return err.Error()
		}
		var b strings.Builder
		for s := range slices.Chunk(content, sectorSize) {
			switch {
			case len(s) < sectorSize:
				b.WriteByte('<')
			case bytes.Count(s, s[:1]) < sectorSize:
				b.WriteByte('~')
			case s[0] == 0:
				b.WriteByte('0')
			default:
				b.WriteByte(s[0])
			}
		}
		return b.String()
	}
	tests := []struct {
		name   string
		change func(t *testing.T, h vfs.File)
		want   []string
	}{
		{"nothing unsynced", func(t *testing.T, h vfs.File) {}, []string{"AB"}},
		{"overwritten and synced", func(t *testing.T, h vfs.File) {
			write(t, h, 0, letters("XY"))
			ok(t, h.Sync())
		}, []string{"XY"}},
		{"one overwritten", func(t *testing.T, h vfs.File) {
			write(t, h, 0, letters("X"))
		}, []string{"AB", "XB", "~B"}},
		{"both overwritten", func(t *testing.T, h vfs.File) {
			write(t, h, 0, letters("XY"))
		}, []string{"AB", "XB", "AY", "XY", "~B", "A~", "~Y", "X~", "~~"}},
		{"two versions", func(t *testing.T, h vfs.File) {
			write(t, h, 0, letters("X"))
			write(t, h, 0, letters("Y"))
		}, []string{"AB", "XB", "YB", "~B"}},
		{"more versions than are remembered", func(t *testing.T, h vfs.File) {
			for _, version := range "PQRSTUVW" {
				write(t, h, 0, letters(string(version)))
			}
		}, []string{"AB", "RB", "SB", "TB", "UB", "VB", "WB", "~B"}},
		{"appended", func(t *testing.T, h vfs.File) {
			write(t, h, 2*sectorSize, letters("X"))
		}, []string{"AB", "ABX", "AB0", "AB~", "AB<"}},
		{"cut off", func(t *testing.T, h vfs.File) {
			ok(t, h.Truncate(sectorSize))
		}, []string{"A", "AB", "A0", "A~"}},
		{"cut off and synced", func(t *testing.T, h vfs.File) {
			ok(t, h.Truncate(sectorSize))
			ok(t, h.Sync())
			ok(t, h.Truncate(2*sectorSize))
			ok(t, h.Sync())
		}, []string{"A0"}},
		{"emptied and written anew", func(t *testing.T, h vfs.File) {
			ok(t, h.Truncate(0))
			ok(t, h.Sync())
			write(t, h, 0, letters("X"))
			ok(t, h.Sync())
		}, []string{"X"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := New()
			h := durable(t, f, "log", letters("AB"))
			test.change(t, h)
			sees(t, outcomes(f, name), test.want...)
		})
	}
}

// TestEntryOutcomes lists what may be found of a directory after a power cut.
func TestEntryOutcomes(t *testing.T) {
	names := func(f *FS) string {
		var found []string
		for _, name := range must(f.List(".")) {
			found = append(found, name+"="+string(must(vfs.ReadFile(f, name))))
		}
		return strings.Join(found, " ")
	}
	synced := func(t *testing.T, f *FS, name, content string) {
		h := must(f.Create(name))
		write(t, h, 0, []byte(content))
		ok(t, h.Sync())
	}
	tests := []struct {
		name   string
		change func(t *testing.T, f *FS)
		want   []string
	}{
		{"nothing", func(*testing.T, *FS) {}, []string{"M=1"}},
		{"create", func(t *testing.T, f *FS) { synced(t, f, "a", "x") }, []string{"M=1", "M=1 a=x"}},
		{"create and sync", func(t *testing.T, f *FS) {
			synced(t, f, "a", "x")
			ok(t, f.SyncDir("."))
		}, []string{"M=1 a=x"}},
		{"remove", func(t *testing.T, f *FS) { ok(t, f.Remove("M")) }, []string{"", "M=1"}},
		{"remove and sync", func(t *testing.T, f *FS) {
			ok(t, f.Remove("M"))
			ok(t, f.SyncDir("."))
		}, []string{""}},
		{"replace", func(t *testing.T, f *FS) {
			synced(t, f, "tmp", "2")
			ok(t, f.Rename("tmp", "M"))
		}, []string{"M=1", "M=1 tmp=2", "M=2"}},
		{"replace and sync", func(t *testing.T, f *FS) {
			synced(t, f, "tmp", "2")
			ok(t, f.Rename("tmp", "M"))
			ok(t, f.SyncDir("."))
		}, []string{"M=2"}},
		{"replace twice", func(t *testing.T, f *FS) {
			synced(t, f, "tmp", "2")
			ok(t, f.Rename("tmp", "M"))
			synced(t, f, "tmp", "3")
			ok(t, f.Rename("tmp", "M"))
		}, []string{"M=1", "M=1 tmp=2", "M=1 tmp=3", "M=2", "M=2 tmp=3", "M=3"}},
		{"rename twice", func(t *testing.T, f *FS) {
			ok(t, f.Rename("M", "N"))
			ok(t, f.Rename("N", "O"))
		}, []string{"M=1", "N=1", "O=1"}},
		{"move away and replace", func(t *testing.T, f *FS) {
			synced(t, f, "tmp", "2")
			ok(t, f.SyncDir("."))
			ok(t, f.Rename("M", "P"))
			ok(t, f.Rename("tmp", "M"))
		}, []string{"M=1 tmp=2", "P=1 tmp=2", "M=2", "M=2 P=1"}},
		{"unsynced content of a durable entry", func(t *testing.T, f *FS) {
			h := must(f.Create("a"))
			ok(t, f.SyncDir("."))
			write(t, h, 0, []byte("x"))
		}, []string{"M=1 a=", "M=1 a=x", "M=1 a=\x00"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := New()
			durable(t, f, "M", []byte("1"))
			test.change(t, f)
			sees(t, outcomes(f, names), test.want...)
		})
	}
}

// TestSameSeed runs the same twice and wants the same, and different outcomes
// for different seeds.
func TestSameSeed(t *testing.T) {
	run := func(seed int) string {
		rng := source(seed)
		f := New()
		for i := range 10 {
			h := must(f.Create(fmt.Sprint(i)))
			for range 5 {
				write(t, h, rng.Int64N(2000), fmt.Append(nil, rng.Uint64()))
			}
			if i%3 == 0 {
				ok(t, h.Sync())
				ok(t, f.SyncDir("."))
			}
		}
		f.CrashAfter(0)
		h := must(f.Open("1"))
		if _, err := h.WriteAt(make([]byte, 3000), 0); !errors.Is(err, ErrCrashed) {
			t.Fatalf("cut write: %v", err)
		}
		return tree(f.Crash(rng))
	}
	different := map[string]bool{}
	for seed := range 50 {
		first := run(seed)
		if again := run(seed); again != first {
			t.Fatalf("seed %d:\n%s\nthen\n%s", seed, first, again)
		}
		different[first] = true
	}
	if len(different) < 40 {
		t.Fatalf("50 seeds gave only %d outcomes", len(different))
	}
}

// BenchmarkCrash is one power cut of a file of 1 MiB with 64 KiB unsynced.
func BenchmarkCrash(b *testing.B) {
	block := make([]byte, 64<<10)
	f := New()
	h := must(f.Create("log"))
	must(h.WriteAt(make([]byte, 1<<20), 0))
	for i := 0; b.Loop(); i++ {
		must(0, errors.Join(h.Sync(), f.SyncDir(".")))
		must(h.WriteAt(block, 128<<10))
		f = f.Crash(source(i))
		h = must(f.Open("log"))
	}
}

// TestReclaim: what a failed sync left in the cache goes, and nothing else.
func TestReclaim(t *testing.T) {
	f := New()
	sector := func(with byte) []byte { return bytes.Repeat([]byte{with}, sectorSize) }
	h := durable(t, f, "a", bytes.Repeat(sector('a'), 4))
	write(t, h, 1*sectorSize, sector('b'))
	write(t, h, 2*sectorSize, sector('b'))
	f.FailSync("a", 1)
	if err := h.Sync(); err == nil {
		t.Fatal("the sync did not fail")
	}
	write(t, h, 2*sectorSize, sector('c')) // dirty again
	write(t, h, 3*sectorSize, sector('c'))
	f = f.Kill()
	f.Reclaim()
	got, err := vfs.ReadFile(f, "a")
	ok(t, err)
	for i, want := range []byte("aacc") {
		if got[i*sectorSize] != want {
			t.Errorf("sector %d reads %q, want %q", i, got[i*sectorSize], want)
		}
	}
}
