package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/socket"
)

// A socket that publishes one record after the other is served by a loop, and so are
// its publishes counted.
func TestSocketIsLooped(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are no loops on this system")
	}
	s := serveReal(t, nil, func(timing *socket.Timing) { timing.Hot = eventloop.Hot{After: 3, Within: patience} })
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
			s := serveReal(t, nil, func(timing *socket.Timing) { timing.Hot = eventloop.Hot{After: after, Within: patience} })
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
	message := maskedText(strings.Repeat("x", 2000)) // of at least 10 s
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

// Publishes that come at once, more than may be begun together, are all answered in order,
// whether there is memory for those that wait or not, and it is released.
func TestLoopedSocketReadsMuchAtOnce(t *testing.T) {
	for _, limit := range []int64{128 << 10, 64 << 20} { // of which half is for what is open
		s := serveReal(t, func(o *Options) { o.Limits.StreamBytes = limit }, hotSockets)
		conn, r := s.rawDial(t)
		const n = 380
		var all []byte
		for i := range n {
			all = append(all, maskedText(fmt.Sprintf(`{"op":"publish","topic":"t","records":[{"data":"%s"}],"request_id":%d}`, strings.Repeat("x", 80), i))...)
		}
		if _, err := conn.Write(all); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			_, text, err := readServerFrame(r)
			if want := fmt.Sprintf(`{"op":"ack","request_id":%d,`, i); err != nil || !strings.HasPrefix(string(text), want) {
				t.Fatalf("answer %d is %s, %v", i, text, err)
			}
		}
		waitFor(t, func() bool { return s.bounds.Usage().Following == call.StreamCost })
		_ = conn.Close()
		<-s.sockets.Empty()
		s.down()
	}
}
