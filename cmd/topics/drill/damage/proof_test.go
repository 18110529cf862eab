package damage

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// sample writes a log of five frames of which the first two are known to be
// durable, and a manifest, and returns the place and the frames.
func sample(t *testing.T) (place, []frame, string) {
	t.Helper()
	p := place{dir: t.TempDir()}
	dir := filepath.Join(child.DataDir(p.dir), manifest.LogDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	replay, err := wal.Open(wal.Options{FS: vfs.OS(), Dir: dir, LogID: 7, FileBytes: 1 << 20, QueueBytes: 1 << 20, CacheBytes: 1 << 20, Manual: true})
	if err != nil {
		t.Fatal(err)
	}
	tail, err := replay.Run(func(wal.Frame) error { return nil }, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	log, err := tail.Open()
	if err != nil {
		t.Fatal(err)
	}
	var frames []frame
	for n := range 5 {
		room, err := log.Reserve(context.Background(), 100, wal.Patient)
		if err != nil {
			t.Fatal(err)
		}
		span, err := room.Append(1, make([]byte, 100), nil)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame{LSN: uint64(span.Start), End: uint64(span.End)})
		if n == 1 {
			if err := log.WaitSynced(span.End); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := log.WaitWritten(log.Tail()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, wal.FileName(1))
	content, err := os.ReadFile(name) // before Close, which proves all of it
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	m := manifest.Manifest{LogID: 7, NewestFile: 1}
	if err := manifest.Write(vfs.OS(), p.data(), &m); err != nil {
		t.Fatal(err)
	}
	return p, frames, name
}

func TestUnprovable(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(log []byte, frames []frame, at func(int) int) // at: where a frame is in the file
		known  int                                                // frames that the manifest knows to be durable
		want   int                                                // the first frame that is gone without a trace, or -1
	}{
		{"nothing", func([]byte, []frame, func(int) int) {}, 0, -1},
		{"the last zeroed", func(b []byte, _ []frame, at func(int) int) { clear(b[at(4):]) }, 0, 4},
		{"the last torn", func(b []byte, _ []frame, at func(int) int) { b[at(4)+50] ^= 1 }, 0, 4},
		{"the last two zeroed", func(b []byte, _ []frame, at func(int) int) { clear(b[at(3):]) }, 0, 3},
		{"the manifest knows better", func(b []byte, _ []frame, at func(int) int) { clear(b[at(3):]) }, 4, -1},
		{"a whole frame behind", func(b []byte, _ []frame, at func(int) int) { b[at(3)+50] ^= 1 }, 0, -1},
		{"a torn frame behind", func(b []byte, _ []frame, at func(int) int) { b[at(3)+50] ^= 1; b[at(4)+50] ^= 1 }, 0, -1},
		{"noise behind", func(b []byte, _ []frame, at func(int) int) { clear(b[at(4):]); b[at(4)+2000] = 1 }, 0, -1},
		{"a frame says it was durable", func(b []byte, f []frame, at func(int) int) { clear(b[at(1):at(2)]) }, 0, -1},
		{"the header", func(b []byte, _ []frame, _ func(int) int) { clear(b[:logHeader]) }, 0, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, frames, name := sample(t)
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tt.damage(content, frames, func(n int) int { return logHeader + int(frames[n].LSN) })
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if tt.known > 0 {
				m := manifest.Manifest{LogID: 7, NewestFile: 1, EndLSN: frames[tt.known-1].End}
				if err := manifest.Write(vfs.OS(), p.data(), &m); err != nil {
					t.Fatal(err)
				}
			}
			end, yes, err := p.unprovable(frames)
			if err != nil {
				t.Fatal(err)
			}
			if yes != (tt.want >= 0) || yes && end != frames[tt.want].LSN {
				t.Errorf("got %v at %d, want frame %d of %v", yes, end, tt.want, frames)
			}
		})
	}
}

// Without its newest manifest a directory was not left by a crash: a frame that
// looks torn is damage then, and the loss of it can be seen.
func TestNothingIsTornWithoutTheManifest(t *testing.T) {
	p, frames, name := sample(t)
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[logHeader+int(frames[4].LSN)+50] ^= 1
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(p.data(), manifest.Name)
	if err := os.Rename(full, filepath.Join(p.data(), manifest.PrevName)); err != nil {
		t.Fatal(err)
	}
	if end, yes, err := p.unprovable(frames); err != nil || yes {
		t.Errorf("got %v at %d, %v", yes, end, err)
	}
}

// What such frames had promised is taken from the book, and nothing else.
func TestExcuse(t *testing.T) {
	b := book{"a": newPages("a", fsync, false), "b": newPages("b", disk, false), "c": newPages("c", ephemeral, false)}
	for _, p := range b {
		for seq := range uint64(4) {
			p.promise(seq+1, entry{sum: seq})
		}
	}
	b.excuse([]frame{
		{LSN: 0, Type: "append", Topic: "a", First: 1, Last: 2},
		{LSN: 100, Type: "append", Topic: "a", First: 3, Last: 4},
		{LSN: 200, Type: "delete", Topic: "b", Last: 2},
	}, 100)
	if len(b["a"].records) != 2 || len(b["b"].records) != 4 || len(b["c"].records) != 0 {
		t.Errorf("left: a %v, b %v, c %v", b["a"].records, b["b"].records, b["c"].records)
	}
	if b["a"].loose || !b["b"].loose {
		t.Error("only b lost a delete")
	}
}
