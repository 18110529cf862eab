package api

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

// Opcodes of frames (RFC 6455, section 5.2).
const (
	opMore   = 0x0
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

// clientFrame is a frame with a mask of the generator's, and with a length that may be
// spelled longer than it need be.
func clientFrame(rng *rand.Rand, final bool, op byte, payload []byte) []byte {
	if final {
		op |= 0x80
	}
	b := []byte{op}
	n, longer := len(payload), 0
	if op&0x8 == 0 { // of control frames the length has one byte
		longer = []int{0, 0, 0, 0, 0, 0, 1, 2}[rng.IntN(8)]
	}
	switch {
	case n > 0xffff || longer == 2:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	case n > 125 || longer == 1:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = append(b, 0x80|byte(n))
	}
	mask := binary.BigEndian.AppendUint32(nil, rng.Uint32())
	if rng.IntN(4) == 0 {
		clear(mask)
	}
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// readServerFrame reads a frame of the server: whole, and without a mask.
func readServerFrame(r *bufio.Reader) (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	if head[0]&0xf0 != 0x80 || n > 127 {
		return 0, nil, fmt.Errorf("a frame that begins with %x", head)
	}
	more := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
	if _, err := io.ReadFull(r, more); err != nil {
		return 0, nil, err
	}
	if len(more) > 0 {
		n = 0
		for _, b := range more {
			n = n<<8 | uint64(b)
		}
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return head[0] & 0xf, payload, err
}
