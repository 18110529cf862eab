package segment

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

const (
	frameSize = 24 // size of a frame's header

	// MaxRecord bounds one record, in bytes. It is that of a frame of the log.
	MaxRecord = 1 << 30
	// maxRaw bounds the decompressed size of a frame, which may hold one record of
	// MaxRecord bytes.
	maxRaw = MaxRecord + 128
	// maxRatio bounds the compression ratio: zstd's smallest block has 4 bytes and
	// decompresses to at most 128 KiB. So a forged length cannot make a reader
	// allocate more than the stored bytes could decompress to.
	maxRatio = 128 << 10 / 4
)

// Magics of frames. A page of one kind is never mistaken for another.
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

// appendFrame appends raw, which must not be empty, as a frame.
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

// frameHead holds the lengths and the codec in a frame's header.
type frameHead struct{ stored, raw, codec uint32 }

// size returns the length of the whole frame, in bytes.
func (h frameHead) size() int { return frameSize + int(h.stored) }

// decodeFrameHead decodes the first frameSize bytes of a frame. It does not
// verify the checksum. cause is empty, or the reason why this is not such a
// frame.
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

// checkFrame verifies that b is exactly one frame with a valid checksum, and
// returns its header or the cause of the failure. It does not decompress.
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

// decodeFrame returns the content of the frame b in newly allocated memory, or
// the cause of the failure.
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
