package repair

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/segment"
)

// gatherSegments picks the newest snapshot that can be read, and opens the
// segments that belong to it. Damaged ones are rewritten.
func (r *repair) gatherSegments() error {
	refs, listed, err := r.pickSnapshot()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := r.takeSegment(ref, listed); err != nil {
			return err
		}
	}
	if !listed {
		return r.orderSegments()
	}
	return nil
}

// pickSnapshot sets the snapshot and returns the segments to use. listed is false
// if no manifest lists which of them belong to the snapshot, and in which order.
//
// With a manifest the newest checkpoint is best, unless a segment is damaged and
// the log is not: the log from the previous checkpoint on still has the records
// that the newest checkpoint moved to segments.
func (r *repair) pickSnapshot() (refs []manifest.SegmentRef, listed bool, err error) {
	m := r.found.Manifest
	if m != nil {
		candidates := []*manifest.Checkpoint{m.Checkpoint, m.Previous}
		if r.logHasMore() {
			slices.Reverse(candidates)
			if m.Previous == nil {
				candidates = nil
			}
		}
		for _, c := range candidates {
			if c == nil {
				continue
			}
			if r.snapshot, err = r.readSnapshot(c); err != nil {
				return nil, false, err
			}
			if r.snapshot != nil {
				r.from = c
				return c.Segments, true, nil
			}
		}
		if m.Previous == nil { // the log is there from its beginning
			return nil, true, nil
		}
		return m.Checkpoint.Segments, true, nil
	}
	for _, number := range r.snapshots {
		if r.snapshot, err = r.readSnapshot(&manifest.Checkpoint{Number: number}); err != nil || r.snapshot != nil {
			return r.stored, false, err
		}
	}
	if r.firstFile == 1 {
		return nil, true, nil
	}
	return r.stored, false, nil
}

// logHasMore reports whether a segment is damaged and the log is not. The log
// then still has the records that the newest checkpoint moved to segments.
func (r *repair) logHasMore() bool {
	segments := false
	for _, f := range r.found.Faults {
		dir := path.Dir(f.File)
		if dir == r.dir(manifest.LogDir) || f.File == r.dir(manifest.LogDir) {
			return false
		}
		segments = segments || dir == r.dir(manifest.SegmentDir) || dir == r.Cold
	}
	return segments
}

// readSnapshot returns the content of a snapshot, or nil if it is damaged. The
// log went at least as far as the snapshot did.
func (r *repair) readSnapshot(c *manifest.Checkpoint) ([]byte, error) {
	content, err := manifest.ReadSnapshot(r.FS, r.dir(manifest.SnapshotDir), c)
	if bad := new(manifest.CorruptionError); errors.As(err, &bad) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	reach, err := replay.SnapshotReach(content)
	if err != nil {
		return nil, nil // the checksum is right, but the content cannot be decoded
	}
	r.begin = max(r.begin, reach)
	r.report.State = manifest.SnapshotName(c.Number)
	return content, nil
}

// takeSegment adds a segment as it is, or, if it is damaged, what is left of it.
// One that inspect.Verify has not read is read here.
func (r *repair) takeSegment(ref manifest.SegmentRef, verified bool) error {
	data := r.dir(manifest.SegmentDir)
	if ref.Cold {
		data = r.Cold
	}
	names := []string{path.Join(data, segment.DataName(ref.ID)), r.dir(manifest.SegmentDir, segment.IndexName(ref.ID))}
	sound := true
	for _, f := range r.found.Faults {
		sound = sound && !slices.Contains(names, f.File)
	}
	if sound {
		s, err := segment.Open(r.FS, r.dir(manifest.SegmentDir), data, ref.ID, r.logID, segment.NewCache(1<<20))
		if err == nil && !verified {
			_, err = segment.Verify(s, r.ctx.Err, func(segment.Damage) { sound = false })
		}
		switch bad := new(segment.DamageError); {
		case errors.As(err, &bad), errors.Is(err, fs.ErrNotExist):
			sound = false
		case err != nil:
			return err
		}
		if s != nil && sound {
			r.segments = append(r.segments, s)
			return nil
		}
		if s != nil {
			s.Release()
		}
	}
	return r.rebuildSegment(data, ref.ID)
}

// rebuildSegment writes a segment with every record that the data file of
// another one still has. A file whose header names a different segment has none
// of them, whatever the file's name: the records of that segment are read from
// its own file, and must not come back twice.
func (r *repair) rebuildSegment(data string, id uint64) (err error) {
	logID, own, known, err := segment.Identity(r.FS, path.Join(data, segment.DataName(id)))
	if err != nil {
		return err
	}
	if known && (logID != r.logID || own != id) {
		return nil
	}
	w, err := r.createSegment()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Abort())
		}
	}()
	err = segment.Scan(r.FS, data, id, func(_ int64, topic, seq uint64, ts int64, b []byte) error {
		rec, err := record.DecodeRecordAt(seq, ts, b)
		if err != nil {
			return nil // the record is missing then, and becomes a lost range
		}
		if err := w.Add(topic, seq, ts, uint32(rec.PayloadBytes()), b); err != nil {
			return err
		}
		if rec.Tag != nil {
			if err := w.Tag(topic, rec.Tag, seq); err != nil {
				return err
			}
		}
		return r.ctx.Err()
	}, func(segment.Damage) error { return r.ctx.Err() })
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // all of it is missing
	}
	if err != nil {
		return err
	}
	if w.Records() == 0 {
		return w.Abort()
	}
	if err = w.Finish(); err != nil {
		return err
	}
	dir := r.dir(manifest.SegmentDir)
	s, err := segment.Open(r.FS, dir, dir, w.ID(), r.logID, segment.NewCache(1<<20))
	if err == nil {
		r.segments = append(r.segments, s)
	}
	return err
}

// createSegment begins a segment with an id that none ever had.
func (r *repair) createSegment() (*segment.Writer, error) {
	r.lastSegment++
	return segment.Create(r.FS, r.dir(manifest.SegmentDir), r.lastSegment, r.logID)
}
