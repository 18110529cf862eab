package manifest

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/wal/vfs"
)

var errCrashed = errors.New("crashed")

// memFS is the smallest file system that knows what is durable: enough to
// stop it after any operation and look at what a power cut could leave.
type memFS struct {
	entries map[string]*memFile // as the process sees them
	durable map[string]*memFile // as of the last SyncDir
	pending []entryChange       // since then, in order
	left    int                 // operations until it crashes; negative: never
}

type memFile struct {
	fs   *memFS
	data []byte
	safe []byte // as of the last Sync
}

// entryChange is one directory operation; it reaches the disk whole or not
// at all.
type entryChange struct {
	remove, add string
	file        *memFile
}

func newMemFS() *memFS {
	return &memFS{entries: map[string]*memFile{}, durable: map[string]*memFile{}, left: -1}
}

func (m *memFS) op() error {
	if m.left == 0 {
		return errCrashed
	}
	if m.left > 0 {
		m.left--
	}
	return nil
}

func (m *memFS) change(c entryChange) {
	c.applyTo(m.entries)
	m.pending = append(m.pending, c)
}

func (c entryChange) applyTo(entries map[string]*memFile) {
	delete(entries, c.remove)
	if c.file != nil {
		entries[c.add] = c.file
	}
}

// after returns the file system that a power cut leaves when the pending
// entry changes whose bit is set in mask reached the disk, and of unsynced
// bytes the given share.
func (m *memFS) after(mask int, share float64) *memFS {
	n := newMemFS()
	entries := maps.Clone(m.durable)
	for i, c := range m.pending {
		if mask&(1<<i) != 0 {
			c.applyTo(entries)
		}
	}
	for name, f := range entries {
		kept := slices.Clone(f.data[:int(share*float64(len(f.data)))])
		if len(kept) < len(f.safe) {
			kept = slices.Clone(f.safe)
		}
		n.entries[name] = &memFile{fs: n, data: kept, safe: kept}
	}
	n.durable = maps.Clone(n.entries)
	return n
}

func (m *memFS) Create(name string) (vfs.File, error) {
	if err := m.op(); err != nil {
		return nil, err
	}
	if m.entries[name] != nil {
		return nil, fs.ErrExist
	}
	f := &memFile{fs: m}
	m.change(entryChange{add: name, file: f})
	return f, nil
}

func (m *memFS) Open(name string) (vfs.File, error) {
	if f := m.entries[name]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

func (m *memFS) OpenRead(name string) (vfs.File, error) { return m.Open(name) }

func (m *memFS) Remove(name string) error {
	if err := m.op(); err != nil {
		return err
	}
	if m.entries[name] == nil {
		return fs.ErrNotExist
	}
	m.change(entryChange{remove: name})
	return nil
}

func (m *memFS) Rename(from, to string) error {
	if err := m.op(); err != nil {
		return err
	}
	m.change(entryChange{remove: from, add: to, file: m.entries[from]})
	return nil
}

func (m *memFS) SyncDir(string) error {
	if err := m.op(); err != nil {
		return err
	}
	m.durable, m.pending = maps.Clone(m.entries), nil
	return nil
}

func (m *memFS) List(dir string) ([]string, error) {
	var names []string
	for name := range m.entries {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) Free(string) (free, total uint64, err error) { return 1, 1, nil }

// Lock knows one holder, whose text is the file's content.
func (m *memFS) Lock(name, owner string) (vfs.Held, error) {
	if f := m.entries[name]; f != nil {
		return nil, &vfs.LockedError{Name: name, Holder: string(f.data)}
	}
	m.entries[name] = &memFile{fs: m, data: []byte(owner)}
	return heldFunc(func() error { delete(m.entries, name); return nil }), nil
}

// Hold knows the files that Lock made.
func (m *memFS) Hold(name string, _ vfs.LockMode) (vfs.Held, error) {
	if f := m.entries[name]; f != nil {
		return nil, &vfs.LockedError{Name: name, Holder: string(f.data)}
	}
	return heldFunc(func() error { return nil }), nil
}

type heldFunc func() error

func (f heldFunc) Close() error { return f() }
func (heldFunc) Check() error   { return nil }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.op(); err != nil {
		return 0, err
	}
	if grow := int(off) + len(p) - len(f.data); grow > 0 {
		f.data = append(f.data, make([]byte, grow)...)
	}
	return copy(f.data[off:], p), nil
}

func (f *memFile) Sync() error {
	if err := f.fs.op(); err != nil {
		return err
	}
	f.safe = slices.Clone(f.data)
	return nil
}

func (f *memFile) Truncate(n int64) error { f.data = f.data[:n]; return nil }
func (f *memFile) Size() (int64, error)   { return int64(len(f.data)), nil }
func (f *memFile) Close() error           { return nil }
