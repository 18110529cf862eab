// Package socket serves WebSockets: the upgrade, commands and their answers, publishes
// in their order, subscriptions, jobs, and how each ends.
package socket

import (
	"bufio"
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// Upgrade turns the request into a WebSocket and serves it until its end. What
// is wrong with the request is answered like any other error, before the
// connection changes its protocol.
func (set *Set) Upgrade(c *call.Call) error {
	if err := checkUpgrade(c.Request); err != nil {
		return err
	}
	if err := set.checkOrigin(c.Request); err != nil {
		return err
	}
	release, err := c.TakeStream()
	if err != nil {
		return err
	}
	defer release()
	so := newSocket(set, c)
	// Known before it leaves the HTTP server, which then waits for it no more.
	set.enter(so)
	defer set.leave(so)
	if !set.Bounds.Keys().Knows(c.Key) { // ReplaceKeys may have looked before it entered
		return call.ErrRevoked
	}
	c.Streamed, c.Status = true, http.StatusSwitchingProtocols
	conn, err := websocket.Accept(takeover{c.Writer, so}, c.Request, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // checkOrigin knows which origins are allowed
		CompressionMode:    websocket.CompressionDisabled,
		OnPongReceived:     func(context.Context, []byte) { so.alive() },
	})
	if err != nil { // it was answered
		c.Status = http.StatusInternalServerError
		return nil
	}
	so.serve(conn)
	return nil
}

// checkUpgrade holds the request against RFC 6455, section 4.2.1.
func checkUpgrade(r *http.Request) error {
	switch h := r.Header; {
	case r.Method != http.MethodGet:
		return wire.Invalid("a WebSocket is opened with GET, not with %s", r.Method)
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return wire.Invalid("a WebSocket needs HTTP/1.1; this request came by %s", r.Proto)
	case !hasToken(h["Connection"], "upgrade") || !hasToken(h["Upgrade"], "websocket"):
		return wire.Invalid("this route is a WebSocket: it needs the headers Connection: Upgrade and Upgrade: websocket")
	case h.Get("Sec-Websocket-Version") != "13":
		return wire.Invalid("Sec-WebSocket-Version %q is not 13", h.Get("Sec-Websocket-Version"))
	case !isNonce(h["Sec-Websocket-Key"]):
		return wire.Invalid("Sec-WebSocket-Key must be one value of 16 bytes in base64")
	}
	return nil
}

// hasToken looks for a token in the lists of a header, whatever its case.
func hasToken(lists []string, token string) bool {
	for _, list := range lists {
		for t := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

func isNonce(values []string) bool {
	if len(values) != 1 {
		return false
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(values[0]))
	return err == nil && len(b) == 16
}

// checkOrigin refuses pages of other sites: a browser lets any page open a
// WebSocket, wherever it leads. Clients that are no browsers send no Origin.
func (set *Set) checkOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return nil
	}
	if set.Bounds.Sharing.With(origin) {
		return nil
	}
	return &wire.Error{
		Status: http.StatusForbidden, Code: "forbidden",
		Message: "this origin may not open a WebSocket: it is neither the server's own nor one of those that are allowed",
	}
}

// takeover gives the socket the connection that is hijacked through it.
type takeover struct {
	http.ResponseWriter
	socket *Socket
}

// Hijack implements http.Hijacker.
func (t takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t.socket.own(conn)
	f := newFramer(conn, rw.Reader)
	t.socket.framer = f
	rw.Reader = bufio.NewReaderSize(f, 1) // as small as there are
	return f, rw, nil
}
