// Package frame encodes and decodes the log's frames, which are written whole or not
// at all.
//
//	 0        4     5      6        8         16        24        32
//	+--------+-----+------+--------+---------+---------+---------+---------+-----+
//	| length | typ | zero | zero   | lsn     | synced  | sum     | payload | pad |
//	+--------+-----+------+--------+---------+---------+---------+---------+-----+
//
// All integers are little endian. length is the payload's. lsn is the frame's
// own position in the logical log, so that stale or misplaced bytes are recognized. synced is a position below which everything was durable when the
// frame was made: so a later frame proves that an earlier one had been on disk. sum is XXH3-64, seeded with the log's id, over the first 24
// bytes and the XXH3-64 (same seed) of the payload. Frames are padded with
// zeros to a multiple of 8.
package frame

import (
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"
)

const (
	// HeaderSize is the number of bytes before the payload.
	HeaderSize = 32
	// Align divides the size of every frame.
	Align = 8
	// MaxPayload bounds a frame, so that a damaged length cannot ask for
	// more memory than a file may hold.
	MaxPayload = 1 << 30
)

// The errors of Decode. A log ends with ErrEmpty or ErrShort; ErrBad is anything
// else.
var (
	// ErrEmpty: the header is all zeros; nothing was ever written here.
	ErrEmpty = errors.New("frame: empty")
	// ErrShort: the buffer ends before the frame does.
	ErrShort = errors.New("frame: short")
	// ErrBad: the bytes are no frame of this log at this position.
	ErrBad = errors.New("frame: bad header or checksum")
)

// Frame is one decoded frame. Payload aliases the buffer it was decoded from.
type Frame struct {
	Type    byte
	LSN     uint64
	Synced  uint64
	Payload []byte
}

// Size returns how many bytes a frame with that many bytes of payload takes in the
// log.
func Size(payload int) int {
	return (HeaderSize + payload + Align - 1) &^ (Align - 1)
}

// Seal writes the header and the padding of a frame whose payload already is at
// buf[HeaderSize:HeaderSize+payload]. buf has Size(payload) bytes.
func Seal(buf []byte, typ byte, logID, lsn, synced uint64, payload int) {
	binary.LittleEndian.PutUint32(buf, uint32(payload))
	binary.LittleEndian.PutUint32(buf[4:], uint32(typ))
	binary.LittleEndian.PutUint64(buf[8:], lsn)
	binary.LittleEndian.PutUint64(buf[16:], synced)
	end := HeaderSize + payload
	binary.LittleEndian.PutUint64(buf[24:], sum(buf[:24], buf[HeaderSize:end], logID))
	clear(buf[end:])
}

func sum(head, payload []byte, logID uint64) uint64 {
	var b [32]byte
	copy(b[:24], head)
	binary.LittleEndian.PutUint64(b[24:], xxh3.HashSeed(payload, logID))
	return xxh3.HashSeed(b[:], logID)
}

// LSN returns the position in the header at buf, which has at least HeaderSize bytes.
// It verifies nothing.
func LSN(buf []byte) uint64 { return binary.LittleEndian.Uint64(buf[8:]) }

// Type returns the type in the header at buf. It verifies nothing.
func Type(buf []byte) byte { return buf[4] }

// Claimed returns the frame's size according to the header at buf, which has at least
// 4 bytes. ok is false if a frame cannot be that large. Nothing else is verified.
func Claimed(buf []byte) (size int, ok bool) {
	n := binary.LittleEndian.Uint32(buf)
	return Size(int(n)), n <= MaxPayload
}

// PayloadSize returns the payload's length in the header at buf. It verifies nothing.
func PayloadSize(buf []byte) int { return int(binary.LittleEndian.Uint32(buf)) }

// Payload returns the payload of the sealed frame at the start of buf, which is known
// to be whole. It verifies nothing.
func Payload(buf []byte) []byte {
	end := HeaderSize + int(binary.LittleEndian.Uint32(buf))
	return buf[HeaderSize:end:end]
}

// Decode reads the frame at the start of buf, which must be the one at lsn in
// the log of that id. It returns the frame and the bytes it takes.
func Decode(buf []byte, logID, lsn uint64) (Frame, int, error) {
	if len(buf) < HeaderSize {
		return Frame{}, 0, ErrShort
	}
	if emptyHeader(buf) {
		return Frame{}, 0, ErrEmpty
	}
	size, ok := Claimed(buf)
	if !ok || LSN(buf) != lsn || buf[4] == 0 || buf[5]|buf[6]|buf[7] != 0 {
		return Frame{}, 0, ErrBad
	}
	if len(buf) < size {
		return Frame{}, size, ErrShort
	}
	n := int(binary.LittleEndian.Uint32(buf))
	payload := buf[HeaderSize : HeaderSize+n : HeaderSize+n]
	if sum(buf[:24], payload, logID) != binary.LittleEndian.Uint64(buf[24:]) {
		return Frame{}, 0, ErrBad
	}
	for _, b := range buf[HeaderSize+n : size] {
		if b != 0 {
			return Frame{}, 0, ErrBad
		}
	}
	return Frame{
		Type:    buf[4],
		LSN:     lsn,
		Synced:  binary.LittleEndian.Uint64(buf[16:]),
		Payload: payload,
	}, size, nil
}

func emptyHeader(buf []byte) bool {
	return binary.LittleEndian.Uint64(buf)|binary.LittleEndian.Uint64(buf[8:])|
		binary.LittleEndian.Uint64(buf[16:])|binary.LittleEndian.Uint64(buf[24:]) == 0
}
