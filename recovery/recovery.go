package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Options say what to recover and how.
type Options struct {
	FS     vfs.FS
	Dir    string    // the data directory; made if absent
	Lock   io.Closer // its lock, if the caller has taken it; Run's from here on
	BootID string    // of the running kernel; empty: unknown, taken as a new one
	Gate   *Gate
	Log    zerolog.Logger
	WAL    wal.Options    // sizes and times; the rest is filled in here
	Topics topics.Options // limits
	Now    func() time.Time
}

// Recovered is a data directory in use.
type Recovered struct {
	Registry *topics.Registry
	Log      *wal.Log
	Report   Report

	opts Options
	lock io.Closer

	mu       sync.Mutex // guards the manifest's file and what follows
	manifest Manifest
	// settled: the ranges that may be lost are durable in the log. Until then
	// the manifest goes on naming the run before this one, also when the log
	// moves on to another file meanwhile.
	settled bool
}

// Failure is a recovery that refused, with its account.
type Failure struct {
	Report Report
	Err    error
}

func (f *Failure) Error() string { return f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

// walDir holds the log's files, inside the data directory.
const walDir = "wal"

// Run takes the data directory's lock and brings back what is in it. The gate
// goes to replaying and follows the progress; opening it is the caller's.
// After an error nothing is held and, unless the error is the disk's own,
// nothing has been changed but what a crash would leave, too.
//
// The order of the last steps is what makes a crash in here just another
// crash: the ranges that may be lost are durable in the log before the
// manifest names this boot, for a process that is killed in between will be
// followed by one that must find the power cut again.
func Run(ctx context.Context, opts Options) (*Recovered, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	r := &Recovered{opts: opts, lock: opts.Lock, Report: *NewReport(opts.Now())}
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"prepare", r.prepare},
		{ReplayStep, r.replay},
		{"settle", r.settle},
	}
	for _, s := range steps {
		began := opts.Now()
		err := s.run(ctx)
		r.Report.Phase(s.name, opts.Now().Sub(began))
		if err != nil {
			r.release()
			r.Report.Finish(opts.Now(), err)
			return nil, &Failure{Report: r.Report, Err: err}
		}
	}
	if !opts.WAL.Manual {
		r.Registry.RunSweeper()
	}
	r.Report.Finish(opts.Now(), nil)
	return r, nil
}

// prepare takes the lock and reads the manifest, or writes the first one.
func (r *Recovered) prepare(context.Context) (err error) {
	fsys, dir := r.opts.FS, r.opts.Dir
	logs := path.Join(dir, walDir)
	if r.lock == nil {
		if r.lock, err = Lock(fsys, dir); err != nil {
			return err
		}
	}
	if err = fsys.MkdirAll(logs); err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	m, err := ReadManifest(fsys, dir)
	if err != nil {
		return err
	}
	if m != nil {
		r.manifest = *m
		if m.Fallback != nil {
			r.Report.ManifestFallback = m.Fallback.Error()
			r.opts.Log.Warn().Err(m.Fallback).Msg("using the previous manifest")
		}
	} else {
		names, err := fsys.List(logs)
		if err != nil {
			return fmt.Errorf("list %s: %w", logs, err)
		}
		if len(names) > 0 { // the files say which log they are
			r.Report.ManifestFallback = "there is no manifest; the log's files are taken as they are"
			r.opts.Log.Warn().Msg(r.Report.ManifestFallback)
		} else {
			r.manifest = Manifest{LogID: rand.Uint64() | 1, BootID: r.opts.BootID}
			if err := replaceManifest(fsys, dir, &r.manifest); err != nil {
				return err
			}
		}
	}
	r.Report.CleanShutdown = r.manifest.CleanShutdown
	r.Report.PowerLost = r.opts.BootID == "" || r.manifest.BootID != r.opts.BootID
	return nil
}

// replay reads the log into a registry.
func (r *Recovered) replay(ctx context.Context) error {
	o := r.opts.WAL
	o.FS, o.Dir = r.opts.FS, path.Join(r.opts.Dir, walDir)
	o.LogID, o.Synced, o.Newest = r.manifest.LogID, wal.LSN(r.manifest.EndLSN), r.manifest.NewestFile
	o.InUse = r.noteFile
	o.Cut = func(f wal.Frame) {
		r.Report.FramesTruncated++
		r.Report.RecordsTruncated += int64(topics.RecordsIn(f))
	}
	replay, err := wal.Open(o)
	if err != nil {
		return err
	}
	r.Report.Files = replay.Files()
	r.opts.Gate.Replaying(replay.Size())
	r.Registry = topics.New(r.opts.Topics)
	tail, err := replay.Run(func(f wal.Frame) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.Report.Frames++
		r.Report.Bytes += int64(f.End - f.LSN)
		return r.Registry.Replay(f)
	}, func(bytes int64) {
		r.opts.Gate.Advance(bytes, r.Registry.Replayed())
	})
	r.Report.Records = r.Registry.Replayed()
	if err != nil {
		return err
	}
	r.Report.BytesTruncated = tail.Truncated
	if r.Log, err = tail.Open(); err != nil {
		return err
	}
	r.Registry.Start(r.Log)
	return nil
}

// settle makes what was lost explicit, and this boot the one on record.
func (r *Recovered) settle(ctx context.Context) error {
	losses := r.Registry.Losses(r.Report.PowerLost, r.Report.CleanShutdown)
	if err := r.Registry.LogLosses(ctx, losses); err != nil {
		return fmt.Errorf("log the lost ranges: %w", err)
	}
	r.mu.Lock()
	r.settled = true
	r.mu.Unlock()
	for _, l := range losses {
		r.Report.Lost(LostRange{Topic: l.Topic, From: l.From, To: l.To, Reason: l.Reason})
	}
	return r.writeManifest(r.Log.Newest(), r.Log.Synced(), false)
}

func (r *Recovered) writeManifest(newest uint64, synced wal.LSN, clean bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &r.manifest
	m.LogID = r.Log.ID()
	if r.settled {
		m.BootID, m.CleanShutdown = r.opts.BootID, clean
	}
	m.NewestFile, m.EndLSN = max(m.NewestFile, newest), max(m.EndLSN, uint64(synced))
	return replaceManifest(r.opts.FS, r.opts.Dir, m)
}

// noteFile records that the log moved on to another file. Failing costs only
// the proof that the file was there.
func (r *Recovered) noteFile(newest uint64, synced wal.LSN) {
	if err := r.writeManifest(newest, synced, false); err != nil {
		r.opts.Log.Warn().Err(err).Msg("manifest not updated")
	}
}

// Close ends the topics' background, syncs and closes the log, says so in the
// manifest, and gives the directory free. No request may be running.
//
// A log that failed may have pages in the cache that are not on the disk and
// never will be. The manifest then names no boot, so that the next start takes
// what had not been synced for lost, as after a power cut.
func (r *Recovered) Close(ctx context.Context) error {
	err := errors.Join(r.Registry.Close(ctx), r.Log.Close())
	if err == nil {
		err = r.writeManifest(r.Log.Newest(), r.Log.Synced(), true)
	} else if errors.Is(err, wal.ErrReadOnly) {
		r.opts.BootID = ""
		err = errors.Join(err, r.writeManifest(r.Log.Newest(), r.Log.Synced(), false))
	}
	return errors.Join(err, r.lock.Close())
}

// release gives up a recovery that failed on the way.
func (r *Recovered) release() {
	if r.Log != nil {
		_ = r.Log.Close() // it took no writes
	}
	if r.lock != nil {
		_ = r.lock.Close()
	}
}
