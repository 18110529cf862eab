package socket

import "encoding/binary"

// The head of a frame (RFC 6455, section 5.2). A server's has no mask, a client's ends
// with one.
const (
	frameText   = 0x81 // a text message, whole
	frameMasked = 0x80 // in the byte of the length
	maskSize    = 4
	frameLong   = 126 // the length is in the next 2 bytes
	frameLonger = 127 // in the next 8
)

// appendFrameHead begins a frame that is a whole text message of n bytes.
func appendFrameHead(b []byte, n int) []byte {
	switch {
	case n < frameLong:
		return append(b, frameText, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, frameText, frameLong), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, frameText, frameLonger), uint64(n))
}
