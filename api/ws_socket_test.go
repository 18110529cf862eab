package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/socket"
	"github.com/e6e95bb8/topics/topics/topic"
)

// rawDial opens a socket whose client does nothing by itself.
func (s *realServer) rawDial(t *testing.T) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	tcp := conn.(*net.TCPConn)
	if err := tcp.SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(conn, "GET /v0/ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("upgrade: %v, %v", resp, err)
	}
	return tcp, r
}

// maskedText is a text frame with a mask of zeros.
func maskedText(message string) []byte {
	b := []byte{0x81, 0x80 | 126, byte(len(message) >> 8), byte(len(message)), 0, 0, 0, 0}
	return append(b, message...)
}

// A client that takes nothing is closed after a time; neither the writer nor
// another client waits for it.
func TestSocketStall(t *testing.T) {
	s := serveReal(t, nil, func(timing *socket.Timing) { timing.Stall = 200 * time.Millisecond })
	s.put(t, "t", `{}`)
	conn, _ := s.rawDial(t)
	waitFor(t, func() bool { open := s.sockets.List(); return len(open) == 1 && open[0].State().Answers })
	s.sockets.Timing.Stall = time.Hour // of the good one, however slow the machine is
	_, _ = conn.Write(maskedText(`{"op":"subscribe","topic":"t","max_batch_bytes":8388608}`))
	good := s.dial(t)
	good.say(`{"op":"subscribe","topic":"t"}`)
	good.want("subscribed")
	big := `"` + strings.Repeat("x", 1<<20-2) + `"`
	const n = 32
	go func() {
		for range n {
			s.write(t, "t", big)
		}
	}()
	for seq := uint64(0); seq < n; {
		if m := good.hear(); m.Op == "record" {
			if m.From != seq {
				t.Fatalf("a frame from %d, want %d", m.From, seq)
			}
			seq = m.To
		}
	}
	waitFor(t, func() bool { return s.sockets.Count() == 1 })
	good.say(`{"op":"ping"}`)
	for good.hear().Op != "pong" {
	}
}

// A client that is slow, but takes something, is not closed, however long one
// message takes.
func TestSocketSlowClientStays(t *testing.T) {
	scaled(t, 2*time.Second, func(t *testing.T, limit time.Duration) error {
		s := serveReal(t, nil, func(timing *socket.Timing) {
			timing.Stall, timing.Ping, timing.Silence = limit, limit/40, 2*limit
		})
		s.put(t, "t", `{}`)
		big := `"` + strings.Repeat("x", 1<<20-2) + `"`
		for range 16 {
			s.write(t, "t", big)
		}
		conn, r := s.rawDial(t)
		_, _ = conn.Write(maskedText(`{"op":"subscribe","topic":"t","max_batch_bytes":8388608}`))
		pace := time.NewTicker(limit / 125)
		defer pace.Stop()
		buf, total := make([]byte, 64<<10), 0
		for total < 16<<20 {
			<-pace.C
			n, err := io.ReadFull(r, buf)
			if total += n; err != nil {
				return fmt.Errorf("closed after %d bytes: %w", total, err)
			}
		}
		return nil
	})
}

