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

// net/http itself refuses what it cannot parse as a request: in plain text, with a
// single write to the connection. Such a write is recognized by its status line
// while no request is in progress: all answers of handlers follow Begin. With TLS
// the connection sees only ciphertext, and these answers are not changed: net/http
// must have the tls.Conn itself for the handshake and HTTP/2, so that nothing can
// wrap it.

var (
	refusalStart = []byte("HTTP/1.1 ")
	// plaintextRefusal is the answer to cleartext HTTP on a listener with TLS.
	plaintextRefusal = []byte("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
)

// A client that is still sending loses the answer if its connection is closed.
// Before that, up to so many bytes are read and discarded, for at most so long.
const (
	refusalRest     = 256 << 10
	refusalPatience = 500 * time.Millisecond
)

// refusal is an answer that net/http gives by itself.
type refusal struct {
	status  int
	message string // empty if net/http gives no reason
}

// parseRefusal parses p, and reports whether it is a whole answer with an error.
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
	// Most bodies repeat the status line, with or without a reason.
	line := fmt.Sprintf("%d %s", status, http.StatusText(status))
	reason := strings.TrimPrefix(string(body), line)
	return refusal{status, strings.TrimPrefix(reason, ": ")}, true
}

// Write implements net.Conn. It replaces net/http's own refusals by what
// Set.Refuse renders.
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
		_, _ = io.CopyN(io.Discard, c.Conn, refusalRest) // the connection is closed in any case
	}
	return len(p), nil
}

// atWork reports whether a request is in progress.
func (c *Conn) atWork() bool {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	return !c.waiting.taken()
}
