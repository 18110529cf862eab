package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// prepareSpare makes sure that there is a spare of the wanted size; false
// means that it failed and is to be tried again. No failure here concerns what
// was appended: the log stays as it is, and goes on until it needs the spare. A
// spare that is too small goes, for its name and its space; if the bigger one
// cannot be made, one of the usual size comes back, so that only the frame that
// wanted more is refused.
func (l *Log) prepareSpare() bool {
	usual := l.opts.fileSize(0)
	l.mu.Lock()
	size := max(l.mu.want, usual)
	if l.mu.err != nil { // nothing will ever be appended again
		l.mu.Unlock()
		return true
	}
	if l.mu.spare != nil && l.mu.spare.size >= size {
		l.preparedLocked(nil)
		l.mu.Unlock()
		return true
	}
	if l.mu.spare != nil && l.mu.reserved > l.mu.cur.room(l.mu.tail) { // it is promised
		l.mu.Unlock()
		return true
	}
	small := l.mu.spare
	l.mu.spare = nil
	index, end := l.mu.cur.index+1, l.mu.cur.end()
	l.mu.Unlock()

	if small != nil {
		_ = l.drop(small) // what stays under the name goes when the next one takes it
	}
	f, err := l.makeSpare(index, size, end)
	if err != nil && size > usual {
		f, _ = l.makeSpare(index, usual, end)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.changedLocked()
	l.mu.spare = f
	l.preparedLocked(err)
	return err == nil
}

// preparedLocked records how the last attempt to make a spare ended.
func (l *Log) preparedLocked(err error) {
	if err == nil {
		l.mu.lack, l.mu.lacking = nil, time.Time{}
		return
	}
	l.mu.want = 0
	l.mu.lack = fmt.Errorf("%w: %w", lackOf(err), err)
	if l.mu.lacking.IsZero() {
		l.mu.lacking = time.Now()
	}
}

// lackOf returns the error of appends that need a file which could not be made.
func lackOf(err error) error {
	if vfs.NoSpace(err) {
		return ErrDiskFull
	}
	return ErrNoFile
}

// makeSpare makes a file of that index and size, which follows one that ends
// at end: out of the recycled one if that will do, else a fresh one. On a full
// disk the recycled one goes, for its space.
func (l *Log) makeSpare(index uint64, size int64, end LSN) (*file, error) {
	if err := l.askRoom(size, end); err != nil {
		return nil, err
	}
	if size == l.opts.fileSize(0) {
		if old := l.takeRecycled(); old != nil {
			if f, err := l.renew(old, index); f != nil || err != nil {
				return f, err
			}
		}
	}
	f, err := l.freshSpare(index, size)
	if vfs.NoSpace(err) {
		if old := l.takeRecycled(); old != nil && l.drop(old) == nil {
			f, err = l.freshSpare(index, size)
		}
	}
	return f, err
}

// askRoom asks Options.Room for a file of that size behind the position end.
// If there is no room the recycled file goes, for its space.
func (l *Log) askRoom(size int64, end LSN) error {
	if l.opts.Room == nil {
		return nil
	}
	l.mu.Lock()
	recycled := l.mu.recycled
	l.mu.Unlock()
	end += LSN(size - headerSize)
	more := size
	if recycled != nil && recycled.size == size {
		more = 0
	}
	err := l.opts.Room(end, more)
	if err == nil || recycled == nil {
		return err
	}
	if old := l.takeRecycled(); old != nil {
		_ = l.drop(old) // the file system knows whether there is room now
	}
	return l.opts.Room(end, size)
}

// freshSpare makes a new file. A file that has its name already was never in
// use: an attempt that failed could not remove it.
func (l *Log) freshSpare(index uint64, size int64) (*file, error) {
	f, err := createFile(l.opts.FS, l.opts.Dir, index, size)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	err = l.opts.FS.Remove(path.Join(l.opts.Dir, fileName(index)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return createFile(l.opts.FS, l.opts.Dir, index, size)
}

func (l *Log) takeRecycled() *file {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.mu.recycled
	l.mu.recycled = nil
	return old
}

// renew makes a released file the spare of that index: zeros, then the name,
// each durable before the next step relies on it. A file that cannot be
// zeroed or renamed costs nothing but itself: it returns no file and no error,
// and a fresh one takes its place. A directory that cannot be synced is an
// error as it is for a fresh file.
func (l *Log) renew(old *file, index uint64) (*file, error) {
	name := fileName(index)
	err := zeroRange(old, 0, old.size)
	if err == nil {
		err = old.Sync()
	}
	if err == nil {
		err = l.opts.FS.Rename(path.Join(l.opts.Dir, old.name), path.Join(l.opts.Dir, name))
	}
	if err != nil {
		l.drop(old) // if that fails too, the next opening removes it
		return nil, nil
	}
	f := &file{File: old.File, index: index, name: name, size: old.size}
	if err := l.opts.FS.SyncDir(l.opts.Dir); err != nil {
		if rerr := l.drop(f); rerr != nil {
			return nil, fmt.Errorf("%w (and removing %s: %w)", err, name, rerr)
		}
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.stats.Recycled++
	return f, nil
}

// drop closes and removes a file that is not in use.
func (l *Log) drop(f *file) error {
	f.Close()
	return l.opts.FS.Remove(path.Join(l.opts.Dir, f.name))
}
