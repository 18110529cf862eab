package recovery

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/wal"
)

// Recovered is a data directory in use, with the account of how it was brought
// back.
type Recovered struct {
	*store.Store
	Report Report
}

// Failure is the error of a recovery that refused, with its account.
type Failure struct {
	Report Report
	Err    error
}

func (f *Failure) Unwrap() error { return f.Err }

// start is one recovery. One goroutine runs it.
type start struct {
	opts   Options
	report *Report
	lock   io.Closer    // nil until it is taken
	store  *store.Store // nil until the manifest is read
	// logOptions are by the manifest that was found: they go back to its
	// previous checkpoint, which Restore may fall back to.
	logOptions wal.Options
}

func newStart(opts Options) *start {
	opts = opts.withDefaults()
	return &start{opts: opts, lock: opts.Lock, report: NewReport(opts.Now())}
}

// Run takes the data directory's lock and recovers what is in the directory. The
// gate goes to replaying and shows the progress; the caller opens it. After an
// error nothing is held and, unless the error is the disk's own, nothing has
// been changed but what a crash would leave, too.
//
// The order of the last steps makes a crash in here like any other: the
// lost ranges are durable in the log before the manifest names this boot. A
// process that is killed in between is followed by one that must find the power
// cut again.
func Run(ctx context.Context, opts Options) (*Recovered, error) {
	s := newStart(opts)
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"prepare", s.prepare},
		{"restore", s.restore},
		{ReplayStep, s.replay},
		{"settle", s.settle},
	}
	for _, step := range steps {
		began := s.opts.Now()
		err := step.run(ctx)
		s.report.Phase(step.name, s.opts.Now().Sub(began))
		if err != nil {
			s.abandon()
			refusal := &Failure{Err: err}
			s.report.Finish(s.opts.Now(), refusal)
			refusal.Report = *s.report
			return nil, refusal
		}
	}
	s.store.Start()
	s.report.Finish(s.opts.Now(), nil)
	return &Recovered{Store: s.store, Report: *s.report}, nil
}

// prepare takes the lock and reads the manifest, or, in a directory without
// data, writes the first one. A directory that is refused for what it is stays
// as it is: not even a lock file is left in it.
func (s *start) prepare(context.Context) error {
	d, err := s.examine()
	if err != nil {
		return err
	}
	if s.lock == nil {
		s.lock, err = Lock(s.opts.FS, s.opts.Dir)
		if err != nil {
			return err
		}
		d, err = s.examine() // another process may have had the directory until now
		if err != nil {
			return err
		}
	}
	if d.Kind == Data {
		err = s.readManifest(d)
	} else {
		err = s.createManifest()
	}
	if cold := s.opts.Storage.ColdDir; err == nil && cold != "" {
		err = s.opts.FS.MkdirAll(cold)
	}
	if err != nil {
		return err
	}
	return s.store.EnterCold()
}

// examine returns the kind of the data directory, or an error if no server can
// take it.
func (s *start) examine() (*Directory, error) {
	named := append([]string{s.opts.Storage.ColdDir, s.opts.Storage.ArchiveDir}, s.opts.Named...)
	d, err := Examine(s.opts.FS, s.opts.Dir, named...)
	if err != nil {
		return nil, err
	}
	if d.Kind == Unfinished {
		return nil, manifest.ErrUnfinished
	}
	if d.Kind == Empty && s.opts.RequireExisting {
		return nil, &NoDataError{d.Path}
	}
	return d, d.Require(Data, Empty)
}

// readManifest reads the manifest of a directory with data.
func (s *start) readManifest(d *Directory) error {
	m, err := manifest.Read(s.opts.FS, s.opts.Dir)
	if err != nil {
		return err
	}
	if m == nil {
		return &manifest.CorruptionError{File: path.Join(d.Path, manifest.Name), Err: fmt.Errorf("it is missing, and %s is there", d.File)}
	}
	if m.Fallback != nil {
		s.report.ManifestFallback = m.Fallback.Error()
		s.opts.Log.Warn().Err(m.Fallback).Msg("using the previous manifest")
	}
	s.store = store.Adopt(s.opts.store(s.lock), m)
	s.found(m)
	return nil
}

// createManifest makes the directories and the first manifest.
func (s *start) createManifest() (err error) {
	if err := s.makeDirs(); err != nil {
		return err
	}
	m := &manifest.Manifest{LogID: rand.Uint64() | 1, BootID: s.opts.BootID, Mount: s.opts.Mount}
	s.store, err = store.Create(s.opts.store(s.lock), m)
	if err != nil {
		return err
	}
	s.found(m)
	return nil
}

// found takes from the manifest what the report and the replay go by.
func (s *start) found(m *manifest.Manifest) {
	s.logOptions = m.LogOptions(s.opts.WAL, s.opts.Dir, m.Previous)
	s.report.CleanShutdown = m.CleanShutdown
	s.report.PowerLost = m.PowerLost(s.opts.BootID, s.opts.Mount)
}

// makeDirs makes the directories that are missing.
func (s *start) makeDirs() error {
	for _, name := range s.opts.dirs() {
		if err := s.opts.FS.MkdirAll(name); err != nil {
			return fmt.Errorf("directory %s: %w", name, err)
		}
	}
	return nil
}

// restore fills the registry from a checkpoint.
func (s *start) restore(ctx context.Context) error {
	r, err := s.store.Restore(ctx)
	if r.Fallback != nil {
		s.report.CheckpointFallback = r.Fallback.Error()
	}
	if r.Snapshot != "" {
		s.report.Checkpoint, s.report.SnapshotBytes, s.report.Segments = r.Snapshot, r.Bytes, r.Segments
	}
	return err
}

// settle makes explicit what was lost, and this boot the one in the manifest.
func (s *start) settle(ctx context.Context) error {
	registry := s.store.Registry
	losses := registry.Replay().Losses(s.report.PowerLost, s.report.CleanShutdown)
	if err := registry.Replay().LogLosses(ctx, losses); err != nil {
		return fmt.Errorf("log the lost ranges: %w", err)
	}
	s.report.lose(losses)
	s.warnOfLosses(losses)
	return s.store.Settle()
}

// abandon gives up a recovery that failed on the way.
func (s *start) abandon() {
	if s.store != nil {
		s.store.Abandon()
	}
	if s.lock != nil {
		_ = s.lock.Close() // nothing was promised under it
	}
}

// Rehearse reads a data directory exactly as Run would, up to where Run would
// begin to change it, and changes nothing. Its error is the one that Run would
// refuse with. It takes no lock.
func Rehearse(ctx context.Context, opts Options) (*Report, error) {
	s := newStart(opts)
	d, err := Examine(s.opts.FS, s.opts.Dir)
	if err == nil {
		err = d.Require(Data)
	}
	if err == nil {
		err = s.readManifest(d)
	}
	if err != nil {
		return nil, err
	}
	defer s.store.CloseSegments()
	if err := s.restore(ctx); err != nil {
		return nil, err
	}
	s.logOptions.ReadOnly = true
	tail, err := s.readLog(ctx)
	if err != nil {
		return nil, err
	}
	tail.Close()
	return s.report, nil
}
