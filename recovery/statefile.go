package recovery

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// A checkpoint's state file, little endian:
//
//	magic 8 | version 4 | zero 4 | length 8 | XXH3 of the content 8 | XXH3 of all this 8 | content
var stateMagic = [8]byte{'T', 'O', 'P', 'I', 'C', 'S', 'C', 'P'}

const (
	stateVersion = 1
	stateHeader  = 40
	stateTemp    = "state.tmp"
)

// StateError says which state is damaged and how.
type StateError struct {
	File string
	Err  error
}

func (e *StateError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.File, e.Err) }

func (e *StateError) Unwrap() error { return e.Err }

// stateWriter writes a state piece by piece, under a temporary name until it
// is whole and durable.
type stateWriter struct {
	fsys vfs.FS
	dir  string
	file vfs.File
	off  int64
	sum  *xxh3.Hasher
}

func createState(fsys vfs.FS, dir string) (*stateWriter, error) {
	tmp := path.Join(dir, stateTemp)
	if err := fsys.Remove(tmp); err != nil && !missing(err) { // left by a crash
		return nil, err
	}
	f, err := fsys.Create(tmp)
	if err != nil {
		return nil, err
	}
	return &stateWriter{fsys: fsys, dir: dir, file: f, off: stateHeader, sum: xxh3.New()}, nil
}

// Write appends to the content.
func (w *stateWriter) Write(p []byte) (int, error) {
	_, _ = w.sum.Write(p) // never fails
	n, err := w.file.WriteAt(p, w.off)
	w.off += int64(n)
	return n, err
}

// finish makes the state durable under its name.
func (w *stateWriter) finish(number uint64) error {
	head := make([]byte, stateHeader)
	copy(head, stateMagic[:])
	binary.LittleEndian.PutUint32(head[8:], stateVersion)
	binary.LittleEndian.PutUint64(head[16:], uint64(w.off-stateHeader))
	binary.LittleEndian.PutUint64(head[24:], w.sum.Sum64())
	binary.LittleEndian.PutUint64(head[32:], xxh3.Hash(head[:32]))
	_, err := w.file.WriteAt(head, 0)
	if err == nil {
		err = w.file.Sync()
	}
	err = errors.Join(err, w.file.Close())
	w.file = nil
	if err == nil {
		err = w.fsys.Rename(path.Join(w.dir, stateTemp), path.Join(w.dir, StateName(number)))
	}
	if err == nil {
		err = w.fsys.SyncDir(w.dir)
	}
	return err
}

// abort removes what there is. After finish it does nothing.
func (w *stateWriter) abort() {
	if w.file != nil {
		_ = w.file.Close() // the error that led here counts
		_ = w.fsys.Remove(path.Join(w.dir, stateTemp))
	}
}

// WriteState makes what write writes the durable state of that number. After
// an error there is none.
func WriteState(fsys vfs.FS, dir string, number uint64, write func(io.Writer) error) error {
	w, err := createState(fsys, dir)
	if err != nil {
		return err
	}
	defer w.abort()
	if err := write(w); err != nil {
		return err
	}
	return w.finish(number)
}

// ReadState returns the content of a checkpoint's state. Damage is a
// *StateError, and so is the state of another checkpoint under this one's name.
func ReadState(fsys vfs.FS, dir string, c *Checkpoint) ([]byte, error) {
	name := path.Join(dir, StateName(c.Number))
	f, err := fsys.OpenRead(name)
	if missing(err) {
		return nil, &StateError{File: name, Err: err}
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
	content, err := decodeState(name, b)
	if err == nil && c.Sum != 0 && StateSum(content) != c.Sum {
		err = &StateError{File: name, Err: fmt.Errorf("it is the state of another checkpoint: its checksum is %016x, the manifest has %016x", StateSum(content), c.Sum)}
	}
	return content, err
}

// StateSum is the checksum of a state's content.
func StateSum(content []byte) uint64 { return xxh3.Hash(content) }

func decodeState(name string, b []byte) ([]byte, error) {
	bad := func(format string, a ...any) ([]byte, error) {
		return nil, &StateError{File: name, Err: fmt.Errorf(format, a...)}
	}
	if len(b) < stateHeader {
		return bad("it has %d bytes, fewer than its header", len(b))
	}
	if [8]byte(b) != stateMagic {
		return bad("it does not begin like a state")
	}
	if got, want := xxh3.Hash(b[:32]), binary.LittleEndian.Uint64(b[32:]); got != want {
		return bad("checksum of its header %016x, stored %016x", got, want)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != stateVersion {
		return nil, &VersionError{File: name, Version: v, Known: stateVersion}
	}
	content := b[stateHeader:]
	if n := binary.LittleEndian.Uint64(b[16:]); n != uint64(len(content)) {
		return bad("its content has %d bytes and should have %d", len(content), n)
	}
	if got, want := xxh3.Hash(content), binary.LittleEndian.Uint64(b[24:]); got != want {
		return bad("checksum %016x, stored %016x", got, want)
	}
	return content, nil
}
