package crashfs

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// dir is one directory. Directories themselves are durable from the start, as
// vfs.FS.MkdirAll promises.
type dir struct {
	entries map[string]*inode // the cache view, by base name
	durable map[string]*inode // as of the last SyncDir
	pending []change          // from durable to entries, oldest first
}

// change is one unsynced operation: a create has no from, a remove no to, a
// rename has both.
type change struct {
	from, to string
	node     *inode
}

func newDir() *dir {
	return &dir{entries: map[string]*inode{}, durable: map[string]*inode{}}
}

func (d *dir) do(c change) {
	c.apply(d.entries)
	d.pending = append(d.pending, c)
}

// apply makes the change unless the entry that it needs is not there.
func (c change) apply(entries map[string]*inode) {
	if c.from != "" {
		if entries[c.from] != c.node {
			return
		}
		delete(entries, c.from)
	}
	if c.to != "" {
		entries[c.to] = c.node
	}
}

// findLocked returns the directory of name, name's base, and the file there, or nil
// if there is none.
func (f *FS) findLocked(name string) (d *dir, base string, n *inode, err error) {
	name = path.Clean(name)
	if f.dirs[name] != nil {
		return nil, "", nil, syscall.EISDIR
	}
	d, base = f.dirs[path.Dir(name)], path.Base(name)
	if d == nil {
		return nil, "", nil, fs.ErrNotExist
	}
	return d, base, d.entries[base], nil
}

// Create implements vfs.FS.
func (f *FS) Create(name string) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.stepLocked(); err != nil {
		return nil, fail("create", name, err)
	}
	d, base, n, err := f.findLocked(name)
	if n != nil || err == syscall.EISDIR {
		err = fs.ErrExist
	}
	if err != nil {
		return nil, fail("create", name, err)
	}
	n = newInode()
	d.do(change{to: base, node: n})
	return &file{fs: f, name: name, node: n}, nil
}

// Open implements vfs.FS.
func (f *FS) Open(name string) (vfs.File, error) { return f.open(name, false) }

// OpenRead implements vfs.FS.
func (f *FS) OpenRead(name string) (vfs.File, error) { return f.open(name, true) }

func (f *FS) open(name string, readOnly bool) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.upLocked(); err != nil {
		return nil, fail("open", name, err)
	}
	_, _, n, err := f.findLocked(name)
	if err == nil && n == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fail("open", name, err)
	}
	return &file{fs: f, name: name, node: n, readOnly: readOnly}, nil
}

// Remove implements vfs.FS.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.stepLocked(); err != nil {
		return fail("remove", name, err)
	}
	d, base, n, err := f.findLocked(name)
	if err == nil && n == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return fail("remove", name, err)
	}
	d.do(change{from: base, node: n})
	return nil
}

// Rename implements vfs.FS.
func (f *FS) Rename(oldname, newname string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.stepLocked(); err != nil {
		return fail("rename", oldname, err)
	}
	if path.Dir(oldname) != path.Dir(newname) {
		return fail("rename", newname, fs.ErrInvalid)
	}
	d, from, n, err := f.findLocked(oldname)
	if err == nil && n == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return fail("rename", oldname, err)
	}
	_, to, _, err := f.findLocked(newname)
	if err != nil {
		return fail("rename", newname, err)
	}
	if from != to {
		d.do(change{from: from, to: to, node: n})
	}
	return nil
}

// List implements vfs.FS.
func (f *FS) List(name string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, err := f.dirLocked(name)
	if err != nil {
		return nil, fail("list", name, err)
	}
	names := slices.Collect(maps.Keys(d.entries))
	for sub := range f.dirs {
		if sub != path.Clean(name) && path.Dir(sub) == path.Clean(name) {
			names = append(names, path.Base(sub))
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "lost+found" })
	slices.Sort(names)
	return names, nil
}

// dirLocked returns the directory of that name.
func (f *FS) dirLocked(name string) (*dir, error) {
	if f.down {
		return nil, ErrCrashed
	}
	d := f.dirs[path.Clean(name)]
	if d == nil {
		return nil, fs.ErrNotExist
	}
	return d, nil
}

// MkdirAll implements vfs.FS.
func (f *FS) MkdirAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.stepLocked(); err != nil {
		return fail("mkdir", name, err)
	}
	var missing []string
	for p := path.Clean(name); f.dirs[p] == nil; p = path.Dir(p) {
		if _, _, n, _ := f.findLocked(p); n != nil {
			return fail("mkdir", name, syscall.ENOTDIR)
		}
		missing = append(missing, p)
	}
	for _, p := range missing {
		f.dirs[p] = newDir()
	}
	return nil
}

// SyncDir implements vfs.FS.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.stepLocked(); err != nil {
		return fail("syncdir", name, err)
	}
	d, err := f.dirLocked(name)
	if err != nil {
		return fail("syncdir", name, err)
	}
	d.durable, d.pending = maps.Clone(d.entries), nil
	return nil
}

// Free implements vfs.FS.
func (f *FS) Free(name string) (free, total uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.dirLocked(name); err != nil {
		return 0, 0, fail("free", name, err)
	}
	size := f.capacity
	if size == 0 {
		size = unlimited
	}
	return uint64(max(0, size-f.usedLocked())), uint64(size), nil
}
