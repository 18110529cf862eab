package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// logCopy is a log file that there is somewhere: in the backup, in an archive,
// in a data directory that crashed. It may have only the front of the file.
type logCopy struct {
	path   string
	header wal.Header
	size   int64
}

// logPlan says for each log file of the directory to be made, in order, which
// copy it is made of.
type logPlan []logCopy

// planLogs finds the copies of all log files that a restore needs, and holds
// that none is missing and that no two contradict each other.
func planLogs(ctx context.Context, fsys vfs.FS, from string, d *Description, archives []string, until Until) (logPlan, error) {
	first := uint64(1)
	if d.Checkpoint != nil {
		first = d.Checkpoint.File
	}
	copies := map[uint64][]logCopy{}
	for i, dir := range slices.Concat([]string{path.Join(from, recovery.LogDir)}, archives) {
		found, err := copiesIn(fsys, dir, first, d.LogID)
		if err != nil {
			return nil, err
		}
		if i == 0 { // what is not listed was put there by somebody else
			found = found[:min(len(found), len(d.logs()))]
		}
		for _, c := range found {
			if until.LSN == 0 || c.header.First < until.LSN || c.header.Index == first {
				copies[c.header.Index] = append(copies[c.header.Index], c)
			}
		}
	}
	var plan logPlan
	for index := first; len(plan) < len(copies); index++ {
		if len(copies[index]) == 0 {
			return nil, fmt.Errorf("log file %s is missing: neither the backup nor an archive has it, and there are later ones", wal.FileName(index))
		}
		var next *wal.Header
		if after := copies[index+1]; len(after) > 0 {
			next = &after[0].header
		}
		c, err := agree(ctx, fsys, copies[index], next)
		if err != nil {
			return nil, err
		}
		plan = append(plan, c)
	}
	return plan, nil
}

// copiesIn lists the log files in a directory. One that an archive has must be
// one.
func copiesIn(fsys vfs.FS, dir string, first, logID uint64) (copies []logCopy, err error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) && first == 1 {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	oldest, newest, err := filesInUse(fsys, dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		index, ok := wal.ParseName(name)
		if !ok || index < max(first, oldest) {
			continue
		}
		full := path.Join(dir, name)
		f, err := fsys.OpenRead(full)
		if err != nil {
			return nil, err
		}
		h, ok, err := wal.ReadHeader(f, name)
		size, serr := f.Size()
		f.Close()
		corrupt := new(wal.CorruptionError)
		switch {
		case errors.As(err, &corrupt) && index > newest: // the power went while it was put in use
		case err != nil || serr != nil:
			return nil, fmt.Errorf("%s: %w", full, errors.Join(err, serr))
		case ok && h.LogID != logID:
			return nil, fmt.Errorf("%s belongs to log %016x, and the backup to log %016x", full, h.LogID, logID)
		case ok && size >= wal.HeaderSize:
			copies = append(copies, logCopy{full, h, min(size, h.Size)})
		}
	}
	return copies, nil
}

// filesInUse returns the first and the last index of the log files in dir that
// are known to have been in use: every one in an archive, which takes only what
// is finished. If dir is the log's directory of a data directory, the manifest
// says so. What is older was given back, and may be on its way to be used
// again.
func filesInUse(fsys vfs.FS, dir string) (oldest, newest uint64, err error) {
	if path.Base(dir) != recovery.LogDir {
		return 0, math.MaxUint64, nil
	}
	m, err := recovery.ReadManifest(fsys, path.Dir(dir))
	if damaged := new(recovery.ManifestError); errors.As(err, &damaged) {
		m, err = nil, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if m == nil {
		return 0, math.MaxUint64, nil
	}
	if m.Previous != nil {
		oldest = m.Previous.File
	}
	return oldest, m.NewestFile, nil
}

// agree picks of the copies of one file the one that has most, and holds that
// the others say the same. next is the header of the file behind it: it says
// how far this one goes; nil: it is the last.
func agree(ctx context.Context, fsys vfs.FS, copies []logCopy, next *wal.Header) (logCopy, error) {
	best := slices.MaxFunc(copies, func(a, b logCopy) int { return int(a.size - b.size) })
	if next != nil {
		if next.First < best.header.First || next.First-best.header.First > wal.LSN(best.header.Size) {
			return best, fmt.Errorf("%s begins at lsn %d, and the log file behind it at %d: they are not of one history", best.path, best.header.First, next.First)
		}
		used := wal.HeaderSize + int64(next.First-best.header.First)
		if best.size < used {
			return best, fmt.Errorf("log file %s is missing in full: %s ends at lsn %d, and the log file behind it begins at %d",
				wal.FileName(best.header.Index), best.path, best.header.First+wal.LSN(best.size-wal.HeaderSize), next.First)
		}
		best.size = used
	}
	for _, c := range copies {
		if err := sameStart(ctx, fsys, best, c); err != nil {
			return best, err
		}
	}
	return best, nil
}

// sameStart holds that two copies are the same as far as both go.
func sameStart(ctx context.Context, fsys vfs.FS, a, b logCopy) error {
	if a.path == b.path {
		return nil
	}
	f, err := fsys.OpenRead(a.path)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := fsys.OpenRead(b.path)
	if err != nil {
		return err
	}
	defer g.Close()
	size := min(a.size, b.size)
	p, q := make([]byte, min(size, copyStep)), make([]byte, min(size, copyStep))
	for off := int64(0); off < size; off += int64(len(p)) {
		n := min(int64(len(p)), size-off)
		if err := yield(ctx); err != nil {
			return err
		}
		if _, err := f.ReadAt(p[:n], off); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := g.ReadAt(q[:n], off); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Equal(p[:n], q[:n]) {
			return fmt.Errorf("%s and %s differ: they are not copies of one log file", a.path, b.path)
		}
	}
	return nil
}

// end is how far the log is known to go: a copy that is shorter than its file
// has only frames.
func (p logPlan) end() (end wal.LSN) {
	for _, c := range p {
		if c.size < c.header.Size {
			end = max(end, c.header.First+wal.LSN(c.size-wal.HeaderSize))
		}
	}
	return end
}

// makeLog writes the planned log files to dir, each with the length that its
// header says.
func (p logPlan) makeLog(ctx context.Context, fsys vfs.FS, dir string) error {
	for _, c := range p {
		f, err := fsys.OpenRead(c.path)
		if err != nil {
			return err
		}
		_, err = writeFile(ctx, fsys, path.Join(dir, wal.FileName(c.header.Index)), io.NewSectionReader(f, 0, c.size), c.size, c.header.Size)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("copying %s: %w", c.path, err)
		}
	}
	return nil
}

// cut ends the log in dir at end: what stands behind it becomes zeros, and the
// files that begin there or later go. It returns the newest file that is left.
func (p logPlan) cut(ctx context.Context, fsys vfs.FS, dir string, end wal.LSN) (newest uint64, err error) {
	for i, c := range slices.Backward(p) {
		name := path.Join(dir, wal.FileName(c.header.Index))
		if i > 0 && c.header.First >= end {
			if err := fsys.Remove(name); err != nil {
				return 0, err
			}
			continue
		}
		newest = c.header.Index
		from := wal.HeaderSize + int64(end-min(end, c.header.First))
		if from >= c.header.Size {
			return newest, nil
		}
		f, err := fsys.Open(name)
		if err != nil {
			return 0, err
		}
		err = copyRange(ctx, &appender{f, from}, zeros{}, c.header.Size-from, yield)
		if err == nil {
			err = f.Sync()
		}
		return newest, errors.Join(err, f.Close())
	}
	return newest, nil
}
