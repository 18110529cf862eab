package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// copy copies the used part of the file. A copy that is already there is left as
// it is if it is the same. If it differs it is an error: it belongs to another
// log.
func (a *archive) copy(ctx context.Context, f wal.File) error {
	if err := a.fsys.MkdirAll(a.to); err != nil {
		return err
	}
	// Two processes that copy to one archive at once would each take the other's
	// incomplete file for what a crash left.
	lock, err := a.fsys.Hold(a.to, vfs.Exclusive)
	if err != nil {
		return err
	}
	defer lock.Close()
	src, err := a.fsys.OpenRead(path.Join(a.from, f.Name))
	if err != nil {
		return err
	}
	defer src.Close()
	size := f.Bytes()
	step := a.buffers.step()
	defer a.buffers.hold(2 * step)()
	name := path.Join(a.to, f.Name)
	if same, err := a.same(name, src, size, a.steps(ctx)); !errors.Is(err, fs.ErrNotExist) {
		if err == nil && !same {
			err = fmt.Errorf("%s is there and differs: is it the archive of another data directory?", name)
		}
		return err
	}
	tmp := name + ".part"
	if err := a.fsys.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a crash
		return err
	}
	dst, err := a.fsys.Create(tmp)
	if err != nil {
		return err
	}
	err = copyRange(dst, io.NewSectionReader(src, 0, size), make([]byte, min(size, step)), a.steps(ctx))
	if err == nil {
		err = dst.Sync()
	}
	err = errors.Join(err, dst.Close())
	if err == nil {
		err = ctx.Err() // the copy may have hung until after Close
	}
	if err == nil {
		err = a.fsys.Rename(tmp, name)
	}
	if err == nil {
		err = a.fsys.SyncDir(a.to)
	}
	return err
}

// steps returns what is called between the pieces of a copy.
func (a *archive) steps(ctx context.Context) func() error {
	return func() error {
		a.remote.step()
		return ctx.Err()
	}
}

// copyRange copies what src has through a buffer. It calls step before each piece.
func copyRange(dst io.WriterAt, src *io.SectionReader, buf []byte, step func() error) error {
	size := src.Size()
	for off := int64(0); off < size; off += int64(len(buf)) {
		if err := step(); err != nil {
			return err
		}
		p := buf[:min(int64(len(buf)), size-off)]
		if _, err := src.ReadAt(p, off); err != nil {
			return err
		}
		if _, err := dst.WriteAt(p, off); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether the file of that name has the first size bytes of src
// and nothing else. It calls step before each piece.
func (a *archive) same(name string, src io.ReaderAt, size int64, step func() error) (bool, error) {
	f, err := a.fsys.OpenRead(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if n, err := f.Size(); err != nil || n != size {
		return false, err
	}
	piece := min(size, a.buffers.step())
	p, q := make([]byte, piece), make([]byte, piece)
	for off := int64(0); off < size; off += piece {
		if err := step(); err != nil {
			return false, err
		}
		n := min(piece, size-off)
		if _, err := f.ReadAt(p[:n], off); err != nil {
			return false, err
		}
		if _, err := src.ReadAt(q[:n], off); err != nil {
			return false, err
		}
		if string(p[:n]) != string(q[:n]) {
			return false, nil
		}
	}
	return true, nil
}
