package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Recovered is a data directory in use.
//
// Locks, in this order: coldWork, hotWork, cold.mu, work, commits, mu. Merges of segments
// in the data directory hold hotWork, whatever touches the cold directory
// coldWork, and both claim the segments. Whatever changes which segments and
// checkpoints there are holds work, and waits for no other directory than this
// one with it. The manifest's files are written with commits held. Nothing
// waits for a disk with mu held, so that what watches the server can take it at
// any time.
type Recovered struct {
	Registry *topics.Registry
	Log      *wal.Log
	Report   Report

	opts Options
	lock io.Closer
	cold coldClaim

	first      bool        // this start made the manifest: there was no data
	logOptions wal.Options // by the manifest that was found, from its previous checkpoint on

	commits sync.Mutex // guards the manifest's files and the reserve
	reserve *manifest.Reserve

	mu       sync.Mutex // guards what follows
	manifest manifest.Manifest
	// settled: the ranges that may be lost are durable in the log. Until then
	// the manifest goes on naming the run before this one, also when the log
	// moves on to another file meanwhile.
	settled        atomic.Bool
	failed         bool                               // the log has failed in this life
	unmarked       bool                               // and the manifest does not say so yet
	gone           bool                               // the directory has been given up
	nextSegment    uint64                             // the highest id given to one
	nextCheckpoint uint64                             // the highest number given to one
	segments       []*segment.Segment                 // those of the checkpoint, in order
	claimed        map[*segment.Segment]chan struct{} // by a merge, a relocation or a scrub; closed when it is through
	full           map[uint64]bool                    // segments that are not worth merging for their size
	// What was live at the manifest's checkpoint and at the one before; nil:
	// that was not taken in this life.
	live, liveBefore topics.Liveness

	ended      chan struct{} // closed when the directory has been given up
	cache      *segment.Cache
	archive    archive
	counters   counters
	stateBytes atomic.Int64 // of the newest checkpoint's state
	scrubs     scrubs
	stop       func()        // ends the background but for what leave waits for
	leave      func()        // waits for what uses other directories than this one
	taken      chan struct{} // capacity 1: a checkpoint was taken
	offload    chan struct{} // the same, for the cold directory
	closing    atomic.Bool
	starts     atomic.Uint64 // the manifest's, for those who do not hold mu

	running  atomic.Bool   // the background is
	uncut    atomic.Bool   // the last checkpoint failed
	bounds   sync.Mutex    // guards the setting of the log's bound
	released chan struct{} // capacity 1: log files may be given back

	hotWork      sync.Mutex
	coldWork     sync.Mutex
	far          far                  // the work on the cold directory
	work         sync.Mutex           // guards what follows
	garbage      []string             // files to be removed once neither manifest names them
	retired      []string             // and those that copies of the data directory may still need; see dropRetired
	outdated     bool                 // the previous manifest may begin at an older checkpoint
	uncertain    bool                 // the manifest on disk may be one that could not be written for sure
	pinned       map[*Pinned]struct{} // whose files are not removed; nil: closed
	checkpointed wal.LSN              // the log's tail when nothing was new; 0: something was
}

// Starts is how often the directory has been started, this time included.
func (r *Recovered) Starts() uint64 { return r.starts.Load() }

// Failure is a recovery that refused, with its account.
type Failure struct {
	Report Report
	Err    error
}

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
	r := begin(opts)
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
		began := r.opts.Now()
		err := s.run(ctx)
		r.Report.Phase(s.name, r.opts.Now().Sub(began))
		if err != nil {
			r.release()
			refusal := &Failure{Err: err}
			r.Report.Finish(r.opts.Now(), refusal)
			refusal.Report = r.Report
			return nil, refusal
		}
	}
	if !opts.WAL.Manual {
		r.Registry.RunSweeper()
		r.runBackground()
	}
	r.Report.Finish(r.opts.Now(), nil)
	return r, nil
}

// prepare takes the lock and reads the manifest, or, in a directory with
// nothing of ours in it, writes the first one. A directory that is refused for
// what it is stays as it is: not even a lock file is left in it.
func (r *Recovered) prepare(context.Context) (err error) {
	d, err := r.examine()
	if err != nil {
		return err
	}
	if r.lock == nil {
		if r.lock, err = Lock(r.opts.FS, r.opts.Dir); err != nil {
			return err
		}
		if d, err = r.examine(); err != nil { // another process may have had it until now
			return err
		}
	}
	if d.Kind == Data {
		err = r.readManifest(d)
	} else {
		err = r.makeManifest()
	}
	if err == nil && r.opts.Storage.ColdDir != "" {
		err = r.opts.FS.MkdirAll(r.opts.Storage.ColdDir)
	}
	if err != nil {
		return err
	}
	return r.enterCold()
}

// makeManifest makes the directories and the first manifest.
func (r *Recovered) makeManifest() error {
	if err := r.makeDirs(); err != nil {
		return err
	}
	m := &manifest.Manifest{LogID: rand.Uint64() | 1, BootID: r.opts.BootID, Mount: r.opts.Mount}
	if err := r.reserve.WriteManifest(m); err != nil {
		return err
	}
	r.first = true
	r.adopt(m)
	return nil
}

