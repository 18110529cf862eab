package recovery

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Recovered is a data directory in use.
//
// Locks, in this order: upkeep, cold.mu, work, mu. Merges and relocations hold upkeep.
// Whatever changes which segments and checkpoints there are holds work.
type Recovered struct {
	Registry *topics.Registry
	Log      *wal.Log
	Report   Report

	opts Options
	lock io.Closer
	cold coldClaim

	firstFile uint64 // the oldest log file that the manifest found needs; 0: all

	mu       sync.Mutex // guards the manifest's file and what follows
	manifest Manifest
	// settled: the ranges that may be lost are durable in the log. Until then
	// the manifest goes on naming the run before this one, also when the log
	// moves on to another file meanwhile.
	settled        bool
	nextSegment    uint64             // the highest id given to one
	nextCheckpoint uint64             // the highest number given to one
	segments       []*segment.Segment // those of the checkpoint, in order
	// What was live at the manifest's checkpoint and at the one before; nil:
	// that was not taken in this life.
	live, liveBefore topics.Liveness

	cache    *segment.Cache
	archive  archive
	counters counters
	scrubs   scrubs
	stop     func()        // ends the background
	taken    chan struct{} // capacity 1: a checkpoint was taken
	closing  atomic.Bool

	upkeep       sync.Mutex
	full         map[uint64]bool      // segments that are not worth merging for their size; guarded by upkeep
	work         sync.Mutex           // guards what follows
	garbage      []string             // files to be removed once neither manifest names them
	retired      []string             // and those that copies of the data directory may still need; see dropRetired
	outdated     bool                 // the previous manifest may begin at an older checkpoint
	pinned       map[*Pinned]struct{} // whose files are not removed; nil: closed
	checkpointed wal.LSN              // the log's tail when nothing was new; 0: something was
}

// Failure is a recovery that refused, with its account.
type Failure struct {
	Report Report
	Err    error
}

func (f *Failure) Error() string { return f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

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
	opts.Storage.fill()
	r := &Recovered{opts: opts, full: map[uint64]bool{}, taken: make(chan struct{}, 1), pinned: map[*Pinned]struct{}{}, lock: opts.Lock, Report: *NewReport(opts.Now())}
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"prepare", r.prepare},
		{"restore", r.restore},
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
		r.runBackground()
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
	o := &r.opts.Storage
	for _, name := range []string{logs, r.dir(segmentDir), r.dir(stateDir), o.ColdDir, o.ArchiveDir} {
		if name == "" {
			continue
		}
		if err = fsys.MkdirAll(name); err != nil {
			return fmt.Errorf("directory %s: %w", name, err)
		}
	}
	m, err := ReadManifest(fsys, dir)
	if err != nil {
		return err
	}
	if m != nil && m.Unfinished {
		return ErrUnfinished
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

// replay reads the log into the registry, from where the checkpoint was taken.
func (r *Recovered) replay(ctx context.Context) error {
	o := r.opts.WAL
	o.First, o.Start = r.firstFile, r.manifest.Checkpoint.start()
	o.FS, o.Dir = r.opts.FS, path.Join(r.opts.Dir, walDir)
	o.LogID, o.Synced, o.Newest = r.manifest.LogID, wal.LSN(r.manifest.EndLSN), r.manifest.NewestFile
	o.Begin = wal.LSN(r.manifest.LogBegin)
	o.InUse = r.noteFile
	o.Finished = r.archive.finished
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
	r.Registry.Refer(replay.NewReader)
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
		r.Report.Lost(LostRange{Topic: l.Topic, From: l.From, To: l.To, Reason: l.Reason, AtLeast: l.AtLeast})
	}
	r.warnOfLosses(losses)
	if err := r.writeManifest(r.Log.Newest(), r.Log.Synced(), false); err != nil {
		return err
	}
	return r.tidy()
}

// warnedLosses is how many lost ranges are logged one by one.
const warnedLosses = 20

func (r *Recovered) warnOfLosses(losses []topics.Loss) {
	for _, l := range losses[:min(len(losses), warnedLosses)] {
		r.opts.Log.Warn().Str("topic", l.Topic).Uint64("from", l.From).Uint64("to", l.To).Str("reason", l.Reason).
			Uint64("missed_at_least", l.AtLeast).Msg("seqs may have been given out and have no records")
	}
	if rest := losses[min(len(losses), warnedLosses):]; len(rest) > 0 {
		var seqs uint64
		for _, l := range rest {
			seqs += l.To - l.From + 1
		}
		r.opts.Log.Warn().Int("topics", len(rest)).Uint64("seqs", seqs).Msg("more topics have such seqs; GET /v0/recovery lists them")
	}
}

func (r *Recovered) writeManifest(newest uint64, synced wal.LSN, clean bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &r.manifest
	m.LogID = r.Log.ID()
	for m.Instance == 0 {
		m.Instance = rand.Uint64()
	}
	if r.settled {
		m.BootID, m.CleanShutdown, m.LogBegin = r.opts.BootID, clean, 0
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

// release gives up a recovery that failed on the way.
func (r *Recovered) release() {
	if r.Log != nil {
		_ = r.Log.Close() // it took no writes
	}
	r.closeSegments()
	_ = r.leaveCold() // nothing was written under it
	if r.lock != nil {
		_ = r.lock.Close()
	}
}
