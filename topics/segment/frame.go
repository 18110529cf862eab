package segment

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

const (
	frameSize = 24 // bytes before the stored ones

	// MaxRecord bounds one record, in bytes: as much as a frame of the log holds.
	MaxRecord = 1 << 30
	// maxRaw bounds what a frame decompresses to: one record in a block of its
	// own.
	maxRaw = MaxRecord + 128
	// maxRatio bounds it by what is stored: zstd's smallest block has 4 bytes
	// and makes at most 128 KiB of them. So no length asks for memory that the
	// bytes there cannot fill.
	maxRatio = 128 << 10 / 4
)

// The magics of frames. A page of one kind is never taken for another.
const (
	blockMagic     uint32 = 0x6b636c62 // "blck"
	extentMagic    uint32 = 0x746e7478 // "xtnt"
	tagsMagic      uint32 = 0x73676174 // "tags"
	directoryMagic uint32 = 0x79726964 // "diry"
	tableMagic     uint32 = 0x6c626174 // "tabl"
)

const (
	codecNone uint32 = iota
	codecZstd
)

// appendFrame appends raw, which is not empty, as a frame.
func appendFrame(dst []byte, magic uint32, seed uint64, raw []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, frameSize)...)
	dst = encoder().EncodeAll(raw, dst)
	codec := codecZstd
	if len(dst)-at-frameSize >= len(raw) {
		dst = append(dst[:at+frameSize], raw...)
		codec = codecNone
	}
	head := dst[at : at+frameSize]
	binary.LittleEndian.PutUint32(head, magic)
	binary.LittleEndian.PutUint32(head[4:], uint32(len(dst)-at-frameSize))
	binary.LittleEndian.PutUint32(head[8:], uint32(len(raw)))
	binary.LittleEndian.PutUint32(head[12:], codec)
	binary.LittleEndian.PutUint64(head[16:], frameSum(dst[at:], seed))
	return dst
}

func frameSum(frame []byte, seed uint64) uint64 {
	var b [24]byte
	copy(b[:16], frame)
	binary.LittleEndian.PutUint64(b[16:], xxh3.HashSeed(frame[frameSize:], seed))
	return xxh3.HashSeed(b[:], seed)
}

// frameHead is the part of a frame's header that says what follows.
type frameHead struct{ stored, raw, codec uint32 }

// size is the whole frame's length in bytes.
func (h frameHead) size() int { return frameSize + int(h.stored) }

// decodeFrameHead reads the first frameSize bytes of a frame. Its sum is not
// verified. cause is why it cannot be a frame of that kind, empty if it can.
func decodeFrameHead(b []byte, magic uint32) (h frameHead, cause string) {
	if len(b) < frameSize || binary.LittleEndian.Uint32(b) != magic {
		return h, "no frame begins here"
	}
	h = frameHead{
		stored: binary.LittleEndian.Uint32(b[4:]),
		raw:    binary.LittleEndian.Uint32(b[8:]),
		codec:  binary.LittleEndian.Uint32(b[12:]),
	}
	switch {
	case h.raw == 0 || h.raw > maxRaw || h.codec > codecZstd,
		h.codec == codecNone && h.stored != h.raw,
		h.codec == codecZstd && (h.stored >= h.raw || uint64(h.raw) > uint64(h.stored)*maxRatio):
		return h, "the frame's lengths are impossible"
	}
	return h, ""
}

// checkFrame holds that b is exactly one frame whose sum is right, and returns
// its header, or the cause why not. Nothing is decompressed.
func checkFrame(b []byte, magic uint32, seed uint64) (h frameHead, cause string) {
	h, cause = decodeFrameHead(b, magic)
	switch {
	case cause != "":
	case h.size() != len(b):
		cause = "the frame has another length than the index says"
	case frameSum(b, seed) != binary.LittleEndian.Uint64(b[16:]):
		cause = "the checksum does not hold"
	}
	return h, cause
}

// decodeFrame is the content of the frame b, in memory of its own, or the
// cause why there is none.
func decodeFrame(b []byte, magic uint32, seed uint64) (raw []byte, cause string) {
	h, cause := checkFrame(b, magic, seed)
	if cause != "" {
		return nil, cause
	}
	if h.codec == codecNone {
		return append(make([]byte, 0, h.raw), b[frameSize:]...), ""
	}
	raw, err := decoder().DecodeAll(b[frameSize:], make([]byte, 0, h.raw))
	if err != nil || len(raw) != int(h.raw) {
		return nil, "the content does not decompress"
	}
	return raw, ""
}
