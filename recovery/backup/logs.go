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

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// logCopy is a copy of a log file in the backup, in an archive, or in a data
// directory that crashed. It may have only the beginning of the file.
type logCopy struct {
	path   string
	header wal.Header
	size   int64 // bytes of the copy that are used
}

// logPlan has the copy to use for each log file of the new directory, in order.
type logPlan []logCopy

// planLogs finds the copies of all log files that a restore needs. It returns
// an error if a file is missing or if copies differ.
func planLogs(ctx context.Context, fsys vfs.FS, from string, d *Description, archives []string, until Until) (logPlan, error) {
	first := uint64(1)
	if d.Checkpoint != nil {
		first = d.Checkpoint.File
	}
	copies := map[uint64][]logCopy{}
	for i, dir := range slices.Concat([]string{path.Join(from, manifest.LogDir)}, archives) {
		found, err := copiesIn(fsys, dir, first, d.LogID)
		if err != nil {
			return nil, err
		}
		if i == 0 { // ignore files that are not in the description
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

// copiesIn returns the log files in a directory from the index first on. In an
// archive, each must be valid.
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
		case errors.As(err, &corrupt) && index > newest: // a power cut interrupted its first use
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

// filesInUse returns the indexes of the first and the last log file in dir that
// are known to have been in use. In an archive, which has only finished files,
// that is every file. In the log directory of a data directory, the manifest
// has the range: older files were freed, and may be in preparation for reuse.
func filesInUse(fsys vfs.FS, dir string) (oldest, newest uint64, err error) {
	if path.Base(dir) != manifest.LogDir {
		return 0, math.MaxUint64, nil
	}
	m, err := manifest.Read(fsys, path.Dir(dir))
	if damaged := new(manifest.CorruptionError); errors.As(err, &damaged) {
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

// agree returns the longest of the copies of one file, after verifying that the
// others do not differ from it. next is the header of the following file, which
// determines how much of this one is used; it is nil for the last file.
func agree(ctx context.Context, fsys vfs.FS, copies []logCopy, next *wal.Header) (logCopy, error) {
	best := slices.MaxFunc(copies, func(a, b logCopy) int { return int(a.size - b.size) })
	if next != nil {
		if next.First < best.header.First || next.First-best.header.First > wal.LSN(best.header.Size) {
			return best, fmt.Errorf("%s begins at lsn %d, and the next log file at %d: they are not from the same history", best.path, best.header.First, next.First)
		}
		used := wal.HeaderSize + int64(next.First-best.header.First)
		if best.size < used {
			return best, fmt.Errorf("log file %s is incomplete: %s ends at lsn %d, and the next log file begins at %d",
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

// sameStart verifies that two copies are equal up to the end of the shorter
// one.
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

// end returns the position up to which the log is known to have frames: a copy
// that is shorter than its file has nothing but frames.
func (p logPlan) end() (end wal.LSN) {
	for _, c := range p {
		if c.size < c.header.Size {
			end = max(end, c.header.First+wal.LSN(c.size-wal.HeaderSize))
		}
	}
	return end
}

// makeLog writes the planned log files to dir, each with the size in its
// header.
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

// cut ends the log in dir at end: it overwrites the rest of the file with zeros
// and removes the files that begin at end or later. It returns the index of the
// newest remaining file.
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
