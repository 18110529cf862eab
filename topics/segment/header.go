package segment

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/zeebo/xxh3"
)

const (
	headerSize    = 64
	formatVersion = 1
	// maxVersion is the largest version that a format will have. A header with a
	// larger one is damaged.
	maxVersion = 1<<16 - 1
)

type fileMagic [8]byte

var (
	dataMagic  = fileMagic{'t', 'o', 'p', 'i', 'c', 's', 'e', 'g'}
	indexMagic = fileMagic{'t', 'o', 'p', 'i', 'c', 'i', 'd', 'x'}
)

// header is the first 64 bytes of both files; see the package comment.
type header struct{ logID, id uint64 }

func (h header) encode(magic fileMagic) []byte {
	b := make([]byte, headerSize)
	copy(b, magic[:])
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint64(b[16:], h.logID)
	binary.LittleEndian.PutUint64(b[24:], h.id)
	binary.LittleEndian.PutUint64(b[56:], xxh3.Hash(b[:56]))
	return b
}

// headerSum returns the header's checksum, the seed of the checksums in the
// index.
func headerSum(b []byte) uint64 { return binary.LittleEndian.Uint64(b[56:]) }

// decodeHeader decodes the header of a file. An unknown version is a
// *VersionError whatever else the header holds, since only the first 12 bytes
// are the same in all formats. But if the checksum is right for this program's
// version, or the version is one that no format will have, the header is damaged.
func decodeHeader(b []byte, magic fileMagic, file string) (h header, err error) {
	if len(b) < headerSize || !bytes.Equal(b[:8], magic[:]) {
		return h, damaged(file, 0, "no header of a segment")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != formatVersion {
		known := bytes.Clone(b[:56])
		binary.LittleEndian.PutUint32(known[8:], formatVersion)
		if v > maxVersion || xxh3.Hash(known) == headerSum(b) {
			return h, damaged(file, 8, "the version is damaged")
		}
		return h, &VersionError{File: file, Found: v, Known: formatVersion}
	}
	if xxh3.Hash(b[:56]) != headerSum(b) {
		return h, damaged(file, 0, "the header's checksum does not hold")
	}
	return header{binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])}, nil
}

// readHeader reads the header of a file and verifies that it is want.
func readHeader(f vfs.File, magic fileMagic, file string, want header) ([]byte, error) {
	b := make([]byte, headerSize)
	if err := readFull(f, file, b, 0); err != nil {
		return nil, err
	}
	h, err := decodeHeader(b, magic, file)
	if err == nil && h != want {
		err = damaged(file, 0, fmt.Sprintf("it is segment %016x of log %016x", h.id, h.logID))
	}
	return b, err
}

// readFull is readWithin without a limit on the time.
func readFull(f vfs.File, file string, p []byte, off int64) error {
	return readWithin(context.Background(), f, file, p, off)
}

// readWithin fills p from offset off. If the file ends before, it is damaged;
// errors of the file system are returned as they are. If the read has to wait
// for others, it ends with ctx.
func readWithin(ctx context.Context, f vfs.File, file string, p []byte, off int64) error {
	n, err := vfs.ReadAt(ctx, f, p, off)
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return damaged(file, off, "the file ends here")
	}
	return fmt.Errorf("segment: read %s at %d: %w", file, off, err)
}
