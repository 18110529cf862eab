package http1

import (
	"io"
	"net/http"
	"time"
)

// body is the body of a request: what has been read with its header, then what
// the connection has. It is used by the handler's goroutine alone.
type body struct {
	conn   *conn
	left   int64 // bytes that have not been read from the connection
	had    int64 // bytes of the input buffer that have not been read
	closed bool
	err    error
}

// begin prepares the body of a request with so many bytes.
func (b *body) begin(c *conn, length int64) {
	had := min(length, int64(len(c.work.in)))
	*b = body{conn: c, left: length - had, had: had}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	switch {
	case b.closed:
		return 0, http.ErrBodyReadAfterClose
	case b.err != nil:
		return 0, b.err
	case len(p) == 0:
		return 0, nil
	}
	in := &b.conn.work.in
	switch {
	case b.had > 0:
		n = copy(p, (*in)[:b.had])
		*in = (*in)[n:]
		b.had -= int64(n)
	case b.left > 0:
		n, err = b.conn.tcp.Read(p[:min(int64(len(p)), b.left)])
		b.left -= int64(n)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if b.left == 0 && err == nil {
			b.conn.watching.arm()
		}
	}
	if err == nil && b.had == 0 && b.left == 0 {
		err = io.EOF
	}
	b.err = err
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.closed = true
	return nil
}

// drain reads the rest of the body, so that the next request follows. It reports
// false if there is no next one.
func (b *body) drain() bool {
	in := &b.conn.work.in
	*in = (*in)[b.had:]
	b.had = 0
	if b.left == 0 {
		return true
	}
	if b.err == nil {
		b.conn.mu.Lock()
		b.conn.reads.exactly(time.Now(), b.conn.server.ReadTimeout)
		b.conn.mu.Unlock()
	}
	var scratch [1 << 10]byte
	for b.left > 0 && b.err == nil {
		n, err := b.conn.tcp.Read(scratch[:min(int64(len(scratch)), b.left)])
		b.left -= int64(n)
		b.err = err
	}
	return b.left == 0
}
