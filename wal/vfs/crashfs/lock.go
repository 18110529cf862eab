package crashfs

import (
	"io/fs"
	"path"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// locks is how the locks on one file or directory are held.
type locks struct {
	mode  vfs.LockMode
	count int
}

// Lock implements vfs.FS. It has room for its text on a full disk.
func (f *FS) Lock(name, owner string) (vfs.Held, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.stepLocked(); err != nil {
		return nil, fail("lock", name, err)
	}
	d, base, n, err := f.findLocked(name)
	if err != nil {
		return nil, fail("lock", name, err)
	}
	if n == nil {
		n = newInode()
		d.do(change{to: base, node: n})
	}
	held, err := f.holdLocked(name, n, vfs.Exclusive, string(n.data))
	if err != nil {
		return nil, err
	}
	n.truncate(0)
	n.write([]byte(owner), 0)
	return held, nil
}

// Hold implements vfs.FS.
func (f *FS) Hold(name string, mode vfs.LockMode) (vfs.Held, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.upLocked(); err != nil {
		return nil, fail("lock", name, err)
	}
	if d := f.dirs[path.Clean(name)]; d != nil {
		return f.holdLocked(name, d, mode, "")
	}
	_, _, n, err := f.findLocked(name)
	if err == nil && n == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fail("lock", name, err)
	}
	return f.holdLocked(name, n, mode, string(n.data))
}

// holdLocked locks node, a *dir or an *inode that is found at name and has
// that text.
func (f *FS) holdLocked(name string, node any, mode vfs.LockMode, text string) (vfs.Held, error) {
	l := f.locks[node]
	if l.count > 0 && (mode == vfs.Exclusive || l.mode == vfs.Exclusive) {
		return nil, &vfs.LockedError{Name: name, Mode: l.mode, Holder: text}
	}
	f.locks[node] = locks{mode, l.count + 1}
	return &lock{fs: f, name: name, node: node}, nil
}

// lock is a lock that is held.
type lock struct {
	fs     *FS
	name   string
	node   any
	closed bool // guarded by fs.mu
}

// Close implements vfs.Held.
func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	switch {
	case l.closed:
		return fail("unlock", l.name, fs.ErrClosed)
	case l.fs.taken: // the locks ended with the process
	default:
		if held := l.fs.locks[l.node]; held.count > 1 {
			l.fs.locks[l.node] = locks{held.mode, held.count - 1}
		} else {
			delete(l.fs.locks, l.node)
		}
	}
	l.closed = true
	return nil
}

// Check implements vfs.Held.
func (l *lock) Check() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if err := l.fs.upLocked(); err != nil {
		return fail("stat", l.name, err)
	}
	var found any
	if d := l.fs.dirs[path.Clean(l.name)]; d != nil {
		found = d
	} else if _, _, n, err := l.fs.findLocked(l.name); err == nil && n != nil {
		found = n
	}
	if found != l.node {
		return &vfs.ReplacedError{Name: l.name}
	}
	return nil
}
