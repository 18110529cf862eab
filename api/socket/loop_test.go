//go:build linux

package socket

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/eventloop"
)

// loopable returns a socket that a loop can serve, without a reader and a keeper, and the
// client's side of its connection. The loop never finds it quiet.
func loopable(t *testing.T) (*Socket, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listening := conns.NewSet(zerolog.Nop()).Listen(l)
	defer listening.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listening.Accept()
	if err != nil {
		t.Fatal(err)
	}
	set := newSet(t)
	set.Loops = eventloop.NewGroup(1)
	set.Loops.Quiet = time.Hour
	so := &Socket{
		set: set, call: &call.Call{Route: &call.Route{}}, nudge: make(chan struct{}, 1), jobs: newSocketJobs(),
		writes: make(chan *publish, maxPublishes), slots: make(chan struct{}, maxPublishes),
	}
	so.wire.cold.L = &so.wire
	so.ctx, so.cancel = context.WithCancel(t.Context())
	so.wire.conn = conn
	so.framer = newFramer(conn, bufio.NewReader(conn))
	so.out.open(so)
	t.Cleanup(func() {
		so.out.shut()
		_ = client.Close()
		so.Cut()
	})
	return so, client
}

// A socket that becomes hot when the loops have ended stays with its reader, whoever
// wants it to, with all that its client has sent.
func TestLoopsThatHaveEnded(t *testing.T) {
	so, client := loopable(t)
	so.set.Loops.End()
	so.heat.Brief(eventloop.Quick)
	if _, err := client.Write([]byte("something")); err != nil {
		t.Fatal(err)
	}
	if _, err := so.framer.buf.Peek(4); err != nil {
		t.Fatal(err)
	}
	if p := so.enterLoop(); p != nil {
		t.Error("a loop has it")
	}
	so.cool()
	b := make([]byte, len("something"))
	if _, err := io.ReadFull(so.framer.buf, b); err != nil || string(b) != "something" {
		t.Errorf("%q, %v", b, err)
	}
	if err := so.out.send([]byte("message")); err != nil {
		t.Error(err)
	}
}

// A socket that is about to end, or has a ping under way, is not given to a loop: its
// keeper may read from the connection.
func TestSocketThatEndsStaysWithItsReader(t *testing.T) {
	for name, change := range map[string]func(so *Socket){
		"ends":  (*Socket).cool,
		"cut":   (*Socket).Cut,
		"pings": func(so *Socket) { so.pinging.Store(true) },
		"sends": func(so *Socket) { so.out.mu.Lock() },
		"waits": func(so *Socket) { so.out.waiting.Add(1) },
	} {
		so, _ := loopable(t)
		// A buffer that must not be touched.
		so.framer.buf = nil
		if change(so); so.enterLoop() != nil {
			t.Errorf("%s: a loop has it", name)
		}
	}
}

// What is sent while a loop has the socket comes whole, after it has left the loop.
func TestSendingEndsALoop(t *testing.T) {
	so, client := loopable(t)
	through := make(chan struct{})
	go func() {
		defer close(through)
		so.loop()
	}()
	for !so.State().Looped {
		runtime.Gosched()
	}
	message := bytes.Repeat([]byte("x"), 8<<20) // more than a socket takes at once
	sent := make(chan error, 1)
	go func() { sent <- so.out.sendFrames(message, len(message)) }()
	got := make([]byte, len(message))
	_ = client.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, message) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	<-through
}

// The goodbye comes after what the loop has left, and the reader has the connection by
// then.
func TestCoolWaitsForTheReader(t *testing.T) {
	so, client := loopable(t)
	p := so.enterLoop()
	if p == nil {
		t.Fatal("no loop has it")
	}
	cold := make(chan struct{})
	go func() {
		defer close(cold)
		so.cool()
	}()
	<-p.back
	p.unsent, p.rest = make([]byte, 32<<20), []byte("rest")
	through := make(chan struct{})
	go func() {
		defer close(through)
		so.takeBack(p)
	}()
	if _, err := io.CopyN(io.Discard, client, 1<<20); err != nil {
		t.Fatal(err)
	}
	select {
	case <-cold:
		t.Error("it is cold before all was sent")
	default:
	}
	if _, err := io.CopyN(io.Discard, client, 31<<20); err != nil {
		t.Fatal(err)
	}
	<-cold
	<-through
	b := make([]byte, 4)
	if _, err := io.ReadFull(so.framer, b[:2]); err != nil || string(b[:2]) != "re" {
		t.Errorf("%q, %v", b, err)
	}
}
