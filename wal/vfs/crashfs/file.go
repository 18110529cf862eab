package crashfs

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"syscall"
)

// file is an open handle. fs.mu guards all of it, the node included.
type file struct {
	fs     *FS
	name   string // as it was opened
	node   *inode
	closed bool
	// readOnly handles, of OpenRead, refuse to write.
	readOnly bool
}

func (h *file) ReadAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.usableLocked(); err != nil {
		return 0, fail("read", h.name, err)
	}
	if off < 0 {
		return 0, fail("read", h.name, fs.ErrInvalid)
	}
	n := 0
	if off < int64(len(h.node.data)) {
		n = copy(p, h.node.data[off:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *file) WriteAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.usableLocked(); err != nil {
		return 0, fail("write", h.name, err)
	}
	if h.readOnly {
		return 0, fail("write", h.name, fs.ErrPermission)
	}
	if off < 0 {
		return 0, fail("write", h.name, fs.ErrInvalid)
	}
	err := h.fs.stepLocked()
	part := p
	if err != nil { // the crash is in this write: any part of it may have been done
		rng := rand.New(rand.NewPCG(uint64(h.fs.ops), uint64(off)))
		part = p[:rng.IntN(len(p)+1)]
	}
	end := off + int64(len(part))
	if room := h.fs.roomLocked(h.node, end); room < end {
		part = part[:max(0, room-off)]
		if err == nil {
			err = syscall.ENOSPC
		}
	}
	if len(part) > 0 {
		h.node.write(part, off)
	}
	if err != nil {
		return len(part), fail("write", h.name, err)
	}
	return len(p), nil
}

func (h *file) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.stepLocked(); err != nil {
		return fail("sync", h.name, err)
	}
	if h.fs.failsLocked(h.name) {
		h.node.drop()
		return fail("sync", h.name, syscall.EIO)
	}
	h.node.sync()
	return nil
}

// DropDirty does to the file what a failed Sync does: see FS.FailSync.
func (h *file) DropDirty() {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.usableLocked() == nil {
		h.node.drop()
	}
}

func (h *file) Size() (int64, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.usableLocked(); err != nil {
		return 0, fail("stat", h.name, err)
	}
	return int64(len(h.node.data)), nil
}

func (h *file) Truncate(size int64) error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.readOnly && h.usableLocked() == nil {
		return fail("truncate", h.name, fs.ErrPermission)
	}
	err := h.stepLocked()
	switch {
	case err != nil:
	case size < 0:
		err = fs.ErrInvalid
	case h.fs.roomLocked(h.node, size) < size:
		err = syscall.ENOSPC
	}
	if err != nil {
		return fail("truncate", h.name, err)
	}
	h.node.truncate(size)
	return nil
}

func (h *file) Close() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.usableLocked(); err != nil {
		return fail("close", h.name, err)
	}
	h.closed = true
	return nil
}

// usableLocked returns why the handle cannot be used, or nil if it can.
func (h *file) usableLocked() error {
	if err := h.fs.upLocked(); err != nil {
		return err
	}
	if h.closed {
		return fs.ErrClosed
	}
	return nil
}

// stepLocked is usableLocked and FS.stepLocked in one.
func (h *file) stepLocked() error {
	if err := h.usableLocked(); err != nil {
		return err
	}
	return h.fs.stepLocked()
}
