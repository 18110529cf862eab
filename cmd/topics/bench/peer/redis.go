package peer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// redis appends to a stream, with a sync before each answer. Its log is not
// rewritten during a measurement.
var redis = &Peer{
	Name: "redis", program: "redis-server", debian: "redis-server",
	arguments: func(dir, port string) ([]string, error) {
		return []string{
			"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--logfile", "log",
			"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0",
		}, nil
	},
	speak: func(_, bytes int) Protocol {
		return Protocol{Request: command("XADD", stream, "*", "d", strings.Repeat("x", bytes)), Records: 1, Answer: added}
	},
}

// stream is the name of what all peers write to.
const stream = "bench"

// errReply is wrapped by the errors of replies that are not as expected.
var errReply = errors.New("unexpected reply")

// command renders a command as an array of bulk strings.
func command(words ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// added reads the answer to XADD: the ID.
func added(b []byte) (Answer, error) {
	if len(b) > 0 && b[0] != '$' {
		return Answer{}, fmt.Errorf("%w: %.100q", errReply, b)
	}
	_, size, err := bulk(b)
	return Answer{Size: size, Acks: size > 0}, err
}

// bulk reads the bulk string at the start of b. The size is 0 if it is incomplete.
func bulk(b []byte) (s []byte, size int, err error) {
	n, at, err := number('$', b)
	if err != nil || at == 0 {
		return nil, 0, err
	}
	size = at + n + 2
	if len(b) < size {
		return nil, 0, nil
	}
	if string(b[at+n:size]) != "\r\n" {
		return nil, 0, fmt.Errorf("%w: a string does not end", errReply)
	}
	return b[at : at+n], size, nil
}

// mostReply bounds the numbers in replies.
const mostReply = 64 << 20

// number reads a line of a type and a number. The size is 0 if it is incomplete.
func number(kind byte, b []byte) (n, size int, err error) {
	line, rest, whole := bytes.Cut(b, []byte("\r\n"))
	if !whole && len(line) < 32 {
		return 0, 0, nil
	}
	if len(line) < 2 || line[0] != kind {
		return 0, 0, fmt.Errorf("%w: %.100q instead of %c", errReply, line, kind)
	}
	n, err = strconv.Atoi(string(line[1:]))
	if err != nil || n < 0 || n > mostReply {
		return 0, 0, fmt.Errorf("%w: %.100q", errReply, line)
	}
	return n, len(b) - len(rest), nil
}

// Reading is a reader of redis's stream, page by page. It starts over at the end.
type Reading struct {
	page string
	last []byte // the ID of the last record
}

// NewReading returns a reader of pages of some records.
func NewReading(page int) *Reading { return &Reading{page: strconv.Itoa(page), last: []byte("0")} }

// Request renders the request for the next page.
func (r *Reading) Request() []byte {
	return command("XREAD", "COUNT", r.page, "STREAMS", stream, string(r.last))
}

// Page reads the page at the start of b: how many records it has, and its size,
// which is 0 if it is incomplete. A page without records is the end.
func (r *Reading) Page(b []byte) (records, size int, err error) {
	if string(b) == "*-1\r\n" {
		r.last = []byte("0")
		return 0, len(b), nil
	}
	at := 0
	for _, want := range []string{"*1\r\n", "*2\r\n", "$5\r\n", stream + "\r\n"} {
		if len(b)-at < len(want) {
			return 0, 0, nil
		}
		if string(b[at:at+len(want)]) != want {
			return 0, 0, fmt.Errorf("%w: %.100q instead of %q", errReply, b[at:], want)
		}
		at += len(want)
	}
	n, size, err := number('*', b[at:])
	if err != nil || size == 0 {
		return 0, 0, err
	}
	at += size
	var last []byte
	for range n {
		id, size, err := entry(b[at:])
		if err != nil || size == 0 {
			return 0, 0, err
		}
		at += size
		last = id
	}
	r.last = append(r.last[:0], last...)
	return n, at, nil
}

// entry reads a record: its ID, and an array of fields and values.
func entry(b []byte) (id []byte, size int, err error) {
	two, at, err := number('*', b)
	if err != nil || at == 0 {
		return nil, 0, err
	}
	if two != 2 {
		return nil, 0, fmt.Errorf("%w: a record of %d parts", errReply, two)
	}
	id, size, err = bulk(b[at:])
	if err != nil || size == 0 {
		return nil, 0, err
	}
	at += size
	n, size, err := number('*', b[at:])
	if err != nil || size == 0 {
		return nil, 0, err
	}
	at += size
	for range n {
		_, size, err := bulk(b[at:])
		if err != nil || size == 0 {
			return nil, 0, err
		}
		at += size
	}
	return id, at, nil
}
