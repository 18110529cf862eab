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
	name := path.Join(a.to, f.Name)
	if same, err := sameFile(a.fsys, name, src, size, a.steps(ctx)); !errors.Is(err, fs.ErrNotExist) {
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
	err = copyRange(dst, src, size, a.steps(ctx))
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

const copyStep = 1 << 20

// copyRange copies the first size bytes. It calls step before each piece.
func copyRange(dst io.WriterAt, src io.ReaderAt, size int64, step func() error) error {
	buf := make([]byte, min(size, copyStep))
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

// sameFile reports whether the file of that name has the first size bytes of src
// and nothing else. It calls step before each piece.
func sameFile(fsys vfs.FS, name string, src io.ReaderAt, size int64, step func() error) (bool, error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if n, err := f.Size(); err != nil || n != size {
		return false, err
	}
	a, b := make([]byte, min(size, copyStep)), make([]byte, min(size, copyStep))
	for off := int64(0); off < size; off += int64(len(a)) {
		if err := step(); err != nil {
			return false, err
		}
		n := min(int64(len(a)), size-off)
		if _, err := f.ReadAt(a[:n], off); err != nil {
			return false, err
		}
		if _, err := src.ReadAt(b[:n], off); err != nil {
			return false, err
		}
		if string(a[:n]) != string(b[:n]) {
			return false, nil
		}
	}
	return true, nil
}
