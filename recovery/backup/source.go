package backup

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// source is where the files of a backup are, and the part of the description
// that is known before they are read.
type source struct {
	fsys  vfs.FS
	desc  Description // without files
	files []manifest.StoredFile
	pace  func(context.Context) error // called between steps; may wait
}

// hot returns the checkpoint with none of its segments cold.
func hot(c *manifest.Checkpoint) *manifest.Checkpoint {
	if c == nil {
		return nil
	}
	next := *c
	next.Sum = 0 // the description has a sum of every file
	next.Segments = make([]manifest.SegmentRef, len(c.Segments))
	for i, ref := range c.Segments {
		next.Segments[i].ID = ref.ID
	}
	return &next
}

// pinned returns the source of a directory that a server is using. Everything
// in it was synced when it was pinned, so nothing was lost.
func pinned(p *store.Pinned) *source {
	return &source{
		fsys: p.FS, files: p.Files, pace: p.Pace,
		desc: Description{
			Version: Version, Time: p.Time.UTC().Truncate(time.Millisecond), LogID: p.LogID, CleanShutdown: true,
			Checkpoint: hot(p.Checkpoint), StartLSN: wal.LSN(p.Checkpoint.Start), EndLSN: p.End,
		},
	}
}

// stopped returns the source of a directory that is locked and that no server
// uses. It does not modify the directory.
func stopped(of *Copying) (*source, error) {
	fsys, dir, cold := of.FS, of.Dir, of.Cold
	m, err := manifest.Read(fsys, dir)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("%s has no manifest: it is damaged; run topics verify", dir)
	}
	s := &source{fsys: fsys, pace: yield, desc: Description{
		Version: Version, Time: time.Now().UTC().Truncate(time.Millisecond), LogID: m.LogID, CleanShutdown: m.CleanShutdown,
		Checkpoint: hot(m.Checkpoint),
	}}
	if !m.PowerLost(of.BootID, of.Mount) {
		s.desc.BootID = m.BootID // the copy is everything that the last run wrote
	}
	first := uint64(1)
	o := m.LogOptions(wal.Options{FS: fsys, ReadOnly: true, Tail: m.Tail(of.BootID, of.Mount)}, dir, m.Checkpoint)
	if c := m.Checkpoint; c != nil {
		for _, ref := range c.Segments {
			if ref.Cold && cold == "" {
				return nil, fmt.Errorf("segment %016x is in the cold directory: its path is required", ref.ID)
			}
		}
		s.files = c.Stored(dir, cold)
		first, s.desc.StartLSN = c.File, wal.LSN(c.Start)
		end, err := stateEnd(fsys, dir, c)
		if err != nil {
			return nil, err
		}
		o.Synced = max(o.Synced, end)
	}
	if s.desc.EndLSN, err = endOf(o); err != nil {
		return nil, err
	}
	logs, err := logFiles(fsys, o.Dir, first)
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, manifest.StoredLog(dir, logs, first, s.desc.EndLSN)...)
	return s, nil
}

// stateEnd returns a lower bound of the log's end, from the state file of a
// checkpoint.
func stateEnd(fsys vfs.FS, dir string, c *manifest.Checkpoint) (wal.LSN, error) {
	content, err := manifest.ReadSnapshot(fsys, path.Join(dir, manifest.SnapshotDir), c)
	if err != nil {
		return 0, err
	}
	return replay.SnapshotReach(content)
}

// endOf reads a log and returns its end. Damage is an error.
func endOf(o wal.Options) (wal.LSN, error) {
	reading, err := wal.Inspect(o)
	if err != nil {
		return 0, err
	}
	return reading.Salvage(func(wal.Frame) error { return nil }, func(e *wal.CorruptionError) error { return e })
}

// logFiles returns the log files in use with an index of at least first. The
// end of the last one is unknown.
func logFiles(fsys vfs.FS, dir string, first uint64) (files []wal.File, err error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range names {
		index, ok := wal.ParseName(name)
		if !ok || index < first {
			continue
		}
		h, ok, err := readHeader(fsys, path.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if !ok { // the preallocated next file, or one whose header a power cut lost
			break
		}
		if n := len(files); n > 0 {
			files[n-1].End = h.First
		}
		files = append(files, wal.File{Index: index, Name: name, First: h.First, End: 1 << 62})
	}
	return files, nil
}

func readHeader(fsys vfs.FS, name string) (wal.Header, bool, error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return wal.Header{}, false, err
	}
	defer f.Close()
	return wal.ReadHeader(f, path.Base(name))
}

// yield lets other goroutines run between steps.
func yield(ctx context.Context) error {
	runtime.Gosched()
	return ctx.Err()
}
