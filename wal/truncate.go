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

// TruncateFront frees, oldest first, the files that begin and end before that
// position, and returns how many. It keeps a file as long as the file, or the
// use of the next one, is not durable.
//
// Before the call, First and Start of Options have been recorded durably, and
// before is where the file recorded as First begins. It is not Start: the log may
// have left that file since, with its last frame right before Start.
//
// TruncateFront calls keep, if it is not nil, with each file while that still has
// its name and its content, and returns at an error of keep. A file that cannot be
// removed stays in use, which is an error too. Either can be tried again, and then
// keep is called again. It tries again to remove freed files that could not be removed,
// and leaves it to RemoveFreed to report them.
//
// One freed file of the usual size is kept, to be recycled as the next file.
// Readers of freed frames get ErrTruncated. One goroutine at a time calls
// TruncateFront. In a failed log it frees nothing and returns the failure.
func (l *Log) TruncateFront(before LSN, keep func(File) error) (int, error) {
	for n := 0; ; n++ {
		f, end, err := l.oldestFreeable(before)
		if err != nil {
			return n, err
		}
		if f == nil {
			_ = l.discardAgain()
			return n, nil
		}
		if keep != nil {
			if err := keep(File{f.index, f.name, f.first, end}); err != nil {
				return n, fmt.Errorf("wal: keep %s: %w", f.name, err)
			}
		}
		if err := l.freeFile(f); err != nil {
			return n, fmt.Errorf("wal: free %s: %w", f.name, err)
		}
	}
}

// oldestFreeable returns the oldest file and where it ends, if it may be freed.
func (l *Log) oldestFreeable(before LSN) (*file, LSN, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := *l.files.Load()
	if l.mu.err != nil || len(files) < 2 {
		return nil, 0, l.mu.err
	}
	// A file without frames, left for one that a big frame has to itself,
	// begins where the next one does, and may be the First that is recorded.
	f, next := files[0], files[1]
	if f.first < before && next.first <= before && next.index <= l.mu.newest {
		return f, next.first, nil
	}
	return nil, 0, nil
}

// freeFile takes the oldest file out of use. It takes away the name first: until
// that has succeeded the file is in use, and readers use the open handle. A power
// cut may bring the name back; the file is then ignored as one below Options.First.
func (l *Log) freeFile(f *file) error {
	l.mu.Lock()
	recycle := l.mu.recyclable == nil && f.size == l.opts.fileSize(0)
	l.mu.Unlock()
	name := path.Join(l.opts.Dir, f.name)
	var err error
	if recycle {
		err = l.opts.FS.Rename(name, path.Join(l.opts.Dir, oldName(f.index)))
	} else {
		err = l.opts.FS.Remove(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // removed by an attempt that reported failure
		recycle = false
	case err != nil:
		return err
	}
	if !l.detachOldest(f, recycle) {
		f.Close()
	}
	return nil
}

// detachOldest removes f from the files in use. It keeps f to be recycled, if
// recycle is set and the log has not failed or been closed meanwhile, and reports
// whether it did.
func (l *Log) detachOldest(f *file, recycle bool) (kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := (*l.files.Load())[1:]
	l.files.Store(&files)
	f.freed.Store(true)
	l.mu.stats.Freed++
	kept = recycle && l.mu.err == nil
	if kept {
		l.mu.recyclable = &file{File: f.File, index: f.index, name: oldName(f.index), size: f.size}
	}
	// There may be room for the next file now: reservations wait for the next
	// attempt to make it instead of being refused.
	l.mu.nextErr = nil
	l.wakePreparerLocked()
	return kept
}
