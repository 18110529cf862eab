package bench

import (
	"fmt"
	"net"
	"time"
)

// exchangeTimeout ends a request that gets no answer.
const exchangeTimeout = 60 * time.Second

// conn is one HTTP/1.1 connection of the load generator. Requests are bytes
// rendered beforehand, responses are looked at only as far as needed: client
// and server share the machine, and what the client burns the server lacks. A
// write of one record through api/client, with net/http under it, takes about
// 39 us of processor time, more than the server needs for it (29 us); here it
// takes 14. With it the figures of reads and writes would be those of the
// client. What is not a load, or is a stream, goes through api/client.
// A conn is used by one goroutine at a time.
type conn struct {
	net net.Conn
	buf []byte // what was read last; bodies point into it
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

// close has nothing to report: every answer was read to its end.
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

// body cuts the body off the front of b; used is -1 while it is incomplete.
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

// more reads on behind the first n bytes of buf, which grows as needed.
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

// expect sends one request and wants the given status.
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
