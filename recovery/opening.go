package recovery

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Durable is the position up to which the log is known to have been durable:
// the log was synced to a checkpoint's Start and Through before the manifest
// named it. A log that ends below it is damaged.
func (m *Manifest) Durable() wal.LSN {
	at := m.EndLSN
	for _, c := range []*Checkpoint{m.Checkpoint, m.Previous} {
		if c != nil {
			at = max(at, c.Start, c.Through)
		}
	}
	return wal.LSN(at)
}

// LogOptions completes o, which has the file system and sizes, for the log of
// the data directory dir with that manifest, to be read from a checkpoint on,
// or without one from its beginning. Whatever opens the log of a data directory
// gets its options here.
func (m *Manifest) LogOptions(o wal.Options, dir string, from *Checkpoint) wal.Options {
	o.Dir = path.Join(dir, walDir)
	o.LogID, o.Newest, o.Synced, o.Begin = m.LogID, m.NewestFile, m.Durable(), wal.LSN(m.LogBegin)
	if from != nil {
		o.First, o.Start = from.File, wal.LSN(from.Start)
	}
	return o
}

// Rehearse reads a data directory exactly as Run would, up to where Run would
// begin to change it, and changes nothing. Its error is the one that Run would
// refuse with. It takes no lock.
func Rehearse(ctx context.Context, opts Options) (*Report, error) {
	r := begin(opts)
	defer r.closeSegments()
	d, err := Examine(r.opts.FS, r.opts.Dir)
	if err == nil {
		err = d.Require(Data)
	}
	if err == nil {
		err = r.readManifest(d)
	}
	if err == nil {
		err = r.restore(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.logOptions.ReadOnly = true
	tail, err := r.readLog(ctx)
	if err != nil {
		return nil, err
	}
	tail.Close()
	return &r.Report, nil
}

// begin returns a recovery that has done nothing yet.
func begin(opts Options) *Recovered {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Gate == nil {
		opts.Gate = health.NewGate(opts.Now)
	}
	opts.Storage.fill()
	r := &Recovered{
		opts: opts, lock: opts.Lock, Report: *NewReport(opts.Now()),
		full: map[uint64]bool{}, claimed: map[*segment.Segment]chan struct{}{}, pinned: map[*Pinned]struct{}{},
		taken: make(chan struct{}, 1), offload: make(chan struct{}, 1), released: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	r.reserve.fsys, r.reserve.dir, r.reserve.size = opts.FS, opts.Dir, opts.Storage.ReserveBytes
	return r
}

// readManifest reads the manifest of a directory that has data.
func (r *Recovered) readManifest(d *Directory) error {
	m, err := ReadManifest(r.opts.FS, r.opts.Dir)
	if err != nil {
		return err
	}
	if m == nil {
		return &ManifestError{File: path.Join(d.Path, ManifestName), Err: fmt.Errorf("it is missing, and %s is there", d.File)}
	}
	if m.Fallback != nil {
		r.Report.ManifestFallback = m.Fallback.Error()
		r.opts.Log.Warn().Err(m.Fallback).Msg("using the previous manifest")
	}
	r.adopt(m)
	return nil
}

// adopt makes m the manifest that the recovery goes by.
func (r *Recovered) adopt(m *Manifest) {
	r.manifest = *m
	r.nextCheckpoint, r.nextSegment = m.Taken()
	r.opts.WAL.FS = r.opts.FS
	r.logOptions = m.LogOptions(r.opts.WAL, r.opts.Dir, m.Previous)
	r.Report.CleanShutdown = m.CleanShutdown
	r.Report.PowerLost = m.PowerLost(r.opts.BootID, r.opts.Mount)
}
