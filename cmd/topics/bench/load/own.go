package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
)

// AgainstTopic is the topic that is compared with other servers.
const AgainstTopic = "bench-against"

// SpeakHTTP returns writes of batch records over HTTP/1.1.
func SpeakHTTP(batch int) func(int) peer.Protocol {
	return func(int) peer.Protocol {
		return peer.Protocol{Request: WriteRequest(AgainstTopic, batch), Records: batch, Answer: answered}
	}
}

// answered reads the response at the start of b, which must be one of success.
func answered(b []byte) (peer.Answer, error) {
	h, err := parseHead(b)
	if err != nil || h.size == 0 {
		return peer.Answer{}, err
	}
	body, used, err := h.body(b[h.size:])
	if err != nil || used < 0 {
		return peer.Answer{}, err
	}
	if h.status != http.StatusOK && h.status != http.StatusCreated {
		return peer.Answer{}, fmt.Errorf("the server answered %d: %.300s", h.status, body)
	}
	return peer.Answer{Size: h.size + used, Acks: true}, nil
}

// SpeakSocket returns publishes of batch records over a WebSocket.
func SpeakSocket(batch int) func(int) peer.Protocol {
	return func(int) peer.Protocol {
		record := `{"data":"` + strings.Repeat("x", RecordBytes-2) + `"}`
		records := strings.TrimSuffix(strings.Repeat(record+",", batch), ",")
		message := `{"op":"publish","topic":"` + AgainstTopic + `","records":[` + records + `],"return_seqs":false,"disable_backpressure":true}`
		return peer.Protocol{Open: upgrade, Request: frame(message), Records: batch, Answer: acked}
	}
}

// upgrade makes a WebSocket of a connection.
func upgrade(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(ExchangeTimeout)); err != nil {
		return err
	}
	const request = "GET /v0/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := c.Write([]byte(request)); err != nil {
		return err
	}
	buf := make([]byte, maxHead)
	for n := 0; n < len(buf); {
		got, err := c.Read(buf[n:])
		if err != nil {
			return err
		}
		n += got
		if bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) { // nothing is sent before the first command
			if !bytes.HasPrefix(buf, []byte("HTTP/1.1 101 ")) {
				return fmt.Errorf("%w: an upgrade was answered with %.100q", errResponse, buf[:n])
			}
			return nil
		}
	}
	return fmt.Errorf("%w: the head is over %d bytes", errResponse, maxHead)
}

// The parts of a frame's head (RFC 6455, section 5.2).
const (
	frameFinal  = 0x80
	frameText   = 0x1
	framePing   = 0x9
	frameMasked = 0x80
	frameLong   = 126 // the length is in the next 2 bytes
	frameLonger = 127 // in the next 8
)

// frame renders a text frame of a client. Its mask is 0, so that the message stands
// in it as it is.
func frame(message string) []byte {
	b := []byte{frameFinal | frameText}
	switch n := len(message); {
	case n < frameLong:
		b = append(b, frameMasked|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, frameMasked|frameLong), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, frameMasked|frameLonger), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), message...)
}

var errFrame = errors.New("unexpected frame")

// acked reads the frame at the start of b: an acknowledgement, or a ping, which a
// client that is written to need not answer.
func acked(b []byte) (peer.Answer, error) {
	if len(b) < 2 {
		return peer.Answer{}, nil
	}
	size, at := int(b[1]), 2
	if size == frameLong {
		if len(b) < 4 {
			return peer.Answer{}, nil
		}
		size, at = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	if size > 0xffff || size == frameLonger {
		return peer.Answer{}, fmt.Errorf("%w: of %d", errFrame, size)
	}
	if len(b) < at+size {
		return peer.Answer{}, nil
	}
	message := b[at : at+size]
	switch {
	case b[0] == frameFinal|framePing:
		return peer.Answer{Size: at + size}, nil
	case b[0] != frameFinal|frameText || !bytes.HasPrefix(message, []byte(`{"op":"ack"`)):
		return peer.Answer{}, fmt.Errorf("%w: %#x %.300s", errFrame, b[0], message)
	}
	return peer.Answer{Size: at + size, Acks: true}, nil
}
