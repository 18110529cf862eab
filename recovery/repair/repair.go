// Package repair makes a damaged data directory whole: what is undamaged stays
// readable, and what is lost becomes lost ranges, which readers see.
//
//	Verify -> scan -> quarantine -> segments -> topics -> checkpoint -> manifest
//	            |         |            |           |          |            |
//	            |         |            |           |          |            the only step that takes effect
//	            |         |            |           |          segments and snapshots that no manifest names yet
//	            |         |            |           from snapshot, segments and log into a scratch log
//	            |         |            undamaged ones as they are, others rewritten
//	            |         copies of the damaged files
//	            which files there are, and which log they belong to
//
// A repair changes no file that is there but the manifests. The log begins anew
// after its end. Files that the manifest does not name any more are removed by
// the next start of the server, as after any crash. A repair that is interrupted
// leaves the directory as damaged as it was, and can be run again.
package repair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Options are the sizes of what a repair writes.
type Options struct {
	Segment segment.Limits // zeros are defaults
}

// Report is the account of a repair.
type Report struct {
	Dir        string          `json:"dir"`
	Changed    bool            `json:"changed"` // false if it was undamaged
	Faults     []inspect.Fault `json:"faults"`  // found before
	Quarantine string          `json:"quarantine,omitempty"`
	Files      []string        `json:"quarantined"` // what was copied there
	Checkpoint string          `json:"checkpoint,omitempty"`
	// State is the base name of the snapshot that the repair used; empty if none
	// could be read.
	State string `json:"state,omitempty"`
	// Recovered is how many topics came back under a name made from their id.
	Recovered int           `json:"recovered_topics"`
	Lost      []replay.Loss `json:"lost_ranges"`
}

// Run locks the data directory and repairs it. It does not change one that is
// undamaged. After an error the directory is as it was. The error is a
// *recovery.KindError if d is not a data directory.
func Run(ctx context.Context, d inspect.Dir, o Options) (*Report, error) {
	kind, err := recovery.Examine(d.FS, d.Path)
	if err != nil {
		return nil, err
	}
	if err := kind.Require(recovery.Data); err != nil {
		return nil, err
	}
	lock, err := recovery.Lock(d.FS, d.Path)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	o.Segment = o.Segment.WithDefaults()
	d.Lock = lock
	found, err := inspect.Verify(ctx, d)
	if err != nil {
		return nil, err
	}
	r := &repair{Dir: d, opts: o, ctx: ctx, found: found,
		report: &Report{Dir: d.Path, Faults: found.Faults, Files: []string{}, Lost: []replay.Loss{}}}
	if found.Sound() {
		return r.report, nil
	}
	defer r.close()
	for _, s := range []struct {
		name string
		run  func() error
	}{
		{"reading the directory", r.scan},
		{"making its directories", r.makeDirs},
		{"filling the quarantine", r.quarantine},
		{"reading the segments", r.gatherSegments},
		{"reading the log", r.rebuildTopics},
		{"writing the checkpoint", r.checkpoint},
		{"replacing the manifest", r.commit},
	} {
		if err := s.run(); err != nil {
			return nil, fmt.Errorf("repair: %s: %w", s.name, err)
		}
	}
	r.report.Changed = true
	return r.report, nil
}

// repair is one repair, in one goroutine.
type repair struct {
	inspect.Dir
	opts   Options
	ctx    context.Context
	found  *inspect.Report
	report *Report

	// Set by scan.
	logID       uint64
	snapshots   []uint64              // numbers of those in the directory, the newest first
	stored      []manifest.SegmentRef // the segments in the directory, by id
	firstFile   uint64                // lowest index of a log file; 0 if there is none
	lastFile    uint64                // highest index of a log file that there is or was
	logBytes    int64                 // the most that the log's files hold or held
	lastSegment uint64                // the highest id that a segment has or had

	// Set by gatherSegments.
	snapshot []byte               // the content; nil if none can be read
	from     *manifest.Checkpoint // the one of snapshot; nil if unknown
	segments []*segment.Segment   // open, in order, all undamaged

	// Set by rebuildTopics.
	registry *topics.Registry
	log      *wal.Log // in recovery.ScratchDir
	// begin is where the next start begins the log. It is after every position
	// that the log had, or may have had, so that none is used twice. Until
	// rebuildTopics ends it is a lower bound.
	begin wal.LSN

	final manifest.Manifest // set by checkpoint
}

