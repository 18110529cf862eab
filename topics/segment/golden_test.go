package segment

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

var writeGolden = flag.Bool("write-golden", false, "write the golden segment anew; never for a format that was released")

// TestGolden holds that a segment of the released format can be read forever.
// It does not require that the same bytes are written again: a newer compressor
// may do better.
func TestGolden(t *testing.T) {
	items := sampleItems()
	fsys := newFS(t)
	if *writeGolden {
		s := build(t, fsys, 1, items, NewCache(0))
		s.Release()
	}
	for _, name := range []string{DataName(1), IndexName(1)} {
		file, copied := filepath.Join("testdata", name), testDir+"/"+name
		if *writeGolden {
			check(t, os.WriteFile(file, must(vfs.ReadFile(fsys, copied)), 0o666))
			continue
		}
		_ = must(must(fsys.Create(copied)).WriteAt(must(os.ReadFile(file)), 0))
	}
	s, err := Open(fsys, testDir, testDir, 1, testLog, NewCache(0))
	check(t, err)
	defer s.Release()
	same(t, must(contents(s)), items)
	check(t, verifies(s))
}

// TestGoldenHeader holds the first bytes, which all future formats share.
func TestGoldenHeader(t *testing.T) {
	b := header{logID: 0x1122334455667788, id: 9}.encode(indexMagic)
	if !bytes.HasPrefix(b, []byte("topicidx\x01\x00\x00\x00\x00\x00\x00\x00\x88\x77\x66\x55\x44\x33\x22\x11\x09")) {
		t.Fatalf("% x", b)
	}
	b[8]++
	_, err := decodeHeader(b, indexMagic, "x.idx")
	if _, bad := errors.AsType[*DamageError](err); !bad {
		t.Errorf("%v, though the checksum is that of version 1", err)
	}
	b[56]++ // a value that no later version has
	_, err = decodeHeader(b, indexMagic, "x.idx")
	if want := (&VersionError{"x.idx", 2, 1}).Error(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	b[10]++ // a version that no format will have
	_, err = decodeHeader(b, indexMagic, "x.idx")
	if _, bad := errors.AsType[*DamageError](err); !bad {
		t.Errorf("%v, though no format will have that version", err)
	}
}
