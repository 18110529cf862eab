package manifest

import (
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

func manifestN(n uint64) *Manifest {
	return &Manifest{LogID: 1<<63 + n, BootID: "boot", NewestFile: n, EndLSN: 100 * n, CleanShutdown: true}
}

// asRead is the manifest as ReadManifest gives it.
func asRead(m *Manifest) Manifest {
	c := *m
	c.FormatVersion = Version
	return c
}

func write(t *testing.T, fsys vfs.FS, m *Manifest) {
	t.Helper()
	if err := Write(fsys, "d", m); err != nil {
		t.Fatal(err)
	}
}

func TestManifestRoundTrip(t *testing.T) {
	for dir, fsys := range map[string]vfs.FS{"d": newMemFS(), t.TempDir(): vfs.OS()} {
		if m, err := Read(fsys, dir); m != nil || err != nil {
			t.Fatalf("an empty directory gave %v, %v", m, err)
		}
		for n := range uint64(3) {
			if err := Write(fsys, dir, manifestN(n)); err != nil {
				t.Fatal(err)
			}
			m, err := Read(fsys, dir)
			if err != nil || *m != asRead(manifestN(n)) {
				t.Fatalf("wrote %+v, read %+v, %v", manifestN(n), m, err)
			}
		}
		names, err := fsys.List(dir)
		if err != nil || !slices.Equal(names, []string{Name, PrevName}) {
			t.Errorf("files left: %v, %v", names, err)
		}
	}
}

// A crash after any operation, whatever part of the unsynced work it keeps,
// leaves the old manifest or the new one, and never a need to fall back.
func TestManifestEveryCrashPoint(t *testing.T) {
	for before := range uint64(3) {
		for cut := 0; ; cut++ {
			fsys := newMemFS()
			for n := range before {
				write(t, fsys, manifestN(n))
			}
			fsys.left = cut
			err := Write(fsys, "d", manifestN(before))
			if err != nil && !errors.Is(err, errCrashed) {
				t.Fatal(err)
			}
			for mask := range 1 << len(fsys.pending) {
				for _, share := range []float64{0, 0.5, 1} {
					left := fsys.after(mask, share)
					checkOldOrNew(t, left, before, err == nil)
					// The next start writes over whatever is lying around.
					write(t, left, manifestN(9))
					if m, err := Read(left, "d"); err != nil || *m != asRead(manifestN(9)) {
						t.Fatalf("after a crash the next write reads as %+v, %v", m, err)
					}
				}
			}
			if err == nil {
				break
			}
		}
	}
}

func checkOldOrNew(t *testing.T, fsys vfs.FS, newest uint64, acked bool) {
	t.Helper()
	m, err := Read(fsys, "d")
	switch {
	case err != nil:
		t.Fatalf("unreadable after a crash: %v", err)
	case m == nil:
		if newest > 0 || acked {
			t.Fatalf("manifest %d is gone after a crash", newest)
		}
	case *m == asRead(manifestN(newest)):
	case acked || newest == 0 || *m != asRead(manifestN(newest-1)):
		t.Fatalf("read %+v with %d being written, acked: %v", m, newest, acked)
	}
}

func TestManifestDamage(t *testing.T) {
	flip := func(b []byte) []byte { b[len(b)-2] ^= 1; return b }
	newer := func([]byte) []byte {
		b, err := encode(Version+1, manifestN(7))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	same := func(b []byte) []byte { return b }
	gone := func([]byte) []byte { return nil }
	rows := []struct {
		name      string
		main      func([]byte) []byte
		prev      func([]byte) []byte
		fallback  bool
		none      bool
		err       string // a part of the error
		isVersion bool
	}{
		{name: "whole", main: same, prev: same},
		{name: "previous damaged", main: same, prev: flip},
		{name: "bit flip", main: flip, prev: same, fallback: true},
		{name: "half-written", main: cut, prev: same, fallback: true},
		{name: "empty file", main: func([]byte) []byte { return []byte{} }, prev: same, fallback: true},
		{name: "foreign file", main: func([]byte) []byte { return []byte(strings.Repeat("x", 100)) }, prev: same, fallback: true},
		{name: "zeroed", main: func(b []byte) []byte { return make([]byte, len(b)) }, prev: same, fallback: true},
		{name: "missing", main: gone, prev: same, fallback: true},
		{name: "both missing", main: gone, prev: gone, none: true},
		{name: "both damaged", main: flip, prev: cut, err: "d/MANIFEST is damaged: checksum"},
		{name: "damaged, no previous", main: flip, prev: gone, err: "d/MANIFEST is damaged"},
		{name: "missing, previous damaged", main: gone, prev: flip, err: "d/MANIFEST.prev is damaged"},
		{name: "newer version", main: newer, prev: same, err: "format version 4; this program knows version 3", isVersion: true},
		{name: "damaged, previous newer", main: flip, prev: newer, err: "MANIFEST.prev has format version 4", isVersion: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			fsys := newMemFS()
			write(t, fsys, manifestN(1))
			write(t, fsys, manifestN(2))
			damage(fsys, "d/"+Name, row.main)
			damage(fsys, "d/"+PrevName, row.prev)
			m, err := Read(fsys, "d")
			if row.err != "" {
				var version *VersionError
				var broken *CorruptionError
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Fatalf("error %v lacks %q", err, row.err)
				}
				if errors.As(err, &version) != row.isVersion || errors.As(err, &broken) == row.isVersion {
					t.Fatalf("%v has the wrong type", err)
				}
				return
			}
			if err != nil || (m == nil) != row.none {
				t.Fatalf("read %+v, %v", m, err)
			}
			if row.none {
				return
			}
			want := asRead(manifestN(2))
			if row.fallback {
				want = asRead(manifestN(1))
				want.CleanShutdown = false
			}
			if (m.Fallback != nil) != row.fallback {
				t.Fatalf("fallback is %v", m.Fallback)
			}
			m.Fallback = nil
			if *m != want {
				t.Fatalf("read %+v, want %+v", *m, want)
			}
		})
	}
}

