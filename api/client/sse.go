package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// streamBuffer is read of a stream at a time.
	streamBuffer = 16 << 10
	// maxMessage bounds a message, in bytes: far above what a server sends, so
	// that something else at its address cannot fill the memory.
	maxMessage = 256 << 20
)

// message is one event of a text/event-stream. data is a slice of its own.
type message struct {
	event string // empty: none was named
	id    string // the last one that the stream gave, maybe with an earlier message
	data  []byte
}

// stream reads text/event-stream.
type stream struct {
	r       *bufio.Reader
	id      string
	comment func() // when not nil, told of each comment: they keep a stream alive
}

// newStream reads r; id is what messages have as long as r names none.
func newStream(r io.Reader, id string) *stream {
	return &stream{r: bufio.NewReaderSize(r, streamBuffer), id: id}
}

// next returns the next message that has data. A message that the stream
// breaks off in is not one.
func (s *stream) next() (m message, err error) {
	some := false // data lines, empty ones included
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
			m = message{} // an event without data is none
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
				return message{}, fmt.Errorf("a message of over %d bytes", maxMessage)
			}
			m.data = append(m.data, value...)
		}
		// retry is for browsers: the pauses here grow and are spread out, and
		// heed what an error asks for.
	}
}

// line returns a line without its end. It is valid until the next one.
func (s *stream) line() ([]byte, error) {
	line, err := s.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		whole := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) && len(whole) <= maxMessage {
			line, err = s.r.ReadSlice('\n')
			whole = append(whole, line...)
		}
		if len(whole) > maxMessage {
			return nil, fmt.Errorf("a line of over %d bytes", maxMessage)
		}
		line = whole
	}
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF // a stream has no end of its own
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}
