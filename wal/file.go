package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/zeebo/xxh3"
)

const (
	headerSize    = 64
	formatVersion = 1
	fileSuffix    = ".wal"
	oldSuffix     = ".old" // a released file that waits to become a spare
	headerSynced  = 40     // offset of synced in a file's header
)

var magic = [8]byte{'t', 'o', 'p', 'i', 'c', 'w', 'a', 'l'}

// LSN is a position in the log: the number of frame bytes before it.
type LSN uint64

// file is one preallocated log file. All fields are set before it is shared.
type file struct {
	vfs.File
	index  uint64
	name   string // base name
	size   int64  // preallocated bytes, header included
	first  LSN    // position of the first frame
	synced LSN    // what the header that was read says was durable; see header
	headed bool   // the header was read: what it says is known
	fault  error  // why Open refuses the file, for Salvage

	// released is set before the bytes of a file that is given back change.
	released atomic.Bool
}

// File is a log file in use: it holds the frames of [First, End).
type File struct {
	Index uint64
	Name  string // base name
	First LSN
	End   LSN
}

// Bytes is the length of the file up to End: its header and its frames.
func (f File) Bytes() int64 { return headerSize + int64(f.End-f.First) }

func (f *file) offset(l LSN) int64 { return headerSize + int64(l-f.first) }

// room is how many frame bytes fit between tail and the file's end.
func (f *file) room(tail LSN) int64 { return f.size - f.offset(tail) }

// end is the position at which the file is full.
func (f *file) end() LSN { return f.first + LSN(f.size-headerSize) }

// holds says that l stands in the file or right behind its last byte.
func (f *file) holds(l LSN) bool { return l >= f.first && l-f.first <= LSN(f.size-headerSize) }

// sync is Sync for an opening, which must tell a failed one from other errors.
func (f *file) sync() error {
	if err := f.Sync(); err != nil {
		return &SyncError{File: f.name, Err: err}
	}
	return nil
}

// header is the first 64 bytes of a file in use:
//
//	magic 8 | version 4 | zero 4 | log id 8 | index 8 | first 8 | synced 8 | size 8 | XXH3-64 8
//
// synced is a position below which everything was durable when the file was
// put in use. size is the file's length, which was durable before that.
type header struct {
	logID, index  uint64
	first, synced LSN
	size          int64
}

func (h header) encode() []byte {
	b := make([]byte, headerSize)
	copy(b, magic[:])
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint64(b[16:], h.logID)
	binary.LittleEndian.PutUint64(b[24:], h.index)
	binary.LittleEndian.PutUint64(b[32:], uint64(h.first))
	binary.LittleEndian.PutUint64(b[40:], uint64(h.synced))
	binary.LittleEndian.PutUint64(b[48:], uint64(h.size))
	binary.LittleEndian.PutUint64(b[56:], xxh3.Hash(b[:56]))
	return b
}

// decodeHeader reads the header of the file of that name. Not ok means that
// there is none: the file was never put in use, or the header was torn, or it
// is damaged. A version this program does not know is a *VersionError,
// whatever else the header holds: only the first 12 bytes are the same in
// every format. A header of another file is a *CorruptionError: no crash
// makes one.
func decodeHeader(b []byte, name string) (h header, ok bool, err error) {
	if len(b) < headerSize || !bytes.Equal(b[:8], magic[:]) {
		return h, false, nil
	}
	// A header torn by the power has version zero. Where the checksum holds for
	// this program's version, it is only the version that is damaged.
	if v := binary.LittleEndian.Uint32(b[8:]); v != formatVersion && v != 0 {
		known := bytes.Clone(b[:56])
		binary.LittleEndian.PutUint32(known[8:], formatVersion)
		if xxh3.Hash(known) == binary.LittleEndian.Uint64(b[56:]) {
			return h, false, nil
		}
		return h, false, &VersionError{File: name, Found: v, Known: formatVersion}
	}
	if xxh3.Hash(b[:56]) != binary.LittleEndian.Uint64(b[56:]) {
		return h, false, nil
	}
	h = header{
		logID:  binary.LittleEndian.Uint64(b[16:]),
		index:  binary.LittleEndian.Uint64(b[24:]),
		first:  LSN(binary.LittleEndian.Uint64(b[32:])),
		synced: LSN(binary.LittleEndian.Uint64(b[40:])),
		size:   int64(binary.LittleEndian.Uint64(b[48:])),
	}
	if fileName(h.index) != name {
		return h, false, &CorruptionError{File: name, LSN: h.first,
			Cause: "holds the header of " + fileName(h.index), Proof: "the header is whole"}
	}
	return h, true, nil
}

func fileName(index uint64) string { return fmt.Sprintf("%016x%s", index, fileSuffix) }

func oldName(index uint64) string { return fmt.Sprintf("%016x%s", index, oldSuffix) }

func parseName(name string) (uint64, bool) { return parseIndex(name, fileSuffix) }

func parseIndex(name, suffix string) (uint64, bool) {
	stem, ok := strings.CutSuffix(name, suffix)
	if !ok || len(stem) != 16 {
		return 0, false
	}
	index, err := strconv.ParseUint(stem, 16, 64)
	return index, err == nil && index > 0 && stem == fmt.Sprintf("%016x", index)
}

// zeroStep is how much is zeroed per write: big enough to be cheap, small
// enough to leave the disk to others in between.
const zeroStep = 1 << 20

// createFile makes a file of size zeros whose bytes and name are durable. On
// failure nothing is left behind.
func createFile(fsys vfs.FS, dir string, index uint64, size int64) (*file, error) {
	name := fileName(index)
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

// fileSize is the size of a file that is to hold a frame of n bytes.
func (o *Options) fileSize(n int) int64 {
	return max(o.FileBytes, headerSize+int64(n)) &^ (frame.Align - 1)
}
