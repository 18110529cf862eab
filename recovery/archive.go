package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// archive copies finished log files to a directory of the operator's, so that
// a backup can be brought forward to any moment since. The log keeps a file
// until its copy is durable. An archive without a directory copies nothing.
//
// The directory may be a network mount that hangs for hours. So one goroutine
// alone touches it, and everybody else asks only what has been copied.
type archive struct {
	fsys     vfs.FS
	from, to string
	most     int64             // bytes of log files that may wait; 0: any number
	finished func() []wal.File // the log's files that are complete, oldest first
	copied   func()            // called after each file, with no lock held
	log      zerolog.Logger
	wake     chan struct{} // capacity 1: a file was finished
	far      far

	through  atomic.Uint64 // index of the newest file that was copied in this life
	files    atomic.Uint64
	failures atomic.Uint64
}

// archivePatience is how long a step of a copy may take.
const archivePatience = 10 * time.Second

// Backlog is what waits for the archive.
type Backlog struct {
	Files int
	Bytes int64
	first wal.File // the oldest of them
}

// backlog returns what waits. It asks no disk.
func (a *archive) backlog() (b Backlog) {
	if a.to == "" || a.finished == nil {
		return b
	}
	for _, f := range a.waiting() {
		if b.Files == 0 {
			b.first = f
		}
		b.Files++
		b.Bytes += f.Bytes()
	}
	return b
}

func (a *archive) waiting() []wal.File {
	files, through := a.finished(), a.through.Load()
	for len(files) > 0 && files[0].Index <= through {
		files = files[1:]
	}
	return files
}

// run copies files as they are finished, and those that failed again after a
// while, until ctx ends.
func (a *archive) run(ctx context.Context) {
	for {
		wake, retry := a.wake, (<-chan time.Time)(nil)
		if err := a.copyAll(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			a.log.Warn().Err(err).Msg("archive is unavailable; log files are kept")
			wake, retry = nil, time.After(retryAfter) // a file that is finished meanwhile does not hurry it
		}
		select {
		case <-wake:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

// copyAll copies what waits, oldest first, up to the first failure.
func (a *archive) copyAll(ctx context.Context) error {
	if a.to == "" {
		return nil
	}
	files := a.waiting()
	if len(files) == 0 { // health looks at the directory from the start on
		a.far.step()
		err := a.fsys.MkdirAll(a.to)
		a.far.end(err)
		return err
	}
	for _, f := range files {
		a.far.step()
		err := a.copy(ctx, f)
		a.far.end(err)
		if err != nil {
			a.failures.Add(1)
			return fmt.Errorf("archiving %s: %w", f.Name, err)
		}
		a.files.Add(1)
		a.through.Store(f.Index)
		if a.copied != nil {
			a.copied()
		}
	}
	return nil
}

// bound is the position at which the log has to wait for the archive; 0: none.
func (a *archive) bound(fileBytes int64) wal.LSN {
	b := a.backlog()
	if b.Files == 0 || a.most == 0 {
		return 0
	}
	return b.first.First + wal.LSN(max(a.most, 2*fileBytes)) // the one that is being filled is not waiting yet
}

// ArchiveCheck is the health of the archive: degraded while finished log files
// cannot be copied there, and unhealthy once so many wait that writers have to.
// They stay in the log until they are copied.
func (r *Recovered) ArchiveCheck() health.Condition {
	a := &r.archive
	b := a.backlog()
	since, err := a.far.outage()
	if err == nil || b.Files == 0 {
		return health.Condition{}
	}
	c := health.Condition{Status: health.Degraded}
	limit := "of any number that may wait"
	if a.most > 0 {
		limit = "of " + health.Size(a.most) + " that may wait"
	}
	c.Reason = fmt.Sprintf("log files stay because they cannot be archived since %s: %v (%d files, %s %s)",
		at(since), err, b.Files, health.Size(b.Bytes), limit)
	if limit := a.bound(r.opts.WAL.FileBytes); limit > 0 && r.Log.Tail() >= limit {
		c.Status = health.Unhealthy
		c.Reason += "; writes wait for it"
	}
	return c
}

// stats are what was done and what waits.
func (a *archive) stats() (files, failures uint64, waiting Backlog) {
	return a.files.Load(), a.failures.Load(), a.backlog()
}

// finishedFiles are the log's files that are complete and durable, oldest
// first: all but the one that is being filled.
func (r *Recovered) finishedFiles() []wal.File {
	files := r.Log.Files()
	return files[:max(0, len(files)-1)]
}

// copy copies the used part of the file. A copy that is there already is left
// as it is if it is the same, and is an error if it is not: it belongs to
// another log then.
func (a *archive) copy(ctx context.Context, f wal.File) error {
	if err := a.fsys.MkdirAll(a.to); err != nil {
		return err
	}
	// Of two that copy here at once, each would take the other's part for what
	// a crash left.
	lock, err := a.fsys.Hold(a.to, vfs.Exclusive)
	if err != nil {
		return err
	}
	defer lock.Close()
	src, err := a.fsys.OpenRead(path.Join(a.from, f.Name))
	if err != nil {
		return err
	}
	defer src.Close()
	size := f.Bytes()
	name := path.Join(a.to, f.Name)
	if same, err := sameFile(a.fsys, name, src, size, a.steps(ctx)); !errors.Is(err, fs.ErrNotExist) {
		if err == nil && !same {
			err = fmt.Errorf("%s is there and differs: is it the archive of another data directory?", name)
		}
		return err
	}
	tmp := name + ".part"
	if err := a.fsys.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a crash
		return err
	}
	dst, err := a.fsys.Create(tmp)
	if err != nil {
		return err
	}
	err = copyRange(dst, src, size, a.steps(ctx))
	if err == nil {
		err = dst.Sync()
	}
	err = errors.Join(err, dst.Close())
	if err == nil {
		err = ctx.Err() // it may have hung until after the end
	}
	if err == nil {
		err = a.fsys.Rename(tmp, name)
	}
	if err == nil {
		err = a.fsys.SyncDir(a.to)
	}
	return err
}

// steps is called between pieces of a copy.
func (a *archive) steps(ctx context.Context) func() error {
	return func() error {
		a.far.step()
		return ctx.Err()
	}
}

const copyStep = 1 << 20

// copyRange copies the first size bytes. It calls step before each piece.
func copyRange(dst io.WriterAt, src io.ReaderAt, size int64, step func() error) error {
	buf := make([]byte, min(size, copyStep))
	for off := int64(0); off < size; off += int64(len(buf)) {
		if err := step(); err != nil {
			return err
		}
		p := buf[:min(int64(len(buf)), size-off)]
		if _, err := src.ReadAt(p, off); err != nil {
			return err
		}
		if _, err := dst.WriteAt(p, off); err != nil {
			return err
		}
	}
	return nil
}

// sameFile reports whether the file of that name holds the first size bytes of
// src and nothing else. It calls step before each piece.
func sameFile(fsys vfs.FS, name string, src io.ReaderAt, size int64, step func() error) (bool, error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if n, err := f.Size(); err != nil || n != size {
		return false, err
	}
	a, b := make([]byte, min(size, copyStep)), make([]byte, min(size, copyStep))
	for off := int64(0); off < size; off += int64(len(a)) {
		if err := step(); err != nil {
			return false, err
		}
		n := min(int64(len(a)), size-off)
		if _, err := f.ReadAt(a[:n], off); err != nil {
			return false, err
		}
		if _, err := src.ReadAt(b[:n], off); err != nil {
			return false, err
		}
		if string(a[:n]) != string(b[:n]) {
			return false, nil
		}
	}
	return true, nil
}
