package drill

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal/vfs"
)

func TestUnderWay(t *testing.T) {
	state := func(n uint64) string { return filepath.Join("data", "checkpoints", manifest.SnapshotName(n)) }
	hot := func(name string) string { return filepath.Join("data", "segments", name) }
	cold := func(name string) string { return filepath.Join("cold", name) }
	// The files in the manifest below: segment 3 is cold.
	whole := []string{
		state(4), state(5), hot(segment.IndexName(2)), hot(segment.DataName(2)), hot(segment.IndexName(3)), cold(segment.DataName(3)),
	}
	for _, tt := range []struct {
		name  string
		extra []string
		want  []work
	}{
		{"nothing", nil, nil},
		{"a stranger's file", []string{hot("notes.txt"), cold("notes.txt")}, nil},
		{"a state that is being written", []string{filepath.Join("data", "checkpoints", "state.tmp")}, []work{checkpointing}},
		{"its segments", []string{filepath.Join("data", "checkpoints", "state.tmp"), hot(segment.DataName(7))}, []work{checkpointing}},
		{"a state that is not named yet", []string{state(6)}, []work{checkpointing}},
		{"a state that is not named any more", []string{state(3)}, []work{checkpointing}},
		{"a segment that is not named", []string{hot(segment.DataName(7)), hot(segment.IndexName(7))}, []work{merging}},
		{"a replaced cold segment", []string{cold(segment.DataName(1))}, []work{merging}},
		{"a copy that did not end", []string{cold("0000000000000002.seg.part")}, []work{relocating}},
		{"a copy that is not named yet", []string{cold(segment.DataName(2))}, []work{relocating}},
		{"an original that is not removed yet", []string{hot(segment.DataName(3))}, []work{relocating}},
		{"both", []string{hot(segment.DataName(3)), state(6)}, []work{checkpointing, relocating}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range append(whole, tt.extra...) {
				name = filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			list := []manifest.SegmentRef{{ID: 2}, {ID: 3, Cold: true}}
			m := &manifest.Manifest{
				Checkpoint: &manifest.Checkpoint{Number: 5, Segments: list},
				Previous:   &manifest.Checkpoint{Number: 4, Segments: list[:1]},
			}
			if err := manifest.Write(vfs.OS(), child.DataDir(dir), m); err != nil {
				t.Fatal(err)
			}
			want := make(map[work]bool)
			for _, w := range tt.want {
				want[w] = true
			}
			if got, err := underWay(dir); err != nil || !maps.Equal(got, want) {
				t.Errorf("got %v, %v; want %v", got, err, want)
			}
		})
	}
}

// A server without a manifest is not doing any work yet.
func TestUnderWayWithoutManifest(t *testing.T) {
	if got, err := underWay(t.TempDir()); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
