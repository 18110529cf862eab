package vfs

import (
	"errors"
	"io/fs"
	"os"
)

func (osFS) Lock(name, owner string) (Held, error) {
	f, err := openFile(name, os.O_RDWR|os.O_CREATE|lockFlags)
	if err != nil {
		// The file may exist although nothing can be written: only the lock
		// matters. A file that does not exist is not locked.
		f, readErr := openFile(name, os.O_RDONLY|lockFlags)
		if readErr != nil {
			return nil, notRegular(name, err)
		}
		return f.lockFile(Exclusive)
	}
	held, err := f.lockFile(Exclusive)
	if err != nil {
		return nil, err
	}
	f.replaceText(owner)
	return held, nil
}

// lockFile locks f if it is a regular file, or closes it.
func (f *osFile) lockFile(mode LockMode) (Held, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &NotRegularError{Name: f.Name()}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f.lock(mode)
}

// lock locks f, or closes it.
func (f *osFile) lock(mode LockMode) (Held, error) {
	err := f.flock(mode)
	if errors.Is(err, errLocked) {
		err = f.locked(mode)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return osLock{f}, nil
}

func (f *osFile) flock(mode LockMode) error {
	return f.control("lock", func(fd uintptr) error { return flock(fd, mode) })
}

// locked describes the lock that excludes one of that mode.
func (f *osFile) locked(mode LockMode) error {
	e := &LockedError{Name: f.Name()}
	if mode == Exclusive && f.flock(Shared) == nil {
		e.Mode = Shared
	}
	text := make([]byte, maxOwner)
	n, _ := f.ReadAt(text, 0) // as much as there is: the text only informs
	e.Holder = string(text[:n])
	return e
}

// replaceText makes text the content of f, as far as that is possible, and
// leaves no other one. In this order a full disk is seldom an obstacle: the
// file keeps its block.
func (f *osFile) replaceText(text string) {
	_, err := f.WriteAt([]byte(text), 0)
	if err == nil {
		err = f.Truncate(int64(len(text)))
	}
	if err != nil {
		_ = f.Truncate(0) // a wrong name is worse than none
	}
}

// osLock is a lock that is held by an open file.
type osLock struct{ f *osFile }

func (l osLock) Close() error { return l.f.Close() }

func (l osLock) Check() error {
	held, err := l.f.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(l.f.Name())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &ReplacedError{Name: l.f.Name()}
	case err != nil:
		return err
	case !os.SameFile(held, found):
		return &ReplacedError{Name: l.f.Name()}
	}
	return nil
}
