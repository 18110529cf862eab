package recovery

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
)

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
	r.reserve = manifest.NewReserve(opts.FS, opts.Dir, opts.Storage.ReserveBytes)
	return r
}

// readManifest reads the manifest of a directory that has data.
func (r *Recovered) readManifest(d *Directory) error {
	m, err := manifest.Read(r.opts.FS, r.opts.Dir)
	if err != nil {
		return err
	}
	if m == nil {
		return &manifest.CorruptionError{File: path.Join(d.Path, manifest.Name), Err: fmt.Errorf("it is missing, and %s is there", d.File)}
	}
	if m.Fallback != nil {
		r.Report.ManifestFallback = m.Fallback.Error()
		r.opts.Log.Warn().Err(m.Fallback).Msg("using the previous manifest")
	}
	r.adopt(m)
	return nil
}

// adopt makes m the manifest that the recovery goes by.
func (r *Recovered) adopt(m *manifest.Manifest) {
	r.manifest = *m
	r.nextCheckpoint, r.nextSegment = m.Taken()
	r.opts.WAL.FS = r.opts.FS
	r.logOptions = m.LogOptions(r.opts.WAL, r.opts.Dir, m.Previous)
	r.Report.CleanShutdown = m.CleanShutdown
	r.Report.PowerLost = m.PowerLost(r.opts.BootID, r.opts.Mount)
}
