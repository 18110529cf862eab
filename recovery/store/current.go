package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// current is the manifest of a data directory in use, in memory and on the disk.
// Which checkpoints there are, and who owns the cold directory, changes in memory
// only after it has on the disk. How far the log is, that it has failed, and which
// start this is holds whatever the disk says: advance, recordFailure and settle
// change it in memory first.
type current struct {
	dir           string
	boot, mount   string
	log           zerolog.Logger
	retry         bool          // failures are recorded until that succeeds
	closed        chan struct{} // closed by close
	starts        atomic.Uint64 // the manifest's, without mu
	lossesDurable atomic.Bool   // set by settle

	write   sync.Mutex // held while the manifest's files are written
	reserve *manifest.Reserve

	mu struct {
		sync.Mutex
		manifest   manifest.Manifest
		failed     bool // the log has failed since the start
		unrecorded bool // it has, and the manifest on the disk does not have that
		closed     bool // the directory may belong to another process
	}
}

func newCurrent(opts *Options, m *manifest.Manifest) *current {
	c := &current{
		dir: opts.Dir, boot: opts.BootID, mount: opts.Mount, log: opts.Log, retry: !opts.WAL.Manual,
		closed:  make(chan struct{}),
		reserve: manifest.NewReserve(opts.FS, opts.Dir, opts.Settings.ReserveBytes),
	}
	c.mu.manifest = *m
	return c
}

// errUncertain means that a manifest may be durable or not. Whatever either
// names has to stay until two later manifests have been written, and neither
// file on the disk can be the uncertain one.
var errUncertain = errors.New("the manifest may have changed or not")

// get returns a copy of the manifest. Its checkpoints are shared, and never
// changed in place.
func (c *current) get() *manifest.Manifest {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.mu.manifest
	return &m
}

// set makes m the manifest in memory. The caller holds c.write.
func (c *current) set(m *manifest.Manifest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.manifest = *m
}

// commit changes the manifest and makes the change durable. After an error that
// is errUncertain the change may be durable all the same.
func (c *current) commit(change func(*manifest.Manifest)) error {
	c.write.Lock()
	defer c.write.Unlock()
	if c.isClosed() {
		return fmt.Errorf("%w: %w", errUncertain, wal.ErrClosed) // the files it was to name belong to another process now
	}
	next := c.get()
	change(next)
	if err := c.reserve.WriteManifest(next); err != nil {
		return fmt.Errorf("%w: %w", errUncertain, err)
	}
	c.set(next)
	return nil
}

// rewrite writes the manifest once more, so that MANIFEST.prev has what MANIFEST
// had.
func (c *current) rewrite() error { return c.commit(func(*manifest.Manifest) {}) }

// progress is how far the log is.
type progress struct {
	newest uint64  // index of its newest file
	synced wal.LSN // everything before it is durable
	clean  bool    // the log has been closed
}

// advance writes how far the log with that id is. Until settle the manifest
// goes on naming the run before this one, even if the log moves on to another
// file meanwhile.
func (c *current) advance(logID uint64, p progress) error {
	c.write.Lock()
	defer c.write.Unlock()
	m := c.get()
	m.LogID = logID
	for m.Instance == 0 {
		m.Instance = rand.Uint64()
	}
	if c.lossesDurable.Load() {
		m.BootID, m.Mount, m.CleanShutdown, m.LogBegin = c.boot, c.mount, p.clean, 0
		m.Failed = c.hasFailed()
	}
	m.NewestFile, m.EndLSN = max(m.NewestFile, p.newest), max(m.EndLSN, uint64(p.synced))
	c.set(m)
	return c.reserve.WriteManifest(m)
}

// settle records that the lost ranges are durable in the log: from now on the
// manifest may name this boot. It counts the start.
func (c *current) settle() {
	c.lossesDurable.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.manifest.Starts++
	c.starts.Store(c.mu.manifest.Starts)
}

// close ends what may still write the manifest: after it, the directory may
// belong to another process.
func (c *current) close() {
	c.write.Lock() // no manifest is being written
	defer c.write.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.closed {
		c.mu.closed = true
		close(c.closed)
	}
}

func (c *current) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.closed
}

// fillReserve makes the reserves that are missing.
func (c *current) fillReserve() {
	if c.reserve.Missing() == nil {
		return
	}
	c.write.Lock()
	defer c.write.Unlock()
	c.reserve.Fill()
}

// spendSnapshotReserve frees the reserve for the snapshot of a checkpoint and
// reports whether anything was freed. The background makes the reserve again.
func (c *current) spendSnapshotReserve() bool {
	c.write.Lock()
	defer c.write.Unlock()
	return c.reserve.SpendForSnapshot()
}

// scrub reads both manifests, which do not change meanwhile.
func (c *current) scrub(s *Scrub, fsys vfs.FS) error {
	c.write.Lock()
	defer c.write.Unlock()
	for _, base := range []string{manifest.Name, manifest.PrevName} {
		_, err := manifest.ReadFile(fsys, c.dir, base)
		var bad *manifest.CorruptionError
		switch {
		case errors.As(err, &bad):
			s.found(Damage{File: bad.File, Cause: bad.Err.Error()})
		case errors.Is(err, fs.ErrNotExist) && base == manifest.PrevName: // the first manifest has no previous one
			continue
		case errors.Is(err, fs.ErrNotExist):
			s.found(Damage{File: path.Join(c.dir, base), Cause: "the file is missing"})
		case err != nil:
			return err
		}
		s.Manifests++
	}
	return nil
}
