package wal

import (
	"fmt"
	"path"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// prepareSpare makes sure that there is a spare of the wanted size; false
// means that the disk is full and it is to be tried again. A spare that is too
// small goes, for its name and its space; if the bigger one does not fit, one
// of the usual size comes back, so that only the frame that wanted more is
// refused.
func (l *Log) prepareSpare() bool {
	usual := l.opts.fileSize(0)
	l.mu.Lock()
	size := max(l.mu.want, usual)
	if l.mu.spare != nil && l.mu.spare.size >= size {
		l.mu.full = false
		l.mu.Unlock()
		return true
	}
	small := l.mu.spare
	l.mu.spare = nil
	index := l.mu.cur.index + 1
	l.mu.Unlock()

	var f *file
	var err error
	if small != nil {
		err = l.drop(small)
	}
	if err == nil {
		f, err = l.makeSpare(index, size)
	}
	full := vfs.NoSpace(err)
	if full && size > usual {
		f, err = l.makeSpare(index, usual)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.changedLocked()
	if l.mu.full = full; full {
		l.mu.want = 0
	}
	if err == nil {
		l.mu.spare = f
	} else if !vfs.NoSpace(err) {
		l.failLocked(err)
	}
	return !full
}

// makeSpare makes a file of that index and size: out of the recycled one if
// that will do, else a fresh one. On a full disk the recycled one goes, for
// its space.
func (l *Log) makeSpare(index uint64, size int64) (*file, error) {
	if size == l.opts.fileSize(0) {
		if old := l.takeRecycled(); old != nil {
			if f, err := l.renew(old, index); f != nil || err != nil {
				return f, err
			}
		}
	}
	f, err := createFile(l.opts.FS, l.opts.Dir, index, size)
	if vfs.NoSpace(err) {
		if old := l.takeRecycled(); old != nil && l.drop(old) == nil {
			f, err = createFile(l.opts.FS, l.opts.Dir, index, size)
		}
	}
	return f, err
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
