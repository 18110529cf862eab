package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// Files returns the files whose use is durable, oldest first: a power cut
// leaves them in use, so any of them may be recorded as Options.First. The
// last one ends where it has been written to.
func (l *Log) Files() []File {
	l.mu.Lock()
	files, newest, written := *l.files.Load(), l.mu.newest, l.mu.write.done
	l.mu.Unlock()
	var list []File
	for i, f := range files {
		if f.index > newest {
			break
		}
		end := written
		if i+1 < len(files) {
			end = files[i+1].first
		}
		list = append(list, File{f.index, f.name, f.first, end})
	}
	return list
}

// Release gives back, oldest first, the files that begin and end before that
// position, and says how many. A file stays as long as it, or the next one's
// being in use, is not durable.
//
// First and Start of Options have been recorded durably before, and before is
// where the file recorded as First begins. It is not Start: the log may have
// left that file since, with its last frame right before Start.
//
// keep, if not nil, is called with each file while it still has its name and
// its content; its error ends Release. A file that cannot be removed stays in
// use and is an error too. Either may be asked for again, and is kept again.
//
// One released file of the usual size is kept to become a spare. Readers of
// what is gone get ErrReleased. Release is called by one goroutine at a time.
// On a failed log it does nothing and returns the failure.
func (l *Log) Release(before LSN, keep func(File) error) (int, error) {
	for n := 0; ; n++ {
		f, end, err := l.unneeded(before)
		if err != nil || f == nil {
			return n, err
		}
		if keep != nil {
			if err := keep(File{f.index, f.name, f.first, end}); err != nil {
				return n, fmt.Errorf("wal: keep %s: %w", f.name, err)
			}
		}
		if err := l.giveBack(f); err != nil {
			return n, fmt.Errorf("wal: release %s: %w", f.name, err)
		}
	}
}

// unneeded returns the oldest file and where it ends, if it may be released.
func (l *Log) unneeded(before LSN) (*file, LSN, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := *l.files.Load()
	if l.mu.err != nil || len(files) < 2 {
		return nil, 0, l.mu.err
	}
	// A file without frames, left for one that a big frame has to itself,
	// begins where the next one does, and may be the First that is recorded.
	if f, next := files[0], files[1]; f.first < before && next.first <= before && next.index <= l.mu.newest {
		return f, next.first, nil
	}
	return nil, 0, nil
}

// giveBack takes the oldest file out of use. Its name goes first: the open
// handle serves readers until then, and a failure leaves it in use. The name
// need not be gone for good: a file that comes back with the power is below
// Options.First.
func (l *Log) giveBack(f *file) error {
	l.mu.Lock()
	reuse := l.mu.recycled == nil && f.size == l.opts.fileSize(0)
	l.mu.Unlock()
	name := path.Join(l.opts.Dir, f.name)
	var err error
	if reuse {
		err = l.opts.FS.Rename(name, path.Join(l.opts.Dir, oldName(f.index)))
	} else {
		err = l.opts.FS.Remove(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone with an attempt that failed
		reuse = false
	case err != nil:
		return err
	}

	if !l.forget(f, reuse) {
		f.Close()
	}
	return nil
}

// forget takes f out of the files in use and keeps it for reuse if that is
// wanted and the log has not ended since.
func (l *Log) forget(f *file, reuse bool) (kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := (*l.files.Load())[1:]
	l.files.Store(&files)
	f.released.Store(true)
	l.mu.stats.Released++
	if kept = reuse && l.mu.err == nil; kept {
		l.mu.recycled = &file{File: f.File, index: f.index, name: oldName(f.index), size: f.size}
	}
	// There may be room for a spare now: who asks for it waits for the answer
	// instead of being refused.
	l.mu.lack = nil
	l.wakePreparerLocked()
	return kept
}
