package recovery

import (
	"errors"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// archive copies finished log files to a directory of the operator's, so that
// a backup can be brought forward to any moment since. A file is recycled only
// once its copy is durable. The zero directory archives nothing.
type archive struct {
	fsys     vfs.FS
	from, to string
	log      zerolog.Logger

	mu       sync.Mutex
	done     map[uint64]bool // files copied in this life
	Files    uint64
	Failures uint64
	err      error // of the last attempt; nil: it worked
}

// keep makes sure that the archive has the file.
func (a *archive) keep(f wal.File) error {
	if a.to == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done[f.Index] {
		return nil
	}
	if a.err = a.copy(f); a.err != nil {
		a.Failures++
		return fmt.Errorf("archiving %s: %w", f.Name, a.err)
	}
	a.done[f.Index] = true
	a.Files++
	return nil
}

// forget is told of files that keep will not be asked for again.
func (a *archive) forget(below uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for index := range a.done {
		if index < below {
			delete(a.done, index)
		}
	}
}

// finished is keep for those who can do without; it is tried again before the
// file goes.
func (a *archive) finished(f wal.File) {
	if err := a.keep(f); err != nil && !missing(err) { // missing: it was kept, and has gone since
		a.log.Warn().Err(err).Msg("a log file is not archived yet")
	}
}

// ArchiveCheck is the health of the archive: degraded while finished log files
// cannot be copied there. They stay in the log until they can.
func (r *Recovered) ArchiveCheck() Condition {
	if _, _, err := r.archive.state(); err != nil {
		return Condition{Degraded, "log files stay because they cannot be archived: " + err.Error()}
	}
	return Condition{}
}

// state says whether the last attempt failed, and what was done.
func (a *archive) state() (files, failures uint64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Files, a.Failures, a.err
}

// copy copies the used part of the file. A copy that is there already is left
// as it is if it is the same, and is an error if it is not: it belongs to
// another log then.
func (a *archive) copy(f wal.File) error {
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
	if same, err := sameFile(a.fsys, name, src, size); !missing(err) {
		if err == nil && !same {
			err = fmt.Errorf("%s is there and differs: is it the archive of another data directory?", name)
		}
		return err
	}
	tmp := name + ".part"
	if err := a.fsys.Remove(tmp); err != nil && !missing(err) { // left by a crash
		return err
	}
	dst, err := a.fsys.Create(tmp)
	if err != nil {
		return err
	}
	err = copyRange(dst, src, size)
	if err == nil {
		err = dst.Sync()
	}
	if err = errors.Join(err, dst.Close()); err == nil {
		err = a.fsys.Rename(tmp, name)
	}
	if err == nil {
		err = a.fsys.SyncDir(a.to)
	}
	return err
}

const copyStep = 1 << 20

// copyRange copies the first size bytes.
func copyRange(dst io.WriterAt, src io.ReaderAt, size int64) error {
	buf := make([]byte, min(size, copyStep))
	for off := int64(0); off < size; off += int64(len(buf)) {
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

// sameFile says whether the file of that name holds the first size bytes of
// src and nothing else.
func sameFile(fsys vfs.FS, name string, src io.ReaderAt, size int64) (bool, error) {
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
