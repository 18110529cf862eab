package drill

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// work is what a server does with its storage beside serving.
type work string

// The kinds of work.
const (
	checkpointing work = "checkpoint"
	merging       work = "merge"
	relocating    work = "relocation"
)

var works = []work{checkpointing, merging, relocating}

// underWay tells from the files of a server that runs in dir, or ran until it
// was killed, what is only half done: files that the manifest does not name, or
// not there. What it finds is under way, or was a moment ago; it may miss a
// merge beside a checkpoint.
func underWay(dir string) (map[work]bool, error) {
	under := make(map[work]bool)
	data := child.DataDir(dir)
	m, err := recovery.ReadManifest(vfs.OS(), data)
	if err != nil || m == nil {
		return under, err
	}
	known := make(map[uint64]bool)     // segments: whether their data is cold
	committed := make(map[string]bool) // states
	for _, c := range []*recovery.Checkpoint{m.Previous, m.Checkpoint} {
		if c == nil {
			continue
		}
		committed[recovery.StateName(c.Number)] = true
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

// names are the files in a directory, which need not be there yet.
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
