package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"
)

// HeaderSize is the length of a log file's header in bytes.
const HeaderSize = 64

const (
	formatVersion = 1
	headerSynced  = 40 // offset of synced in a header
	// maxVersion is the largest version that a format will have. A header with a
	// larger one is damaged.
	maxVersion = 1<<16 - 1
)

var magic = [8]byte{'t', 'o', 'p', 'i', 'c', 'w', 'a', 'l'}

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
	b := make([]byte, HeaderSize)
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

// decodeHeader decodes the header of the file of that name. ok is false if there
// is none: the file was never put in use, or its header is torn or damaged. A
// version that this program does not know is a *VersionError, whatever else the
// header holds: only the first 12 bytes are the same in every format. The header of
// another file is a *CorruptionError: no crash makes one.
func decodeHeader(b []byte, name string) (h header, ok bool, err error) {
	if len(b) < HeaderSize || !bytes.Equal(b[:8], magic[:]) {
		return h, false, nil
	}
	// A header torn by a power cut has version zero. If the checksum is right for
	// this program's version, or the version is one that no format will have, the
	// header is damaged.
	if v := binary.LittleEndian.Uint32(b[8:]); v != formatVersion && v != 0 {
		known := bytes.Clone(b[:56])
		binary.LittleEndian.PutUint32(known[8:], formatVersion)
		if v > maxVersion || xxh3.Hash(known) == binary.LittleEndian.Uint64(b[56:]) {
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
	if FileName(h.index) != name {
		return h, false, &CorruptionError{File: name, LSN: h.first,
			Cause: "holds the header of " + FileName(h.index), Proof: "the header is whole"}
	}
	return h, true, nil
}

// Header is the header of a log file in use.
type Header struct {
	LogID, Index uint64
	First        LSN   // position of the first frame
	Size         int64 // of the whole file, as the log wants it
}

// ReadHeader reads the header of the log file of that base name. ok is false for
// a file that was never put in use. A damaged header is a *CorruptionError, and a
// version that this program does not know a *VersionError.
func ReadHeader(r io.ReaderAt, name string) (h Header, ok bool, err error) {
	b := make([]byte, HeaderSize)
	n, err := r.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return h, false, err
	}
	d, ok, err := decodeHeader(b[:n], name)
	switch {
	case err != nil:
		return h, false, err
	case !ok && lastNonzero(b[:n]) > 0:
		return h, false, &CorruptionError{File: name, Cause: "header damaged"}
	case !ok:
		return h, false, nil
	}
	return Header{d.logID, d.index, d.first, d.size}, true, nil
}

// CheckHeader returns a *CorruptionError or a *VersionError unless b, the bytes of
// the file before its frames, is its header in the log logID.
func (f File) CheckHeader(b []byte, logID uint64) error {
	h, ok, err := decodeHeader(b, f.Name)
	switch {
	case err != nil:
		return err
	case !ok:
		return &CorruptionError{File: f.Name, LSN: f.First, Cause: "header missing or damaged"}
	case h.logID != logID:
		return &CorruptionError{File: f.Name, LSN: f.First, Cause: fmt.Sprintf("belongs to log %016x, not %016x", h.logID, logID)}
	case h.first != f.First:
		return &CorruptionError{File: f.Name, LSN: f.First, Cause: fmt.Sprintf("begins at lsn %d", h.first)}
	}
	return nil
}
