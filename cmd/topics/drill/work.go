package drill

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// work is what a server does with its storage besides serving.
type work string

// Kinds of work.
const (
	checkpointing work = "checkpoint"
	merging       work = "merge"
	relocating    work = "relocation"
)

var works = []work{checkpointing, merging, relocating}

// underWay determines from the files of a server that runs in dir, or ran until
// it was killed, which work is unfinished: files that the manifest does not
// name, or that are missing. The work it returns is in progress or just was; it
// may miss a merge during a checkpoint.
func underWay(dir string) (map[work]bool, error) {
	under := make(map[work]bool)
	data := child.DataDir(dir)
	m, err := manifest.Read(vfs.OS(), data)
	if err != nil || m == nil {
		return under, err
	}
	known := make(map[uint64]bool)     // segments, and whether their data is cold
	committed := make(map[string]bool) // state files
	for _, c := range []*manifest.Checkpoint{m.Previous, m.Checkpoint} {
		if c == nil {
			continue
		}
		committed[manifest.SnapshotName(c.Number)] = true
		for _, s := range c.Segments {
			known[s.ID] = s.Cold
		}
	}
	states, err := names(filepath.Join(data, "checkpoints"))
	if err != nil {
		return nil, err
	}
	for _, name := range states {
		if !committed[name] {
			under[checkpointing] = true
		}
	}
	for _, place := range []struct {
		dir  string
		cold bool
	}{{filepath.Join(data, "segments"), false}, {coldDir(dir), true}} {
		files, err := names(place.dir)
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			id, kind, ok := segment.ParseName(name)
			if !ok {
				continue
			}
			switch cold, named := known[id]; {
			case !named && !under[checkpointing]:
				under[merging] = true
			case named && kind != segment.Index && cold != place.cold:
				under[relocating] = true
			}
		}
	}
	return under, nil
}

// names returns the files in a directory, which may be absent.
func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.Name()
	}
	return all, nil
}
