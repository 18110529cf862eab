package store

import (
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Store is a data directory in use. Recovery makes one with Create or Adopt,
// fills it with Restore, opens its log, and calls Settle and Start; see package
// recovery.
type Store struct {
	Registry *topics.Registry // set by Restore
	Log      *wal.Log         // set by OpenLog

	opts     Options
	current  *current
	segments *segmentSet
	cache    *segment.Cache
	buffers  *buffers
	cold     *coldTier
	archive  archive
	scrubs   scrubs
	erasures erasures
	counters counters
	background

	created       bool         // this start made the manifest, so there was no data
	snapshotBytes atomic.Int64 // size of the newest snapshot

	compaction sync.Mutex // held while segments in the data directory are compacted

	// work is held by whatever changes which segments and checkpoints there
	// are. Nothing waits for another directory than this one with it.
	work struct {
		sync.Mutex
		obsolete       obsolete
		lastCheckpoint uint64 // the highest number that a checkpoint ever had
		// unchangedAt is the end of the log if the last checkpoint has
		// everything before it, so that another one at that position would be
		// the same. It is 0 if there was more.
		unchangedAt wal.LSN
	}
}

// errStopped is the error of work on a directory that is being closed, as that of
// a log that is.
var errStopped = fmt.Errorf("the data directory is being closed: %w", wal.ErrClosed)

// Create makes m the first manifest of a data directory and returns its store.
func Create(opts Options, m *manifest.Manifest) (*Store, error) {
	st := Adopt(opts, m)
	st.created = true
	if err := st.current.reserve.WriteManifest(m); err != nil {
		return nil, err
	}
	return st, nil
}

// Adopt returns the store of a data directory that has the manifest m. The
// caller holds the lock of the directory for as long as it uses the store.
func Adopt(opts Options, m *manifest.Manifest) *Store {
	opts.Settings = opts.Settings.WithDefaults()
	opts.WAL.FS = opts.FS
	set := &opts.Settings
	checkpoint, lastSegment := m.Taken()
	st := &Store{
		opts:       opts,
		current:    newCurrent(&opts, m),
		segments:   newSegmentSet(lastSegment),
		cache:      segment.NewCache(set.CacheBytes),
		buffers:    &buffers{most: set.WorkBytes},
		background: newBackground(),
	}
	st.cold = &coldTier{
		dir: set.ColdDir, fsys: opts.FS, current: st.current,
		remote: remote{now: opts.Now, limit: coldStepLimit},
	}
	st.archive = archive{
		fsys: opts.FS, from: st.dir(manifest.LogDir), to: set.ArchiveDir, maxWaiting: set.ArchiveMaxBytes,
		finished: st.finishedFiles, copied: st.fileArchived, log: opts.Log, wake: make(chan struct{}, 1),
		remote: remote{now: opts.Now, limit: archiveStepLimit}, buffers: st.buffers,
	}
	st.work.lastCheckpoint = checkpoint
	st.work.obsolete = obsolete{fsys: opts.FS, log: opts.Log, current: st.current, pins: map[*Pinned]struct{}{}}
	return st
}

// Starts returns how often the directory has been started, this time included.
func (st *Store) Starts() uint64 { return st.current.starts.Load() }

// Manifest returns a copy of the manifest.
func (st *Store) Manifest() *manifest.Manifest { return st.current.get() }

// LogOptions returns the options with which recovery reads and opens the log.
// The log must reach as far as it is known to have been durable, and as far as
// the restored topics and routers have applied it: they skip every frame below
// that position.
func (st *Store) LogOptions(o wal.Options) wal.Options {
	m := st.current.get()
	o.Start = m.Checkpoint.ReplayStart()
	o.Synced = max(o.Synced, st.Registry.Replay().Reach())
	o.Tail = m.Tail(st.opts.BootID, st.opts.Mount)
	o.Failed = st.logFailed
	o.InUse = st.fileInUse
	o.Room = st.room
	o.Finished = st.fileFinished
	return o
}

// OpenLog opens the log for writing at the end that recovery found, and gives it
// to the topics.
func (st *Store) OpenLog(tail *wal.Tail) (err error) {
	if st.Log, err = tail.Open(); err != nil {
		return err
	}
	st.Registry.Start(st.Log)
	return nil
}

// fileInUse records that the log moved on to another file. A failure costs only
// the proof that the file was there.
func (st *Store) fileInUse(newest uint64, synced wal.LSN) {
	if err := st.writeManifest(newest, synced, false); err != nil {
		st.opts.Log.Warn().Err(err).Msg("manifest not updated")
	}
}

// writeManifest writes how far the log is, and whether it has been closed.
func (st *Store) writeManifest(newest uint64, synced wal.LSN, clean bool) error {
	return st.current.advance(st.Log.ID(), progress{newest: newest, synced: synced, clean: clean})
}

// Settle makes this boot the one in the manifest, and removes what a crash left.
// The lost ranges must be durable in the log before: a process that is killed in
// between is followed by one that must find the power cut again.
func (st *Store) Settle() error {
	st.current.settle()
	if err := st.writeManifest(st.Log.Newest(), st.Log.Synced(), false); err != nil {
		return err
	}
	return st.removeLeftovers()
}

// Start starts the sweeper of the topics and the background, unless the log is
// in manual mode.
func (st *Store) Start() {
	if !st.opts.WAL.Manual {
		st.Registry.RunSweeper()
		st.runBackground()
	}
}

// Abandon gives up a store whose recovery failed on the way. A log that failed
// meanwhile is recorded here: its own call of logFailed may come too late.
func (st *Store) Abandon() {
	failed := false
	if st.Log != nil {
		failed = errors.Is(st.Log.Close(), wal.ErrReadOnly)
	}
	if failed || st.current.failureUnrecorded() {
		st.current.recordFailure()
	}
	st.current.close()
	st.CloseSegments()
	_ = st.cold.leave() // nothing was written under it
}

// CloseSegments closes the segments. The store has none after it.
func (st *Store) CloseSegments() { closeAll(st.segments.take()) }

func closeAll(segs []*segment.Segment) {
	for _, s := range segs {
		s.Release()
	}
}

// finishedFiles returns the log's files that are complete and durable, oldest
// first: all but the one that is being filled.
func (st *Store) finishedFiles() []wal.File {
	files := st.Log.Files()
	return files[:max(0, len(files)-1)]
}

// dir returns the full name of a file or directory in the data directory.
func (st *Store) dir(name string) string { return path.Join(st.opts.Dir, name) }

// segmentFiles returns the files of segments in the data directory.
func (st *Store) segmentFiles(ids []uint64) (names []string) {
	dir := st.dir(manifest.SegmentDir)
	for _, id := range ids {
		names = append(names, path.Join(dir, segment.DataName(id)), path.Join(dir, segment.IndexName(id)))
	}
	return names
}
