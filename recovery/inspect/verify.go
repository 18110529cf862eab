// Package inspect reads a data directory without changing anything in it: Verify
// finds what is damaged, Dump writes what it contains.
//
// Verify checks the files from the manifest down, each against its checksum and
// against the one that names it, and ends with the rehearsal of a start. So a
// directory without faults is one that a start takes, and the two cannot judge
// differently.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Dir is a data directory to read.
type Dir struct {
	FS   vfs.FS
	Path string
	Cold string // the cold directory; empty if there is none
	// BootID and Mount are those of recovery.Options. They determine which ends
	// of the log are a torn tail, and which are damage.
	BootID, Mount string
	// Lock is the lock on the directory, if the caller has it. If it is nil
	// Verify determines which process has it.
	Lock vfs.Held
}

// Verify reads everything that recovery may need and checks that it is undamaged
// and consistent. Faults are in the report. An error means that the directory
// could not be read; it is a *recovery.KindError if d is not a data directory.
// Verify writes nothing.
func Verify(ctx context.Context, d Dir) (*Report, error) {
	v := &verifier{Dir: d, ctx: ctx, report: &Report{Dir: d.Path, Faults: []Fault{}}, names: map[uint64]string{}}
	kind, err := recovery.Examine(d.FS, d.Path)
	if err != nil {
		return nil, err
	}
	if err := kind.Require(recovery.Data); err != nil {
		return nil, err
	}
	if err := v.inUse(); err != nil {
		return nil, err
	}
	if err := v.manifests(); err != nil {
		return nil, err
	}
	if err := v.segments(); err != nil {
		return nil, err
	}
	defer v.close()
	if err := v.snapshots(); err != nil {
		return nil, err
	}
	if err := v.log(); err != nil || !v.report.Sound() {
		return v.report, err
	}
	return v.report, v.rehearse()
}

type verifier struct {
	Dir
	ctx    context.Context
	report *Report
	names  map[uint64]string           // of topics
	open   map[uint64]*segment.Segment // those that could be opened
	reach  wal.LSN                     // the log went at least so far, by the states
}

func (v *verifier) fault(f Fault) { v.report.Faults = append(v.report.Faults, f) }

func (v *verifier) dir(name string) string { return path.Join(v.Path, name) }

// inUse determines which process has the directory, and writes nothing to it.
func (v *verifier) inUse() error {
	if v.Lock != nil {
		return nil
	}
	lock, err := recovery.Share(v.FS, v.Path)
	if inUse := new(recovery.InUseError); errors.As(err, &inUse) {
		v.report.InUse = inUse.Holder()
		if inUse.Mode == vfs.Exclusive {
			v.BootID = "" // a log that is being written does not end like one after a kill
		}
		return nil
	}
	if err != nil {
		return err
	}
	return lock.Close()
}

// manifests checks both manifests and uses the one that recovery would.
func (v *verifier) manifests() error {
	for _, base := range []string{manifest.Name, manifest.PrevName} {
		_, err := manifest.ReadFile(v.FS, v.Path, base)
		bad := new(manifest.CorruptionError)
		switch {
		case err == nil:
			v.report.Manifests++
		case errors.As(err, &bad):
			v.fault(Fault{File: v.dir(base), Cause: bad.Err.Error()})
		case !errors.Is(err, fs.ErrNotExist):
			return err
		case base == manifest.Name:
			v.fault(Fault{File: v.dir(base), Cause: "the file is missing"})
		}
	}
	m, err := manifest.Read(v.FS, v.Path)
	if bad := new(manifest.CorruptionError); err != nil && !errors.As(err, &bad) {
		return err
	}
	v.report.Manifest = m
	return v.owner()
}

// owner checks that the cold directory is this data directory's.
func (v *verifier) owner() error {
	m := v.report.Manifest
	if m == nil || v.Cold == "" {
		return nil
	}
	owner, err := manifest.ReadOwner(v.FS, v.Cold)
	if err == nil {
		err = m.Owns(v.Cold, owner)
	}
	if refusal := new(manifest.OwnerError); errors.As(err, &refusal) {
		v.report.NotOwner = err.Error()
		return nil
	}
	return err
}

// checkpoints returns those that recovery may begin from, the newest first.
func (v *verifier) checkpoints() []*manifest.Checkpoint {
	if v.report.Manifest == nil {
		return nil
	}
	return v.report.Manifest.Checkpoints()
}

