package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/socket"
	"github.com/e6e95bb8/topics/topics/topic"
)

// A socket that publishes one record after the other is served by a loop, and so are
// its publishes counted.
func TestSocketIsLooped(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are no loops on this system")
	}
	s := serveReal(t, nil, func(timing *socket.Timing) { timing.Hot = socket.Hot{After: 3, Within: patience} })
	c := s.dial(t)
	so := s.sockets.List()[0]
	n := 0
	for deadline := time.Now().Add(patience); !so.State().Looped; n++ {
		if time.Now().After(deadline) {
			t.Fatal("no loop serves it")
		}
		c.say(`{"op":"publish","topic":"t","records":[{}]}`)
		c.want("ack")
	}
	waitFor(t, func() bool { return !so.State().Looped }) // there is nothing to do
	c.say(`{"op":"publish","topic":"t","records":[{}]}`)
	c.want("ack")
	c.say(`{"op":"publish","topic":"t","records":[]}`)
	c.want("error")
	metrics := do(s, "GET", "/metrics", "").Body.String()
	for _, want := range []string{fmt.Sprintf(`{op="publish",code="ok"} %d`, n+1), `{op="publish",code="invalid_request"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

// What a client has sent before it closed its side is carried out.
func TestLoopedSocketWhoseClientHasGone(t *testing.T) {
	for _, after := range []int{0, 1} { // publishes that the reader begins
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			s := serveReal(t, nil, func(timing *socket.Timing) { timing.Hot = socket.Hot{After: after, Within: patience} })
			held := &heldEngine{Engine: s.parts(), room: make(chan struct{})}
			s.Open(held)
			conn, _ := s.rawDial(t)
			const n = 150
			for range n {
				if _, err := conn.Write(maskedText(`{"op":"publish","topic":"t","records":[{}]}`)); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, func() bool { return held.began.Load() == 1 })
			_ = conn.CloseWrite()
			time.AfterFunc(50*time.Millisecond, func() { close(held.room) }) // the loop may notice meanwhile
			<-s.sockets.Empty()
			if st, err := s.registry.State("t", false); err != nil || st.Head != n {
				t.Errorf("%d of %d are written, %v", st.Head, n, err)
			}
		})
	}
}

// A frame that does not arrive in time ends a socket, however it is served.
func TestLoopedSocketAwaitsNoFrameForEver(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.BodyTimeout = 300 * time.Millisecond }, hotSockets)
	conn, r := s.rawDial(t)
	message := maskedText(strings.Repeat("x", 10_000))
	through := make(chan struct{})
	go func() {
		defer close(through)
		for i := range message {
			if _, err := conn.Write(message[i : i+1]); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond) // more often than a loop takes for quiet
		}
		t.Error("all of it was awaited")
	}()
	op, text, err := readServerFrame(r)
	if err != nil || op != opText || !bytes.Contains(text, []byte("did not arrive in time")) {
		t.Errorf("%d %s, %v", op, text, err)
	}
	_ = conn.Close()
	<-through
}

// stuff sends publishes with large answers, and takes none, until answers wait for that
// and hold memory. It goes on until the connection is closed.
func (s *realServer) stuff(t *testing.T, conn net.Conn) {
	t.Helper()
	free := s.bounds.Usage().Following
	publish := maskedText(`{"op":"publish","topic":"t","records":[{}` + strings.Repeat(",{}", 1000) + `]}`)
	through := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-through
	})
	go func() {
		defer close(through)
		for {
			if _, err := conn.Write(publish); err != nil {
				return
			}
		}
	}()
	so := s.sockets.List()[0]
	times := 0
	waitFor(t, func() bool { // not only for the moment of a write
		if times++; !so.State().Sends || s.bounds.Usage().Following <= free {
			times = 0
		}
		return times == 50
	})
}

// Answers that a client does not take at once hold memory of the streams', and go out
// before the goodbye, whole and in order.
func TestLoopedSocketWithoutReading(t *testing.T) {
	s := serveReal(t, nil, func(timing *socket.Timing) {
		hotSockets(timing)
		timing.Farewell, timing.Stall = time.Hour, time.Hour
	})
	s.put(t, "t", `{"durability":"ephemeral"}`)
	conn, r := s.rawDial(t)
	free := s.bounds.Usage().Following
	s.stuff(t, conn)
	view := s.sockets.Views(func(*auth.Key) bool { return true })[0]
	if w := do(s, "POST", "/v0/admin/sessions/"+view.ID+"/close", "", "X-Confirm", "true"); w.Code != 200 {
		t.Fatalf("closing: %d %s", w.Code, w.Body)
	}
	next := uint64(1)
	_ = conn.SetReadBuffer(4 << 20) // to be fast from now on
	for last := ""; ; {
		op, text, err := readServerFrame(r)
		if err != nil {
			t.Log(err) // no client is waited for for ever
			break
		}
		if op == opClose {
			if last != "session_closed" {
				t.Errorf("the last words: %q", last)
			}
			break
		}
		var m wsMessage
		if err := json.Unmarshal(text, &m); op != opText || err != nil || last != "" {
			t.Fatalf("a frame %d %.100s, %v, after %q", op, text, err, last)
		}
		if last = m.Code; m.Op == "ack" && m.First != next {
			t.Fatalf("%.100s, want %d", text, next)
		}
		next = m.Last + 1
	}
	_ = conn.Close()
	<-s.sockets.Empty()
	waitFor(t, func() bool { return s.bounds.Usage().Following == free-call.StreamCost })
}

// A client that takes no answers loses its connection.
func TestLoopedSocketStalls(t *testing.T) {
	s := serveReal(t, nil, func(timing *socket.Timing) {
		hotSockets(timing)
		timing.Stall = 200 * time.Millisecond
	})
	s.put(t, "t", `{"durability":"ephemeral"}`)
	conn, _ := s.rawDial(t)
	go func() {
		for {
			if _, err := conn.Write(maskedText(`{"op":"publish","topic":"t","records":[{}` + strings.Repeat(",{}", 1000) + `]}`)); err != nil {
				return
			}
		}
	}()
	<-s.sockets.Empty()
}

// flood publishes without a pause until the connection ends, unless too many are not
// answered: each answer is to be taken from the channel.
func (c *wsClient) flood() (answered <-chan struct{}) {
	underway := make(chan struct{}, 100)
	go func() {
		for c.Write(c.ctx, websocket.MessageText, []byte(`{"op":"publish","topic":"t","records":[{}]}`)) == nil {
			select {
			case underway <- struct{}{}:
			case <-c.ctx.Done():
				return
			}
		}
	}()
	return underway
}

// The client of a key that is revoked is sent away, even if it never pauses.
func TestLoopedSocketOfARevokedKey(t *testing.T) {
	parse := func(keys string) *auth.Keys {
		parsed, err := auth.Parse(keys)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	s := serveReal(t, func(o *Options) { o.Keys = parse("writes:w,stays:w") }, hotSockets)
	c := s.dial(t, "Authorization", "Bearer writes")
	answered := c.flood()
	for range 500 {
		c.want("ack")
		<-answered
	}
	s.ReplaceKeys(parse("stays:w"))
	m := c.hear()
	for m.Op == "ack" {
		<-answered
		m = c.hear()
	}
	if m.Code != "unauthorized" {
		t.Errorf("the last words: %s", m.raw)
	}
	c.wantClosed(websocket.StatusPolicyViolation)
}

// fragileEngine panics when a publish with this topic begins.
type fragileEngine struct{ Engine }

func (e fragileEngine) Begin(ctx context.Context, name string, w *topic.Write) (*topic.Pending, error) {
	if name == "fragile" {
		panic("as the test wants")
	}
	return e.Engine.Begin(ctx, name, w)
}

// A panic in a loop ends the socket that it happens in. What was begun for it before is
// written, and the loop goes on.
func TestLoopedSocketPanics(t *testing.T) {
	s := serveReal(t, nil, hotSockets)
	s.Open(fragileEngine{s.parts()})
	other := s.dial(t)
	for range 3 {
		conn, r := s.rawDial(t)
		var all []byte
		for _, x := range []string{"t", "t", "fragile", "t"} {
			all = append(all, maskedText(`{"op":"publish","topic":"`+x+`","records":[{}]}`)...)
		}
		if _, err := conn.Write(all); err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(r)
		waitFor(t, func() bool { return s.sockets.Count() == 1 })
		other.say(`{"op":"publish","topic":"other","records":[{}]}`)
		other.want("ack")
	}
	if st, err := s.registry.State("t", false); err != nil || st.Head != 6 {
		t.Errorf("%d are written, %v", st.Head, err)
	}
}

// However and whenever sockets end, each publish that is acknowledged is there.
func TestLoopedSocketsEnd(t *testing.T) {
	s := serveReal(t, nil, hotSockets)
	s.put(t, "t", `{"durability":"fsync"}`)
	rng := rand.New(rand.NewPCG(1, 6))
	acked := uint64(0)
	for range 20 {
		c := s.dial(t)
		so := s.sockets.List()[0]
		answered := c.flood()
		for range 1 + rng.IntN(100) {
			acked = max(acked, c.want("ack").Last)
			<-answered
		}
		switch rng.IntN(3) {
		case 0:
			so.Cut()
		case 1:
			view := s.sockets.Views(func(*auth.Key) bool { return true })[0]
			_ = do(s, "POST", "/v0/admin/sessions/"+view.ID+"/close", "", "X-Confirm", "true")
		case 2:
			_ = c.CloseNow()
		}
		for {
			m, err := c.listen()
			if err != nil {
				break
			}
			acked = max(acked, m.Last)
		}
		<-s.sockets.Empty()
	}
	if st, err := s.registry.State("t", false); err != nil || st.Head < acked {
		t.Errorf("%d are written, and %d acknowledged: %v", st.Head, acked, err)
	}
}
