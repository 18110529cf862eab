package conform

import (
	"bytes"
	"fmt"
	"slices"
)

// events splits a stream that arrives in pieces into events, and checks each.
type events struct {
	report func(error)
	path   string // of the stream
	line   []byte // beginning of the next line
	name   string
	data   [][]byte // lines
}

// take processes the next piece.
func (e *events) take(piece []byte) {
	for {
		begin, rest, ends := bytes.Cut(piece, []byte("\n"))
		e.line = append(e.line, begin...)
		if !ends {
			return
		}
		e.field(bytes.TrimSuffix(e.line, []byte("\r")))
		e.line, piece = e.line[:0], rest
	}
}

// field processes a line, which is a field, a comment, or the end of an event.
func (e *events) field(line []byte) {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		e.name = string(value)
	case "data":
		e.data = append(e.data, slices.Clone(value))
	case "id", "retry":
	case "":
		if len(line) == 0 {
			e.end()
		}
	default:
		e.report(fmt.Errorf("a stream has the line %.2000q", line))
	}
}

func (e *events) end() {
	if e.name != "" || e.data != nil {
		if err := Load().CheckEvent(e.path, e.name, bytes.Join(e.data, []byte("\n"))); err != nil {
			e.report(err)
		}
	}
	e.name, e.data = "", nil
}