// snapshots reads and decodes the snapshots, and compares them with the segments
// that could be opened. v.reach becomes the position that the log had reached when
// the newest was taken: a log that ends below it has lost records.
func (v *verifier) snapshots() error {
	for _, c := range v.checkpoints() {
		name := path.Join(v.dir(manifest.SnapshotDir), manifest.SnapshotName(c.Number))
		content, err := manifest.ReadSnapshot(v.FS, v.dir(manifest.SnapshotDir), c)
		if bad := new(manifest.CorruptionError); errors.As(err, &bad) {
			v.fault(Fault{File: name, Cause: bad.Err.Error()})
			continue
		}
		if err != nil {
			return err
		}
		reach, err := replay.SnapshotReach(content)
		if err != nil {
			v.fault(Fault{File: name, Cause: err.Error()})
			continue
		}
		v.reach = max(v.reach, reach)
		v.report.Checkpoints++
		var segs []*segment.Segment
		for _, ref := range c.Segments {
			if s := v.open[ref.ID]; s != nil {
				segs = append(segs, s)
			}
		}
		err = replay.Audit(content, segs, v.ctx.Err, func(f replay.Fault) {
			v.fault(Fault{File: name, Topic: f.Topic, From: f.From, To: f.To, Cause: f.Cause})
		})
		if bad := new(segment.DamageError); err != nil && !errors.As(err, &bad) { // reported by segments
			return err
		}
	}
	return v.ctx.Err()
}

// segments checks every segment that a checkpoint names.
func (v *verifier) segments() error {
	v.open = map[uint64]*segment.Segment{}
	if err := v.topicNames(); err != nil {
		return err
	}
	done := map[uint64]bool{}
	for _, c := range v.checkpoints() {
		for _, ref := range c.Segments {
			if done[ref.ID] {
				continue
			}
			done[ref.ID] = true
			if err := v.segment(ref); err != nil {
				return err
			}
		}
	}
	return nil
}

// topicNames reads the names of topics from the snapshots, as far as these can be
// decoded.
func (v *verifier) topicNames() error {
	for i, c := range slices.Backward(v.checkpoints()) { // the newest comes last, and replaces older names
		content, err := manifest.ReadSnapshot(v.FS, v.dir(manifest.SnapshotDir), c)
		if bad := new(manifest.CorruptionError); errors.As(err, &bad) {
			continue // reported by snapshots
		}
		if err != nil {
			return err
		}
		n := 0
		_ = replay.DescribeSnapshot(content, func(t *replay.StoredTopic) error {
			v.names[t.ID] = t.Name
			n++
			return nil
		}) // likewise
		if i == 0 {
			v.report.Topics = n
		}
	}
	return v.ctx.Err()
}

func (v *verifier) segment(ref manifest.SegmentRef) error {
	hot := v.dir(manifest.SegmentDir)
	data := hot
	if ref.Cold {
		if data = v.Cold; data == "" {
			return fmt.Errorf("segment %016x is in the cold directory, and none is given", ref.ID)
		}
	}
	s, err := segment.Open(v.FS, hot, data, ref.ID, v.report.Manifest.LogID, segment.NewCache(0))
	bad, version := new(segment.DamageError), new(segment.VersionError)
	switch {
	case errors.As(err, &bad):
		v.inSegment(bad.Damage)
		return nil
	case errors.As(err, &version):
		v.fault(Fault{File: version.File, Cause: err.Error()})
		return nil
	case errors.Is(err, fs.ErrNotExist):
		v.missing(hot, data, ref.ID)
		return nil
	case err != nil:
		return err
	}
	v.open[ref.ID] = s
	checked, err := segment.Verify(s, v.ctx.Err, v.inSegment)
	v.report.Segments++
	v.report.Records += checked.Records
	v.report.Bytes += checked.Bytes
	return err
}

// missing adds a fault for each missing file of a segment.
func (v *verifier) missing(hot, data string, id uint64) {
	for _, name := range []string{path.Join(hot, segment.IndexName(id)), path.Join(data, segment.DataName(id))} {
		f, err := v.FS.OpenRead(name)
		if errors.Is(err, fs.ErrNotExist) {
			v.fault(Fault{File: name, Cause: "the file is missing"})
		} else if err == nil {
			f.Close() // it was only opened
		}
	}
}

func (v *verifier) inSegment(d segment.Damage) {
	f := Fault{File: d.File, Offset: d.Offset, From: d.From, To: d.To, Cause: d.Cause}
	if d.Topic > 0 {
		f.Topic = v.names[d.Topic]
		if f.Topic == "" {
			f.Topic = fmt.Sprintf("#%d", d.Topic)
		}
	}
	v.fault(f)
}

func (v *verifier) close() {
	for _, s := range v.open {
		s.Release()
	}
}
