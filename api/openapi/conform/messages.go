package conform

import (
	"encoding/binary"
	"fmt"
)

// messages splits what a server sends over a WebSocket, in pieces, into
// messages, and checks each.
type messages struct {
	report  func(error)
	bytes   []byte // starts with the next frame
	message []byte // beginning of the next message
	lost    bool   // an invalid frame was reported; what follows cannot be parsed
}

// Parts of the first byte of a frame, and of the second.
const (
	finalFrame = 0x80
	opcode     = 0x0f // frames from controlFrame on have no message
	masked     = 0x80

	textFrame    = 1 // continued in frames of 0
	controlFrame = 8
)

// take processes the next piece.
func (m *messages) take(piece []byte) {
	if m.lost {
		return
	}
	m.bytes = append(m.bytes, piece...)
	for len(m.bytes) >= 2 {
		head := m.bytes[0]
		op := head & opcode
		// Extensions, which use the bits in between, are never negotiated.
		if head&^(finalFrame|opcode) != 0 || m.bytes[1]&masked != 0 || op > textFrame && op < controlFrame {
			m.report(fmt.Errorf("a WebSocket frame begins with %#x, and is no text of a server", m.bytes[:2]))
			m.lost, m.bytes = true, nil
			return
		}
		payload, behind, whole := cutFrame(m.bytes)
		if !whole {
			return
		}
		m.bytes = behind
		if op >= controlFrame {
			continue
		}
		m.message = append(m.message, payload...)
		if head&finalFrame != 0 {
			if err := Load().CheckMessage(m.message); err != nil {
				m.report(err)
			}
			m.message = m.message[:0]
		}
	}
}

// cutFrame splits an unmasked frame off b, which has at least two bytes. whole
// reports whether b has all of it.
func cutFrame(b []byte) (payload, behind []byte, whole bool) {
	size, b := uint64(b[1]), b[2:]
	switch {
	case size == 126 && len(b) >= 2:
		size, b = uint64(binary.BigEndian.Uint16(b)), b[2:]
	case size == 127 && len(b) >= 8:
		size, b = binary.BigEndian.Uint64(b), b[8:]
	case size >= 126:
		return nil, nil, false
	}
	if size > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:size], b[size:], true
}
