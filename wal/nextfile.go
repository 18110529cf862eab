package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// prepareNext makes sure that the next file is there and has the wanted size. It
// returns false if it failed and should be tried again. A failure does not concern
// anything appended, and the log works until it needs the next file.
//
// A next file that is too small is removed, for its name and its space. If the
// bigger one cannot be made, one of the usual size is made again, so that only the
// frame that needed more is refused.
func (l *Log) prepareNext() bool {
	l.making.Lock()
	defer l.making.Unlock()
	usual := l.opts.fileSize(0)
	l.mu.Lock()
	size := max(l.mu.nextSize, usual)
	if l.mu.err != nil { // nothing will ever be appended again
		l.mu.Unlock()
		return true
	}
	if l.mu.next != nil && l.mu.next.size >= size {
		l.preparedLocked(nil)
		l.mu.Unlock()
		return true
	}
	if l.mu.next != nil && l.mu.reserved > l.mu.cur.room(l.mu.tail) { // reservations rely on it
		l.mu.Unlock()
		return true
	}
	small := l.mu.next
	l.mu.next = nil
	index, end := l.mu.cur.index+1, l.mu.cur.end()
	l.mu.Unlock()

	if small != nil {
		_ = l.removeFile(small) // createNext removes what is left under the name
	}
	f, err := l.makeNext(index, size, end)
	if err != nil && size > usual {
		f, _ = l.makeNext(index, usual, end)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.changedLocked()
	l.mu.next = f
	l.preparedLocked(err)
	return err == nil
}

// preparedLocked records how the last attempt to make the next file ended.
func (l *Log) preparedLocked(err error) {
	if err == nil {
		l.mu.nextErr, l.mu.nextErrSince = nil, time.Time{}
		return
	}
	l.mu.nextSize = 0
	l.mu.nextErr = fmt.Errorf("%w: %w", nextFileError(err), err)
	if l.mu.nextErrSince.IsZero() {
		l.mu.nextErrSince = time.Now()
	}
}

// nextFileError returns the error of appends that need a file which could not be
// made because of err.
func nextFileError(err error) error {
	if vfs.NoSpace(err) {
		return ErrDiskFull
	}
	return ErrNoFile
}

// makeNext makes a file of that index and size, which follows one that ends at
// end. It recycles the file kept for that if the size is right, and creates one
// otherwise. On a full disk it removes the file kept, for its space.
func (l *Log) makeNext(index uint64, size int64, end LSN) (*file, error) {
	if err := l.askRoom(size, end); err != nil {
		return nil, err
	}
	if size == l.opts.fileSize(0) {
		if old := l.takeRecyclable(); old != nil {
			if f, err := l.recycle(old, index); f != nil || err != nil {
				return f, err
			}
		}
	}
	f, err := l.createNext(index, size)
	if vfs.NoSpace(err) {
		if old := l.takeRecyclable(); old != nil && l.discard(old) == nil {
			f, err = l.createNext(index, size)
		}
	}
	return f, err
}

// askRoom asks Options.Room for a file of that size after the position end. If
// there is no room it removes the file kept to be recycled and asks again.
func (l *Log) askRoom(size int64, end LSN) error {
	if l.opts.Room == nil {
		return nil
	}
	l.mu.Lock()
	recyclable := l.mu.recyclable
	l.mu.Unlock()
	end += LSN(size - HeaderSize)
	more := size
	if recyclable != nil && recyclable.size == size {
		more = 0
	}
	err := l.opts.Room(end, more)
	if err == nil || recyclable == nil {
		return err
	}
	if old := l.takeRecyclable(); old != nil {
		_ = l.discard(old) // the file system knows whether there is room now
	}
	return l.opts.Room(end, size)
}

// createNext creates a file. A file that has its name already was never in use:
// an attempt that failed could not remove it.
func (l *Log) createNext(index uint64, size int64) (*file, error) {
	f, err := createFile(l.opts.FS, l.opts.Dir, index, size)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	err = l.opts.FS.Remove(path.Join(l.opts.Dir, FileName(index)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return createFile(l.opts.FS, l.opts.Dir, index, size)
}

// takeRecyclable returns the file kept to be recycled, which is the caller's then,
// or nil if there is none.
func (l *Log) takeRecyclable() *file {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.mu.recyclable
	l.mu.recyclable = nil
	return old
}

// recycle makes a freed file the next one, of that index: zeros, then the name,
// each durable before the next step relies on it. If the file cannot be zeroed or
// renamed, recycle discards it and returns neither a file nor an error, and the
// caller creates a file instead. A failed sync of the directory is an error, as it
// is when a file is created.
func (l *Log) recycle(old *file, index uint64) (*file, error) {
	name := FileName(index)
	err := zeroRange(old, 0, old.size)
	if err == nil {
		err = old.Sync()
	}
	if err == nil {
		err = l.opts.FS.Rename(path.Join(l.opts.Dir, old.name), path.Join(l.opts.Dir, name))
	}
	if err != nil {
		_ = l.discard(old) // which tries again later
		return nil, nil
	}
	f := &file{File: old.File, index: index, name: name, size: old.size}
	if err := l.opts.FS.SyncDir(l.opts.Dir); err != nil {
		if rerr := l.removeFile(f); rerr != nil {
			return nil, fmt.Errorf("%w (and removing %s: %w)", err, name, rerr)
		}
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.stats.Recycled++
	return f, nil
}

// discard removes a freed file. If that fails, the file is remembered until it has been
// removed: it has its old content.
func (l *Log) discard(f *file) error {
	err := l.removeFile(f)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.undead = append(l.mu.undead, f)
	return fmt.Errorf("wal: remove %s: %w", f.name, err)
}

// discardAgain tries again to remove what discard could not.
func (l *Log) discardAgain() (err error) {
	l.mu.Lock()
	undead := l.mu.undead
	l.mu.undead = nil
	l.mu.Unlock()
	for _, f := range undead {
		err = errors.Join(err, l.discard(f))
	}
	return err
}

// removeFile closes and removes a file that is not in use.
func (l *Log) removeFile(f *file) error {
	f.Close()
	return l.opts.FS.Remove(path.Join(l.opts.Dir, f.name))
}
