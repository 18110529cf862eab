package repair

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// scan lists the files of the log, of segments and of snapshots, and determines
// the id of the log that they belong to: the manifest has it, or else most files
// do. It changes nothing.
func (r *repair) scan() error {
	votes := map[uint64]int{}
	if err := r.scanLog(votes); err != nil {
		return err
	}
	if err := r.scanSegments(r.dir(manifest.SegmentDir), false, votes); err != nil {
		return err
	}
	if r.Cold != "" {
		if err := r.scanSegments(r.Cold, true, votes); err != nil {
			return err
		}
	}
	names, err := r.list(r.dir(manifest.SnapshotDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		if number, ok := manifest.ParseSnapshot(name); ok {
			r.snapshots = append(r.snapshots, number)
		}
	}
	slices.Sort(r.snapshots)
	slices.Reverse(r.snapshots)
	if m := r.found.Manifest; m != nil {
		r.logID, r.lastFile = m.LogID, max(r.lastFile, m.NewestFile)
		for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
			if c != nil {
				r.lastFile = max(r.lastFile, c.File)
			}
		}
		_, taken := m.Taken()
		r.lastSegment = max(r.lastSegment, taken)
		return nil
	}
	for id, n := range votes {
		if best := votes[r.logID]; n > best || n == best && id < r.logID {
			r.logID = id
		}
	}
	if r.logID == 0 {
		return errors.New("the id of the log is unknown: there is no manifest, and no file of the log or a segment has it")
	}
	return nil
}

// list returns the names in a directory, or none if it does not exist.
func (r *repair) list(dir string) ([]string, error) {
	names, err := r.FS.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// makeDirs makes the directories that the later steps write to. It is the first
// step that changes anything.
func (r *repair) makeDirs() error {
	for _, name := range []string{manifest.LogDir, manifest.SegmentDir, manifest.SnapshotDir} {
		if err := r.FS.MkdirAll(r.dir(name)); err != nil {
			return err
		}
	}
	return nil
}

// likelyFile is the most bytes that a missing log file is taken to have had,
// unless the others are larger.
const likelyFile = 256 << 20

func (r *repair) scanLog(votes map[uint64]int) error {
	dir := r.dir(manifest.LogDir)
	names, err := r.list(dir)
	if err != nil {
		return err
	}
	largest, files := int64(likelyFile), uint64(0)
	for _, name := range names {
		index, ok := wal.ParseName(name)
		if !ok {
			continue
		}
		size, err := r.vote(path.Join(dir, name), votes)
		if err != nil {
			return err
		}
		if r.firstFile == 0 {
			r.firstFile = index
		}
		r.lastFile = max(r.lastFile, index)
		r.logBytes += size
		largest = max(largest, size)
		files++
	}
	if m := r.found.Manifest; m != nil && m.NewestFile > r.lastFile {
		r.logBytes += largest * int64(m.NewestFile-r.lastFile)
	}
	return nil
}

func (r *repair) scanSegments(dir string, cold bool, votes map[uint64]int) error {
	names, err := r.list(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		id, kind, ok := segment.ParseName(name)
		if !ok {
			continue
		}
		r.lastSegment = max(r.lastSegment, id)
		if kind != segment.Data && kind != segment.Index {
			continue
		}
		if _, err := r.vote(path.Join(dir, name), votes); err != nil {
			return err
		}
		if kind == segment.Data {
			r.stored = append(r.stored, manifest.SegmentRef{ID: id, Cold: cold})
		}
	}
	return nil
}

// vote counts a file for the log that its header names, and returns its size.
// The headers of log files and of segments have the log's id at one offset.
func (r *repair) vote(name string, votes map[uint64]int) (size int64, err error) {
	f, err := r.FS.OpenRead(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var head [24]byte
	if _, err := f.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if id := binary.LittleEndian.Uint64(head[16:]); id != 0 && strings.HasPrefix(string(head[:5]), "topic") {
		votes[id]++
	}
	return f.Size()
}
