package segment

import (
	"errors"
	"fmt"
	"path"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// CopyBytes is the memory that CopyData takes for its buffers.
const CopyBytes = 2 * outputBytes

// CopyData copies the data file of a segment to another directory. When it
// returns nil the copy is complete and durable. Until then, the file of that
// name is absent or the one that was there before. A file of kind Partial that
// a crash or an error leaves behind is removed by the next call.
func CopyData(fsys vfs.FS, from, to string, id uint64) error {
	if err := Remove(fsys, to, id, Partial); err != nil {
		return err
	}
	part := path.Join(to, PartialName(id))
	if err := copyFile(fsys, path.Join(from, DataName(id)), part); err != nil {
		return errors.Join(err, Remove(fsys, to, id, Partial))
	}
	if err := fsys.Rename(part, path.Join(to, DataName(id))); err != nil {
		return errors.Join(fmt.Errorf("segment: %w", err), Remove(fsys, to, id, Partial))
	}
	if err := fsys.SyncDir(to); err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	return nil
}

// copyFile makes a synced copy. The name to must not be in use.
func copyFile(fsys vfs.FS, from, to string) error {
	src, err := fsys.OpenRead(from)
	if err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	defer src.Close()
	size, err := src.Size()
	if err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	f, err := fsys.Create(to)
	if err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	dst := output{File: f, name: to}
	buf := make([]byte, outputBytes)
	for off := int64(0); off < size && err == nil; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), size-off)]
		if err = readFull(src, from, buf, off); err == nil {
			err = dst.append(buf)
		}
	}
	if err == nil {
		err = dst.finish()
	}
	if err != nil {
		f.Close() // the caller removes the file
	}
	return err
}
