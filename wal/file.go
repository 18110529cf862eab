package wal

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs"
)

const (
	fileSuffix = ".wal"
	oldSuffix  = ".old" // a freed file, kept to be recycled
)

// LSN is a position in the log: the number of frame bytes before it.
type LSN uint64

// file is one preallocated log file. All fields but freed are set before it is
// shared.
type file struct {
	vfs.File
	index     uint64
	name      string // base name
	size      int64  // preallocated bytes, header included
	first     LSN    // position of the first frame
	synced    LSN    // position that the header read says was durable; see header
	hasHeader bool   // the header was read and is valid
	refusal   error  // why Open refuses the file; Salvage reads it

	// freed is set before the bytes of a freed file change.
	freed atomic.Bool
}

// File is a log file in use: it holds the frames of [First, End).
type File struct {
	Index uint64
	Name  string // base name
	First LSN
	End   LSN
}

// Bytes returns the length of the file up to End: its header and its frames.
func (f File) Bytes() int64 { return HeaderSize + int64(f.End-f.First) }

func (f *file) offset(l LSN) int64 { return HeaderSize + int64(l-f.first) }

// room returns how many bytes of frames fit between tail and the file's end.
func (f *file) room(tail LSN) int64 { return f.size - f.offset(tail) }

// end returns the position at which the file is full.
func (f *file) end() LSN { return f.first + LSN(f.size-HeaderSize) }

// holds reports whether l is in the file or right after its last byte.
func (f *file) holds(l LSN) bool { return l >= f.first && l-f.first <= LSN(f.size-HeaderSize) }

// sync is Sync for an opening. Its error is a *SyncError.
func (f *file) sync() error {
	if err := f.Sync(); err != nil {
		return &SyncError{File: f.name, Err: err}
	}
	return nil
}

// FileName returns the base name of the log file of that index.
func FileName(index uint64) string { return fmt.Sprintf("%016x%s", index, fileSuffix) }

func oldName(index uint64) string { return fmt.Sprintf("%016x%s", index, oldSuffix) }

// ParseName returns the index of the log file of that base name. ok is false for
// the name of any other file.
func ParseName(name string) (index uint64, ok bool) { return parseIndex(name, fileSuffix) }

func parseIndex(name, suffix string) (uint64, bool) {
	stem, ok := strings.CutSuffix(name, suffix)
	if !ok || len(stem) != 16 {
		return 0, false
	}
	index, err := strconv.ParseUint(stem, 16, 64)
	return index, err == nil && index > 0 && stem == fmt.Sprintf("%016x", index)
}

// zeroStep is how many bytes one write zeroes: enough to be cheap, and few enough
// that other writes to the disk get their turn in between.
const zeroStep = 1 << 20

// createFile makes a file of size zeros whose bytes and name are durable. If it
// fails it removes the file.
func createFile(fsys vfs.FS, dir string, index uint64, size int64) (*file, error) {
	name := FileName(index)
	full := path.Join(dir, name)
	f, err := fsys.Create(full)
	if err != nil {
		return nil, err
	}
	if err := fillZeros(fsys, f, dir, size); err != nil {
		f.Close()
		if rerr := fsys.Remove(full); rerr != nil {
			return nil, fmt.Errorf("%w (and removing it: %w)", err, rerr)
		}
		return nil, err
	}
	return &file{File: f, index: index, name: name, size: size}, nil
}

func fillZeros(fsys vfs.FS, f vfs.File, dir string, size int64) error {
	if err := zeroRange(f, 0, size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

func zeroRange(f vfs.File, from, to int64) error {
	zeros := make([]byte, min(to-from, zeroStep))
	for ; from < to; from += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), to-from)], from); err != nil {
			return err
		}
	}
	return nil
}

// fileSize returns the size of a file for a frame of n bytes.
func (o *Options) fileSize(n int) int64 {
	return max(o.FileBytes, HeaderSize+int64(n)) &^ (frame.Align - 1)
}
