package socket

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net"
)

// framer is the net.Conn that the library has. It gives the library no byte of the next
// frame before that has asked for one, so that between two frames all that has
// been read and not used is in buf.
type framer struct {
	net.Conn
	buf  *bufio.Reader // of Conn
	left int64         // bytes of the frame that is being read
}

// newFramer returns the framer of a connection, from which buf has read what it has.
func newFramer(conn net.Conn, buf *bufio.Reader) *framer {
	f := &framer{conn, buf, 0}
	buf.Reset(io.MultiReader(bytes.NewReader(f.buffered()), conn))
	return f
}

// buffered takes what has been read and not used.
func (f *framer) buffered() []byte {
	b, _ := f.buf.Peek(f.buf.Buffered()) // they are there
	b = bytes.Clone(b)
	_, _ = f.buf.Discard(len(b)) // as above
	return b
}

// Read implements net.Conn.
func (f *framer) Read(p []byte) (int, error) {
	if f.left == 0 {
		head, err := f.buf.Peek(2)
		if err == nil {
			head, err = f.buf.Peek(headSize(head))
		}
		switch has := f.buf.Buffered(); {
		case err != nil && has == 0:
			return 0, err
		case err != nil:
			f.left = int64(has) // the library finds that the head ends too soon
		default:
			f.left = int64(len(head)) + payloadSize(head)
		}
		if f.left < 0 {
			f.left = math.MaxInt64 // the library refuses it
		}
	}
	n, err := f.buf.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, err
}

// headSize returns the size of a frame's head, of which b has the first 2 bytes.
func headSize(b []byte) int {
	n := 2
	switch b[1] & 0x7f {
	case frameLong:
		n += 2
	case frameLonger:
		n += 8
	}
	if b[1]&frameMasked != 0 {
		n += maskSize
	}
	return n
}

// payloadSize returns what follows a whole head. It may be negative in one that the
// RFC does not allow.
func payloadSize(head []byte) int64 {
	switch n := head[1] & 0x7f; n {
	case frameLong:
		return int64(binary.BigEndian.Uint16(head[2:]))
	case frameLonger:
		return int64(binary.BigEndian.Uint64(head[2:]))
	default:
		return int64(n)
	}
}

// cutText finds the frame at the start of b, which must be a whole text message with a
// mask. It returns the size of the frame, 0 if b has only a part of it, and
// the mask and payload, which are parts of b. ok is false if it is anything else.
func cutText(b []byte) (size int, mask, payload []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, true
	}
	if b[0] != frameText || b[1]&frameMasked == 0 || b[1]&0x7f == frameLonger {
		return 0, nil, nil, false
	}
	head := headSize(b)
	if len(b) < head {
		return 0, nil, nil, true
	}
	size = head + int(payloadSize(b[:head]))
	if len(b) < size {
		return 0, nil, nil, true
	}
	return size, b[head-maskSize : head], b[head:size], true
}

// applyMask masks b, or takes the mask away.
func applyMask(mask, b []byte) {
	m := uint64(binary.LittleEndian.Uint32(mask))
	if m == 0 {
		return
	}
	m |= m << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^m)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= mask[i%maskSize]
	}
}