func (r *repair) dir(names ...string) string {
	return path.Join(append([]string{r.Path}, names...)...)
}

func (r *repair) close() {
	for _, s := range r.segments {
		s.Release()
	}
	if r.log != nil {
		_ = r.log.Close() // everything that is kept is in segments
		r.clearScratch()
	}
}

// clearScratch removes the scratch log. A file that it cannot remove does no
// harm: recovery ignores that directory.
func (r *repair) clearScratch() {
	names, err := r.FS.List(r.dir(recovery.ScratchDir))
	if err != nil {
		return
	}
	for _, name := range names {
		_ = r.FS.Remove(r.dir(recovery.ScratchDir, name))
	}
}

// checkpoint writes the registry as segments and as two equal snapshots, of this
// checkpoint and of a previous one, so that either may be damaged later. Their
// numbers and ids were never used, so nothing that is there is overwritten.
func (r *repair) checkpoint() error {
	number := uint64(1)
	if len(r.snapshots) > 0 {
		number = r.snapshots[0] + 1
	}
	if m := r.found.Manifest; m != nil {
		taken, _ := m.Taken()
		number = max(number, taken+1)
	}
	var snapshot bytes.Buffer
	ids, err := r.registry.Checkpoint().Write(r.ctx, &topics.Sink{
		Snapshot: &snapshot,
		Segment: func() (uint64, *segment.Writer, error) {
			w, err := r.createSegment()
			if err != nil {
				return 0, nil, err
			}
			return w.ID(), w, nil
		},
		Limits: r.opts.Segment, Pace: r.ctx.Err,
	})
	if err != nil {
		return err
	}
	for n := range uint64(2) {
		err := manifest.WriteSnapshot(r.FS, r.dir(manifest.SnapshotDir), number+n, func(w io.Writer) error {
			_, err := w.Write(snapshot.Bytes())
			return err
		})
		if err != nil {
			return err
		}
	}
	var refs []manifest.SegmentRef
	for _, s := range r.segments {
		refs = append(refs, manifest.SegmentRef{ID: s.ID(), Cold: s.Cold()})
	}
	for _, id := range ids {
		refs = append(refs, manifest.SegmentRef{ID: id})
	}
	c := manifest.Checkpoint{Start: uint64(r.begin), File: r.lastFile + 1, Segments: refs, Sum: manifest.SnapshotSum(snapshot.Bytes())}
	before, after := c, c
	before.Number, after.Number = number, number+1
	r.final = manifest.Manifest{
		LogID: r.logID, EndLSN: uint64(r.begin), LogBegin: uint64(r.begin), Checkpoint: &after, Previous: &before,
	}
	r.report.Checkpoint = manifest.SnapshotName(after.Number)
	return nil
}

// commit replaces both manifests: the first write makes the repair take effect,
// the second makes MANIFEST.prev the same, for it may name what is damaged. The
// boot and mount stay those of the last run, so that the next start finds a power
// cut that came since.
func (r *repair) commit() error {
	if m := r.found.Manifest; m != nil {
		r.final.BootID, r.final.Mount, r.final.CleanShutdown = m.BootID, m.Mount, m.CleanShutdown
		r.final.Starts = m.Starts // a count of starts never decreases
		r.final.Failed = m.Failed || m.Fallback != nil
		r.final.Instance, r.final.ColdGeneration, r.final.ColdBefore = m.Instance, m.ColdGeneration, m.ColdBefore
	} else if r.Cold != "" { // without a manifest only the cold directory has the instance
		owner, err := manifest.ReadOwner(r.FS, r.Cold)
		if err != nil {
			return err
		}
		r.final.Instance, r.final.ColdGeneration = owner.Instance, owner.Generation
	}
	var err error
	for range 2 {
		err = errors.Join(err, manifest.Write(r.FS, r.Path, &r.final))
	}
	return err
}
