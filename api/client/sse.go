package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// streamBuffer is the size of the buffer of a stream, in bytes.
	streamBuffer = 16 << 10
	// maxMessage bounds a message, in bytes. It is far above what the server
	// sends, and prevents another program at its address from filling the memory.
	maxMessage = 256 << 20
)

// message is one event of a text/event-stream. It owns data.
type message struct {
	event string // may be empty
	id    string // the last id in the stream, possibly from an earlier message
	data  []byte
}

// stream reads a text/event-stream.
type stream struct {
	r       *bufio.Reader
	id      string
	comment func() // if not nil, called for each comment; the server sends them to keep a stream alive
}

// newStream returns a stream of r. Messages have this id until r gives one.
func newStream(r io.Reader, id string) *stream {
	return &stream{r: bufio.NewReaderSize(r, streamBuffer), id: id}
}

// next returns the next message that has data. It discards a message that is
// cut off by the end of the stream.
func (s *stream) next() (m message, err error) {
	some := false // there were data lines, possibly empty ones
	for {
		line, err := s.line()
		if err != nil {
			return message{}, err
		}
		if len(line) == 0 {
			if some {
				m.id = s.id
				return m, nil
			}
			m = message{} // an event without data is discarded
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "":
			if s.comment != nil {
				s.comment()
			}
		case "event":
			m.event = string(value)
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				s.id = string(value)
			}
		case "data":
			if some {
				m.data = append(m.data, '\n')
			}
			some = true
			if len(m.data)+len(value) > maxMessage {
				return message{}, fmt.Errorf("message is longer than %d bytes", maxMessage)
			}
			m.data = append(m.data, value...)
		}
		// retry is ignored: it is meant for browsers. The pauses of this package
		// grow, are randomized, and respect Retry-After.
	}
}

// line returns a line without its end. It is valid until the next call.
func (s *stream) line() ([]byte, error) {
	line, err := s.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		whole := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) && len(whole) <= maxMessage {
			line, err = s.r.ReadSlice('\n')
			whole = append(whole, line...)
		}
		if len(whole) > maxMessage {
			return nil, fmt.Errorf("line is longer than %d bytes", maxMessage)
		}
		line = whole
	}
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF // a stream never ends in order
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}
