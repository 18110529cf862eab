package repair

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
)

// gather finds the newest state that can be read, and makes the segments that
// belong to it sound.
func (r *repair) gather() error {
	refs, listed, err := r.choose()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := r.take(ref, listed); err != nil {
			return err
		}
	}
	if !listed {
		return r.arrange()
	}
	return nil
}

// choose sets the state, and returns the segments. They are not listed if
// nothing says which of them belong to it, and in which order.
func (r *repair) choose() (refs []manifest.SegmentRef, listed bool, err error) {
	m := r.found.Manifest
	if m != nil {
		candidates := []*manifest.Checkpoint{m.Checkpoint, m.Previous}
		if r.logHelps() {
			slices.Reverse(candidates)
			if m.Previous == nil {
				candidates = nil
			}
		}
		for _, c := range candidates {
			if c == nil {
				continue
			}
			if r.state, err = r.readState(c); err != nil {
				return nil, false, err
			}
			if r.state != nil {
				r.from = c
				return c.Segments, true, nil
			}
		}
		if m.Previous == nil { // the log is there from its beginning
			return nil, true, nil
		}
		return m.Checkpoint.Segments, true, nil
	}
	for _, number := range r.states {
		if r.state, err = r.readState(&manifest.Checkpoint{Number: number}); err != nil || r.state != nil {
			return r.stored, false, err
		}
	}
	if r.firstFile == 1 {
		return nil, true, nil
	}
	return r.stored, false, nil
}

// logHelps says that a segment is damaged, and the log is not: it still has the
// records that the newest checkpoint took out of it.
func (r *repair) logHelps() bool {
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

// readState returns a state that is whole, or nil.
func (r *repair) readState(c *manifest.Checkpoint) ([]byte, error) {
	content, err := manifest.ReadSnapshot(r.FS, r.dir(manifest.SnapshotDir), c)
	if bad := new(manifest.CorruptionError); errors.As(err, &bad) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	reach, err := topics.StateReach(content)
	if err != nil {
		return nil, nil // its checksum holds, and it cannot be decoded all the same
	}
	r.begin = max(r.begin, reach)
	r.report.State = manifest.SnapshotName(c.Number)
	return content, nil
}

// take adds a segment: as it is, or, if it is damaged, what is left of it.
func (r *repair) take(ref manifest.SegmentRef, verified bool) error {
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
	return r.rebuild(data, ref.ID)
}

// rebuild writes a segment with every record that the data file of another one
// still has. A file that is another segment's has none of it, whatever its
// name: that one's records are not lost, and must not come back twice.
func (r *repair) rebuild(data string, id uint64) (err error) {
	logID, own, known, err := segment.Identity(r.FS, path.Join(data, segment.DataName(id)))
	if err != nil {
		return err
	}
	if known && (logID != r.logID || own != id) {
		return nil
	}
	w, err := r.create()
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
			return nil // it is missing then, which is told
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

// create begins a segment under an id that none ever had.
func (r *repair) create() (*segment.Writer, error) {
	r.nextSegment++
	return segment.Create(r.FS, r.dir(manifest.SegmentDir), r.nextSegment, r.logID)
}