func damage(fsys *memFS, name string, how func([]byte) []byte) {
	f := fsys.entries[name]
	if f.data = how(slices.Clone(f.data)); f.data == nil {
		delete(fsys.entries, name)
	}
}

// A damaged MANIFEST must not replace the previous one that is still good.
func TestManifestWriteKeepsGoodPrevious(t *testing.T) {
	fsys := newMemFS()
	write(t, fsys, manifestN(1))
	write(t, fsys, manifestN(2))
	damage(fsys, "d/"+Name, func(b []byte) []byte { return b[:9] })
	write(t, fsys, manifestN(3))
	damage(fsys, "d/"+Name, func(b []byte) []byte { return b[:9] })
	m, err := Read(fsys, "d")
	if err != nil || m.NewestFile != 1 {
		t.Fatalf("read %+v, %v", m, err)
	}
}

func TestManifestEverySingleBitCounts(t *testing.T) {
	b, err := encode(Version, manifestN(1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(b) * 8 {
		c := slices.Clone(b)
		c[i/8] ^= 1 << (i % 8)
		if _, err := decode("m", c); !damaged(err) {
			t.Fatalf("bit %d flipped: %v", i, err)
		}
	}
}

// The first version's bytes, kept for ever.
func TestManifestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/manifest-v1.hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode("m", b)
	want := asRead(manifestN(5))
	want.FormatVersion = 1
	if err != nil || *m != want {
		t.Fatalf("read %+v, %v", m, err)
	}
}

func FuzzManifest(f *testing.F) {
	whole, err := encode(Version, manifestN(3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:headerBytes])
	f.Add([]byte("TOPICSMF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode("m", b)
		if (m == nil) == (err == nil) {
			t.Fatalf("decoded to %v, %v", m, err)
		}
		if err != nil {
			return
		}
		again, err := encode(Version, m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode("m", again)
		if err != nil || *back != *m {
			t.Fatalf("%+v came back as %+v, %v", m, back, err)
		}
	})
}