// examine returns what the data directory is, unless no server can take it.
func (r *Recovered) examine() (*Directory, error) {
	named := append([]string{r.opts.Storage.ColdDir, r.opts.Storage.ArchiveDir}, r.opts.Named...)
	d, err := Examine(r.opts.FS, r.opts.Dir, named...)
	if err != nil {
		return nil, err
	}
	if d.Kind == Unfinished {
		return nil, manifest.ErrUnfinished
	}
	return d, d.Require(Data, Empty)
}

// makeDirs makes the directories that are not there.
func (r *Recovered) makeDirs() error {
	o := &r.opts.Storage
	for _, name := range []string{r.dir(manifest.LogDir), r.dir(manifest.SegmentDir), r.dir(manifest.SnapshotDir), o.ColdDir} {
		if name == "" {
			continue
		}
		if err := r.opts.FS.MkdirAll(name); err != nil {
			return fmt.Errorf("directory %s: %w", name, err)
		}
	}
	return nil
}

// openLog reads the log into the registry, from where the checkpoint was taken,
// and opens it.
func (r *Recovered) openLog(ctx context.Context) error {
	tail, err := r.readLog(ctx)
	if err != nil {
		return err
	}
	if err := r.makeDirs(); err != nil {
		tail.Close()
		return err
	}
	if r.Log, err = tail.Open(); err != nil {
		return err
	}
	r.Registry.Start(r.Log)
	return nil
}

// readLog reads the log into the registry. The log must reach as far as it is
// known to have been durable, and as far as the restored topics and routers have
// applied it: they pass over every frame below that position.
func (r *Recovered) readLog(ctx context.Context) (*wal.Tail, error) {
	o := r.logOptions
	o.Start = r.manifest.Checkpoint.ReplayStart()
	o.Synced = max(o.Synced, r.Registry.Reach())
	o.Tail = r.manifest.Tail(r.opts.BootID, r.opts.Mount)
	o.Failed = r.logFailed
	o.InUse = r.noteFile
	o.Room = r.room
	o.Finished = r.finishedFile
	o.Cut = func(f wal.Frame) {
		r.Report.FramesTruncated++
		r.Report.RecordsTruncated += int64(entry.Count(f.Type, f.Payload))
	}
	replay, err := wal.Open(o)
	if err != nil {
		return nil, err
	}
	r.Report.Files = replay.Files()
	progress, err := follow(r.opts.Gate, replay, r.manifest.Checkpoint.ReplayThrough())
	if err != nil {
		return nil, err
	}
	r.Registry.Refer(replay.NewReader)
	tail, err := replay.Run(func(f wal.Frame) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.Report.Frames++
		r.Report.Bytes += int64(f.End - f.LSN)
		progress.applied(f)
		return r.Registry.Replay(f)
	}, progress.read)
	r.Report.Records = r.Registry.Replayed()
	if err != nil {
		return nil, err
	}
	r.Report.BytesTruncated = tail.Truncated
	return tail, nil
}

// settle makes what was lost explicit, and this boot the one on record.
func (r *Recovered) settle(ctx context.Context) error {
	losses := r.Registry.Losses(r.Report.PowerLost, r.Report.CleanShutdown)
	if err := r.Registry.LogLosses(ctx, losses); err != nil {
		return fmt.Errorf("log the lost ranges: %w", err)
	}
	r.settled.Store(true)
	r.mu.Lock()
	r.manifest.Starts++
	r.starts.Store(r.manifest.Starts)
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
	r.commits.Lock()
	defer r.commits.Unlock()
	m := r.manifestNow()
	m.LogID = r.Log.ID()
	for m.Instance == 0 {
		m.Instance = rand.Uint64()
	}
	if r.settled.Load() {
		m.BootID, m.Mount, m.CleanShutdown, m.LogBegin = r.opts.BootID, r.opts.Mount, clean, 0
		m.Failed = r.hasFailed()
	}
	m.NewestFile, m.EndLSN = max(m.NewestFile, newest), max(m.EndLSN, uint64(synced))
	r.setManifest(m)
	return r.reserve.WriteManifest(m)
}

// noteFile records that the log moved on to another file. Failing costs only
// the proof that the file was there.
func (r *Recovered) noteFile(newest uint64, synced wal.LSN) {
	if err := r.writeManifest(newest, synced, false); err != nil {
		r.opts.Log.Warn().Err(err).Msg("manifest not updated")
	}
}

// release gives up a recovery that failed on the way. A log that failed in it
// is marked here: its own call of logFailed may come too late.
func (r *Recovered) release() {
	failed := false
	if r.Log != nil {
		failed = errors.Is(r.Log.Close(), wal.ErrReadOnly)
	}
	r.mu.Lock()
	unmarked := r.unmarked
	r.mu.Unlock()
	if failed || unmarked {
		r.mark()
	}
	r.giveUp()
	r.closeSegments()
	_ = r.leaveCold() // nothing was written under it
	if r.lock != nil {
		_ = r.lock.Close()
	}
}
