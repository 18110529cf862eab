package wal

import (
	"errors"
	"io"
)

// HeaderSize is the bytes of a log file before its frames.
const HeaderSize = headerSize

// Header is what the header of a log file in use says.
type Header struct {
	LogID, Index uint64
	First        LSN   // position of the first frame
	Size         int64 // of the whole file, as the log wants it
}

// ReadHeader reads the header of the log file of that base name. A file that
// was never put in use has none, and is not ok. Damage is a *CorruptionError,
// a version that this program does not know a *VersionError.
func ReadHeader(r io.ReaderAt, name string) (h Header, ok bool, err error) {
	b := make([]byte, headerSize)
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

// ParseName returns the index of the log file of that base name; not ok for
// any other file.
func ParseName(name string) (index uint64, ok bool) { return parseName(name) }

// FileName is the base name of the log file of that index.
func FileName(index uint64) string { return fileName(index) }
