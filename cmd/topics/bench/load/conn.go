package load

import (
	"fmt"
	"net"
	"time"
)

// ExchangeTimeout is the timeout of a request.
const ExchangeTimeout = 60 * time.Second

// Conn is one HTTP/1.1 connection of the load generator. It sends requests that
// were rendered in advance and parses responses only as far as needed, because
// client and server share the machine. A write of one record through api/client
// and net/http takes about 39 us of processor time, more than the 29 us that
// the server needs for it; through a Conn it takes 14 us. With api/client, the
// results of reads and writes would be those of the client. Streams, and
// requests that are not part of a load, use api/client. A Conn is used by one
// goroutine at a time.
type Conn struct {
	Net net.Conn
	Buf []byte // data of the last read, to which bodies refer
}

// Dial opens a connection.
func Dial(addr string) (*Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Conn{Net: c, Buf: make([]byte, 64<<10)}, nil
}

// DialAll opens n connections.
func DialAll(addr string, n int) ([]*Conn, error) {
	conns := make([]*Conn, 0, n)
	for range n {
		c, err := Dial(addr)
		if err != nil {
			CloseAll(conns)
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

// CloseAll closes connections.
func CloseAll(conns []*Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// Close ignores errors: every answer was read to its end.
func (c *Conn) Close() { _ = c.Net.Close() }

// Exchange sends one request and returns the answer. The body is valid until
// the next Exchange.
func (c *Conn) Exchange(request []byte) (status int, body []byte, err error) {
	if err := c.Net.SetDeadline(time.Now().Add(ExchangeTimeout)); err != nil {
		return 0, nil, err
	}
	if _, err := c.Net.Write(request); err != nil {
		return 0, nil, err
	}
	n := 0
	var h head
	for h.size == 0 {
		if n, err = c.More(n); err != nil {
			return 0, nil, err
		}
		if h, err = parseHead(c.Buf[:n]); err != nil {
			return 0, nil, err
		}
	}
	for {
		body, used, err := h.body(c.Buf[h.size:n])
		if err != nil {
			return 0, nil, err
		}
		if used >= 0 {
			if h.size+used != n {
				return 0, nil, fmt.Errorf("%w: %d bytes after its end", errResponse, n-h.size-used)
			}
			return h.status, body, nil
		}
		if n, err = c.More(n); err != nil {
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

// More reads after the first n bytes of buf, which it grows as needed.
func (c *Conn) More(n int) (int, error) {
	if n == len(c.Buf) {
		if n > maxHead+2*maxBody {
			return 0, fmt.Errorf("%w: over %d bytes", errResponse, n)
		}
		c.Buf = append(c.Buf, make([]byte, n)...)
	}
	got, err := c.Net.Read(c.Buf[n:])
	return n + got, err
}

// Expect sends one request and returns an error unless the status is one of
// want.
func (c *Conn) Expect(request []byte, want ...int) ([]byte, error) {
	status, body, err := c.Exchange(request)
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
