package conns

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// net/http answers what it cannot make a request of by itself, in plain text and
// in one write straight to the connection. Such a write is known by its status
// line, and by no request being under way: everything that a handler answers
// comes after Begin. With TLS the connection sees ciphertext only, and these
// answers stay as they are.

var (
	refusalStart = []byte("HTTP/1.1 ")
	// plaintextRefusal is for a client that does not speak TLS to a server that
	// does.
	plaintextRefusal = []byte("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
)

// A client that still sends loses the answer if its connection is closed. So
// much is taken in and thrown away before that, for so long.
const (
	refusalRest     = 256 << 10
	refusalPatience = 500 * time.Millisecond
)

// refusal is an answer of net/http's own.
type refusal struct {
	status  int
	message string // empty: net/http gives no reason
}

// parseRefusal reads the answer that p is, if it is one of an error.
func parseRefusal(p []byte) (r refusal, ok bool) {
	if bytes.Equal(p, plaintextRefusal) {
		return refusal{http.StatusBadRequest, "this is a listener for TLS: use https"}, true
	}
	rest, ok := bytes.CutPrefix(p, refusalStart)
	head, body, whole := bytes.Cut(rest, []byte("\r\n\r\n"))
	if !ok || !whole || len(head) < 3 {
		return r, false
	}
	status, err := strconv.Atoi(string(head[:3]))
	if err != nil || status < 400 {
		return r, false
	}
	// Most bodies are the status line once more, with a reason or without.
	line := fmt.Sprintf("%d %s", status, http.StatusText(status))
	reason := strings.TrimPrefix(string(body), line)
	return refusal{status, strings.TrimPrefix(reason, ": ")}, true
}

// Write implements net.Conn. What net/http refuses by itself is written as the
// Set's owner renders it.
func (c *Conn) Write(p []byte) (int, error) {
	if c.set.Refuse == nil || !bytes.HasPrefix(p, refusalStart[:len("HTTP/1.")]) || c.atWork() {
		return c.Conn.Write(p)
	}
	r, ok := parseRefusal(p)
	if !ok {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(c.set.Refuse(r.status, r.message)); err != nil {
		return 0, err
	}
	if c.CloseWrite() == nil && c.Conn.SetReadDeadline(time.Now().Add(refusalPatience)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, refusalRest) // how it ends makes no difference
	}
	return len(p), nil
}

func (c *Conn) atWork() bool {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	return c.line == nil
}
