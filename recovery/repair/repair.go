// Package repair makes a damaged data directory whole: what is undamaged stays
// readable, what is lost becomes lost ranges that readers are told of.
//
// A repair changes nothing that is there. It copies what is damaged, and the
// log, to a quarantine; writes what is left as segments and a state that no
// manifest names yet; and then replaces the manifest. That one step makes it
// count. The log begins anew behind its end. What the manifest does not name
// any more is removed by the next start of the server, as after any crash. A
// repair that is cut off leaves the directory as damaged as it was, and is
// simply run again.
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
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Options are what a repair needs beside the directory.
type Options struct {
	Segment segment.Limits // of the segments that it writes; zeros are defaults
}

// Report is the account of a repair.
type Report struct {
	Dir        string          `json:"dir"`
	Changed    bool            `json:"changed"` // false: it was sound
	Faults     []inspect.Fault `json:"faults"`  // what was found
	Quarantine string          `json:"quarantine,omitempty"`
	Files      []string        `json:"quarantined"` // what was copied there
	Checkpoint string          `json:"checkpoint,omitempty"`
	// State is the one that the repair went by; empty: none could be read.
	State string `json:"state,omitempty"`
	// Recovered is how many topics came back under a name made from their id.
	Recovered int           `json:"recovered_topics"`
	Lost      []topics.Loss `json:"lost_ranges"`
}

// Run repairs the data directory, whose lock it takes. A directory that is
// sound is left alone. An error means that the directory is as it was; it is a
// *recovery.KindError if d is no data directory.
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
		report: &Report{Dir: d.Path, Faults: found.Faults, Files: []string{}, Lost: []topics.Loss{}}}
	if found.Sound() {
		return r.report, nil
	}
	defer r.close()
	for _, s := range []struct {
		name string
		run  func() error
	}{
		{"reading the directory", r.survey},
		{"making its directories", r.makeDirs},
		{"filling the quarantine", r.quarantine},
		{"reading the segments", r.gather},
		{"reading the log", r.mend},
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

type repair struct {
	inspect.Dir
	opts   Options
	ctx    context.Context
	found  *inspect.Report
	report *Report

	logID       uint64
	states      []uint64              // numbers of all that are there, the newest first
	stored      []manifest.SegmentRef // all that are there, by id
	firstFile   uint64                // the lowest index of a log file; 0: there is none
	lastFile    uint64                // the highest one, or known of
	logBytes    int64                 // the most that the log's files hold or held
	nextSegment uint64                // the highest id that is taken
	state       []byte                // nil: none
	from        *manifest.Checkpoint  // the one of state; nil: not known
	segments    []*segment.Segment    // in order, all sound

	registry *topics.Registry
	log      *wal.Log // in recovery.ScratchDir
	begin    wal.LSN  // where the log is to begin: behind everything
	final    manifest.Manifest
}

func (r *repair) dir(names ...string) string {
	return path.Join(append([]string{r.Path}, names...)...)
}

func (r *repair) close() {
	for _, s := range r.segments {
		s.Release()
	}
	if r.log != nil {
		_ = r.log.Close() // what was worth keeping is in segments
		r.clearScratch()
	}
}

// clearScratch removes the scratch log. What it cannot is in nobody's way.
func (r *repair) clearScratch() {
	names, err := r.FS.List(r.dir(recovery.ScratchDir))
	if err != nil {
		return
	}
	for _, name := range names {
		_ = r.FS.Remove(r.dir(recovery.ScratchDir, name))
	}
}

// checkpoint writes what the registry holds as segments and as two states: of
// this checkpoint and of the one before, so that either may be damaged.
func (r *repair) checkpoint() error {
	number := uint64(1)
	if len(r.states) > 0 {
		number = r.states[0] + 1
	}
	if m := r.found.Manifest; m != nil {
		taken, _ := m.Taken()
		number = max(number, taken+1)
	}
	var state bytes.Buffer
	ids, err := r.registry.Capture().Write(r.ctx, &topics.Sink{
		State: &state,
		Segment: func() (uint64, *segment.Writer, error) {
			w, err := r.create()
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
			_, err := w.Write(state.Bytes())
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
	c := manifest.Checkpoint{Start: uint64(r.begin), File: r.lastFile + 1, Segments: refs, Sum: manifest.SnapshotSum(state.Bytes())}
	before, after := c, c
	before.Number, after.Number = number, number+1
	r.final = manifest.Manifest{
		LogID: r.logID, EndLSN: uint64(r.begin), LogBegin: uint64(r.begin), Checkpoint: &after, Previous: &before,
	}
	r.report.Checkpoint = manifest.SnapshotName(after.Number)
	return nil
}

// commit makes it count. The second time makes that so for the manifest before
// the present one, too.
func (r *repair) commit() error {
	if m := r.found.Manifest; m != nil {
		r.final.BootID, r.final.Mount, r.final.CleanShutdown = m.BootID, m.Mount, m.CleanShutdown
		r.final.Starts = m.Starts // what counts them never goes back
		r.final.Failed = m.Failed || m.Fallback != nil
		r.final.Instance, r.final.ColdGeneration, r.final.ColdBefore = m.Instance, m.ColdGeneration, m.ColdBefore
	} else if r.Cold != "" { // whose data it is, the cold directory still knows
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