// A client that has gone without a word is found; one that only listens is not
// taken for gone.
func TestSocketSilence(t *testing.T) {
	scaled(t, time.Second, func(t *testing.T, limit time.Duration) error {
		s := serveReal(t, nil, func(timing *socket.Timing) {
			timing.Ping, timing.Silence = limit/50, limit
		})
		_, gone := s.rawDial(t)
		const enough = 75 // pings: for longer than a silence may last
		pings := make(chan struct{}, enough)
		conn, _, err := websocket.Dial(t.Context(), "ws://"+s.addr+"/v0/ws", &websocket.DialOptions{
			OnPingReceived: func(context.Context, []byte) bool {
				select {
				case pings <- struct{}{}:
				default:
				}
				return true
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		closed := conn.CloseRead(t.Context())
		if got, _ := io.ReadAll(gone); len(got) > 4<<10 { // hundreds of pings
			t.Errorf("a client that answered nothing was sent %d bytes", len(got))
		}
		for range enough {
			select {
			case <-pings:
			case <-closed.Done():
				return errors.New("a client that answers pings was closed")
			}
		}
		return nil
	})
}

// heartbeat_ms is how long a silence lasts before a ping.
func TestSocketHeartbeat(t *testing.T) {
	s := serveReal(t, nil, func(timing *socket.Timing) { timing.Ping = time.Hour })
	s.put(t, "t", `{}`)
	conn, r := s.rawDial(t)
	_, _ = conn.Write(maskedText(`{"op":"subscribe","topic":"t","heartbeat_ms":1}`)) // clamped to a second
	for {
		head, err := r.Peek(2)
		if err != nil {
			t.Fatal(err)
		}
		if head[0] == 0x89 { // a ping
			return
		}
		if _, err := r.Discard(2 + int(head[1])); err != nil { // all are short
			t.Fatal(err)
		}
	}
}

// A message that does not arrive, or says that it is endless, does not keep the
// socket.
func TestSocketUnfinishedMessages(t *testing.T) {
	for want, unfinished := range map[string]struct {
		timeout time.Duration
		message []byte
	}{
		"did not arrive in time": {300 * time.Millisecond, maskedText(`{"op":"ping"`)[:12]},
		"payload_too_large":      {patience, append([]byte{0x81, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 11_000)...)},
	} {
		t.Run(want, func(t *testing.T) {
			scaled(t, 100*time.Millisecond, func(t *testing.T, limit time.Duration) error {
				s := serveReal(t, func(o *Options) {
					o.Limits.BodyTimeout, o.Limits.MaxBodyBytes = unfinished.timeout, 10_000
				}, func(timing *socket.Timing) { timing.Farewell = limit })
				conn, r := s.rawDial(t)
				if _, err := conn.Write(unfinished.message); err != nil {
					t.Fatal(err)
				}
				got, _ := io.ReadAll(r)
				<-s.sockets.Empty()
				if !bytes.Contains(got, []byte(want)) {
					return fmt.Errorf("%q", got)
				}
				return nil
			})
		})
	}
}

// An administrator sees the sockets and can close one.
func TestSocketSessions(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "t", `{}`)
	c := s.dial(t)
	c.say(`{"op":"subscribe","topic":"t","prefixes":{"x":{}}}`)
	c.want("subscribed")
	c.want("caught_up")
	w := do(s, "GET", "/v0/admin/sessions", "")
	var list struct{ Sessions []session.View }
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.Sessions) != 1 {
		t.Fatalf("sessions: %s", w.Body)
	}
	v := list.Sessions[0]
	if v.Kind != "websocket" || v.TopicsTotal != 1 || v.Prefixes != 1 || !strings.HasPrefix(v.ID, "ws_") {
		t.Errorf("session: %+v", v)
	}
	if w := do(s, "POST", "/v0/admin/sessions/"+v.ID+"/close", "", "X-Confirm", "true"); w.Code != 200 {
		t.Fatalf("closing: %d %s", w.Code, w.Body)
	}
	if m := c.want("error"); m.Code != "session_closed" {
		t.Errorf("the last words: %s", m.raw)
	}
	c.wantClosed(websocket.StatusPolicyViolation)
	<-s.sockets.Empty()
}

// brittleEngine panics when a topic is read.
type brittleEngine struct{ Engine }

func (brittleEngine) Read(context.Context, string, *topic.Query) (*topic.Batch, error) {
	panic("as the test wants")
}

// A panic ends the socket it happens in and nothing else.
func TestSocketPanic(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "t", `{}`)
	s.write(t, "t", `1`)
	s.Open(brittleEngine{s.parts()})
	c, other := s.dial(t), s.dial(t)
	c.say(`{"op":"subscribe","topic":"t"}`)
	c.wantClosed(-1)
	other.say(`{"op":"ping"}`)
	other.want("pong")
	waitFor(t, func() bool { return s.sockets.Count() == 1 })
}
