package load

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// maxHead and maxBody bound the size of a response.
const (
	maxHead = 16 << 10
	maxBody = 64 << 20
)

// errResponse is wrapped by all errors about malformed responses.
var errResponse = errors.New("malformed response")

// head is the part of a response's head that is needed to find the end of the
// body.
type head struct {
	status  int
	size    int   // size of the head, including the empty line
	length  int64 // length of the body; -1 if it is chunked
	chunked bool
}

// parseHead parses the head of an HTTP/1.1 response at the start of b. It
// returns a zero head if b does not contain all of it yet.
func parseHead(b []byte) (head, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			return head{}, fmt.Errorf("%w: the head is over %d bytes", errResponse, maxHead)
		}
		return head{}, nil
	}
	h := head{size: end + 4, length: -1}
	line, rest, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	// HTTP/1.1 200 OK
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || len(line) > 12 && line[12] != ' ' {
		return head{}, fmt.Errorf("%w: status line %.40q", errResponse, line)
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return head{}, fmt.Errorf("%w: status line %.40q", errResponse, line)
		}
		h.status = h.status*10 + int(c-'0')
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if err := h.field(line); err != nil {
			return head{}, err
		}
	}
	if h.length < 0 && !h.chunked {
		return head{}, fmt.Errorf("%w: neither a length nor chunks", errResponse)
	}
	return h, nil
}

// field parses one header line.
func (h *head) field(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return fmt.Errorf("%w: header line %.40q", errResponse, line)
	}
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := decimal(value)
		if err != nil || h.length >= 0 && h.length != n {
			return fmt.Errorf("%w: Content-Length %.40q", errResponse, value)
		}
		h.length = n
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if !bytes.EqualFold(value, []byte("chunked")) {
			return fmt.Errorf("%w: Transfer-Encoding %.40q", errResponse, value)
		}
		h.chunked = true
	}
	return nil
}

// decimal parses the length of a body.
func decimal(b []byte) (int64, error) {
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' || n > maxBody {
			return 0, errResponse
		}
		n = n*10 + int64(c-'0')
	}
	if len(b) == 0 || n > maxBody {
		return 0, errResponse
	}
	return n, nil
}

// dechunk decodes the chunked body at the start of b in place. It returns the
// body and how many bytes its encoding took. While b is incomplete, used is 0
// and b is unchanged.
func dechunk(b []byte) (body []byte, used int, err error) {
	size, end, err := chunks(b, nil)
	if err != nil || end == 0 {
		return nil, 0, err
	}
	body = b[:0]
	_, _, err = chunks(b[:end], func(data []byte) { body = append(body, data...) })
	if err == nil && len(body) != size {
		err = errResponse
	}
	return body, end, err
}

// chunks calls take, if not nil, with the data of each chunk. end is the offset
// of the end of the body, or 0 if that is not in b. Trailers are not supported.
func chunks(b []byte, take func([]byte)) (size, end int, err error) {
	for at := 0; ; {
		eol := bytes.Index(b[at:], []byte("\r\n"))
		if eol < 0 {
			if len(b)-at > 32 {
				return 0, 0, fmt.Errorf("%w: chunk size %.40q", errResponse, b[at:])
			}
			return 0, 0, nil
		}
		n, err := strconv.ParseUint(string(b[at:at+eol]), 16, 63)
		if err != nil || n > math.MaxInt32 || size+int(n) > maxBody {
			return 0, 0, fmt.Errorf("%w: chunk size %.40q", errResponse, b[at:at+eol])
		}
		at += eol + 2
		if len(b)-at < int(n)+2 {
			return 0, 0, nil
		}
		if string(b[at+int(n):at+int(n)+2]) != "\r\n" {
			return 0, 0, fmt.Errorf("%w: a chunk does not end", errResponse)
		}
		if take != nil {
			// Data that take copies to the start of b never overtakes at.
			take(b[at : at+int(n)])
		}
		at += int(n) + 2
		size += int(n)
		if n == 0 {
			return size, at, nil
		}
	}
}
