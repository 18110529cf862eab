package bench

import (
	"fmt"
	"net"
	"time"
)

// exchangeTimeout is the timeout of a request.
const exchangeTimeout = 60 * time.Second

// conn is one HTTP/1.1 connection of the load generator. It sends requests that
// were rendered in advance and parses responses only as far as needed, because
// client and server share the machine. A write of one record through api/client
// and net/http takes about 39 us of processor time, more than the 29 us that
// the server needs for it; through a conn it takes 14 us. With api/client, the
// results of reads and writes would be those of the client. Streams, and
// requests that are not part of a load, use api/client. A conn is used by one
// goroutine at a time.
type conn struct {
	net net.Conn
	buf []byte // data of the last read, to which bodies refer
}

func dial(addr string) (*conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{net: c, buf: make([]byte, 64<<10)}, nil
}

// dialAll opens n connections.
func dialAll(addr string, n int) ([]*conn, error) {
	conns := make([]*conn, 0, n)
	for range n {
		c, err := dial(addr)
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		c.close()
	}
}

// close ignores errors: every answer was read to its end.
func (c *conn) close() { _ = c.net.Close() }

// roundTrip sends one request and returns the answer. The body is valid until
// the next roundTrip.
func (c *conn) roundTrip(request []byte) (status int, body []byte, err error) {
	if err := c.net.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return 0, nil, err
	}
	if _, err := c.net.Write(request); err != nil {
		return 0, nil, err
	}
	n := 0
	var h head
	for h.size == 0 {
		if n, err = c.more(n); err != nil {
			return 0, nil, err
		}
		if h, err = parseHead(c.buf[:n]); err != nil {
			return 0, nil, err
		}
	}
	for {
		body, used, err := h.body(c.buf[h.size:n])
		if err != nil {
			return 0, nil, err
		}
		if used >= 0 {
			if h.size+used != n {
				return 0, nil, fmt.Errorf("%w: %d bytes after its end", errResponse, n-h.size-used)
			}
			return h.status, body, nil
		}
		if n, err = c.more(n); err != nil {
			return 0, nil, err
		}
	}
}

// body splits the body off the front of b; used is -1 while it is incomplete.
func (h *head) body(b []byte) (body []byte, used int, err error) {
	if h.chunked {
		if body, used, err = dechunk(b); used == 0 {
			used = -1
		}
		return body, used, err
	}
	if int64(len(b)) < h.length {
		return nil, -1, nil
	}
	return b[:h.length], int(h.length), nil
}

// more reads after the first n bytes of buf, which it grows as needed.
func (c *conn) more(n int) (int, error) {
	if n == len(c.buf) {
		if n > maxHead+2*maxBody {
			return 0, fmt.Errorf("%w: over %d bytes", errResponse, n)
		}
		c.buf = append(c.buf, make([]byte, n)...)
	}
	got, err := c.net.Read(c.buf[n:])
	return n + got, err
}

// expect sends one request and returns an error unless the status is one of
// want.
func (c *conn) expect(request []byte, want ...int) ([]byte, error) {
	status, body, err := c.roundTrip(request)
	if err != nil {
		return nil, err
	}
	for _, w := range want {
		if status == w {
			return body, nil
		}
	}
	return nil, fmt.Errorf("the server answered %d: %.300s", status, body)
}
