package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// A snapshot file holds the state of all topics at a checkpoint, little endian:
//
//	magic 8 | version 4 | zero 4 | length 8 | XXH3 of the content 8 | XXH3 of all this 8 | content
var snapshotMagic = [8]byte{'T', 'O', 'P', 'I', 'C', 'S', 'C', 'P'}

const (
	snapshotVersion = 1
	snapshotHeader  = 40
)

// TempSnapshotName is the name of a snapshot that is not complete.
const TempSnapshotName = "state.tmp"

// SnapshotName returns the base name of the snapshot of the checkpoint with
// that number.
func SnapshotName(number uint64) string { return fmt.Sprintf("%016x.state", number) }

// ParseSnapshot returns the number in the base name of a snapshot.
func ParseSnapshot(base string) (number uint64, ok bool) {
	n, err := fmt.Sscanf(base, "%16x.state", &number)
	return number, n == 1 && err == nil && base == SnapshotName(number)
}

// SnapshotWriter writes a snapshot piece by piece. The file has a temporary
// name until Finish has made it durable.
type SnapshotWriter struct {
	fsys vfs.FS
	dir  string
	file vfs.File // nil after Finish
	off  int64
	sum  *xxh3.Hasher
}

// CreateSnapshot begins a snapshot in dir. It replaces one that a crash left
// incomplete. The caller must call Abort when it is done, also after Finish.
func CreateSnapshot(fsys vfs.FS, dir string) (*SnapshotWriter, error) {
	tmp := path.Join(dir, TempSnapshotName)
	if err := discardFile(fsys, tmp); err != nil {
		return nil, err
	}
	f, err := fsys.Create(tmp)
	if err != nil {
		return nil, err
	}
	return &SnapshotWriter{fsys: fsys, dir: dir, file: f, off: snapshotHeader, sum: xxh3.New()}, nil
}

// Write appends to the content.
func (w *SnapshotWriter) Write(p []byte) (int, error) {
	_, _ = w.sum.Write(p) // never fails
	n, err := w.file.WriteAt(p, w.off)
	w.off += int64(n)
	return n, err
}

// Sum returns the checksum of the content written so far.
func (w *SnapshotWriter) Sum() uint64 { return w.sum.Sum64() }

// Size returns the size of the file in bytes, its header included.
func (w *SnapshotWriter) Size() int64 { return w.off }

// Finish makes the snapshot durable under its name.
func (w *SnapshotWriter) Finish(number uint64) error {
	head := make([]byte, snapshotHeader)
	copy(head, snapshotMagic[:])
	binary.LittleEndian.PutUint32(head[8:], snapshotVersion)
	binary.LittleEndian.PutUint64(head[16:], uint64(w.off-snapshotHeader))
	binary.LittleEndian.PutUint64(head[24:], w.sum.Sum64())
	binary.LittleEndian.PutUint64(head[32:], xxh3.Hash(head[:32]))
	_, err := w.file.WriteAt(head, 0)
	if err == nil {
		err = w.file.Sync()
	}
	err = errors.Join(err, w.file.Close())
	w.file = nil
	if err == nil {
		err = w.fsys.Rename(path.Join(w.dir, TempSnapshotName), path.Join(w.dir, SnapshotName(number)))
	}
	if err == nil {
		err = w.fsys.SyncDir(w.dir)
	}
	return err
}

// Abort removes the incomplete file. After Finish it does nothing.
func (w *SnapshotWriter) Abort() {
	if w.file != nil {
		_ = w.file.Close() // the error that led here counts
		_ = w.fsys.Remove(path.Join(w.dir, TempSnapshotName))
	}
}

// WriteSnapshot makes the content that write produces durable as the snapshot
// with that number. After an error there is no such snapshot.
func WriteSnapshot(fsys vfs.FS, dir string, number uint64, write func(io.Writer) error) error {
	w, err := CreateSnapshot(fsys, dir)
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := write(w); err != nil {
		return err
	}
	return w.Finish(number)
}

// ReadSnapshot returns the content of a checkpoint's snapshot. A damaged or
// missing file is a *CorruptionError, and so is one that has the name of this
// snapshot and the content of another.
func ReadSnapshot(fsys vfs.FS, dir string, c *Checkpoint) ([]byte, error) {
	name := path.Join(dir, SnapshotName(c.Number))
	f, err := fsys.OpenRead(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &CorruptionError{File: name, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	content, err := decodeSnapshot(name, b)
	if err == nil && c.Sum != 0 && SnapshotSum(content) != c.Sum {
		err = &CorruptionError{File: name, Err: fmt.Errorf("it is the snapshot of another checkpoint: its checksum is %016x, the manifest has %016x", SnapshotSum(content), c.Sum)}
	}
	return content, err
}

// SnapshotSum returns the checksum of a snapshot's content.
func SnapshotSum(content []byte) uint64 { return xxh3.Hash(content) }

func decodeSnapshot(name string, b []byte) ([]byte, error) {
	bad := func(format string, a ...any) ([]byte, error) {
		return nil, &CorruptionError{File: name, Err: fmt.Errorf(format, a...)}
	}
	if len(b) < snapshotHeader {
		return bad("it has %d bytes, fewer than its header", len(b))
	}
	if [8]byte(b) != snapshotMagic {
		return bad("it does not begin like a snapshot")
	}
	if got, want := xxh3.Hash(b[:32]), binary.LittleEndian.Uint64(b[32:]); got != want {
		return bad("checksum of its header %016x, stored %016x", got, want)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != snapshotVersion {
		return nil, &VersionError{File: name, Version: v, Known: snapshotVersion}
	}
	content := b[snapshotHeader:]
	if n := binary.LittleEndian.Uint64(b[16:]); n != uint64(len(content)) {
		return bad("its content has %d bytes and should have %d", len(content), n)
	}
	if got, want := xxh3.Hash(content), binary.LittleEndian.Uint64(b[24:]); got != want {
		return bad("checksum %016x, stored %016x", got, want)
	}
	return content, nil
}
