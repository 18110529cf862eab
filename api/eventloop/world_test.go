//go:build linux

package eventloop

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPatience is how long a test waits for anything before it fails.
const testPatience = time.Minute

// waitFor waits for a condition that is not announced.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(testPatience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// receive returns what comes from a channel.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(testPatience):
		t.Fatalf("waited in vain: %s", what)
		panic("unreachable")
	}
}

// world is a group with the connections of a listener.
type world struct {
	t           *testing.T
	group       *Group
	listener    net.Listener
	descriptors int
	served      atomic.Int64 // connections that have left, or are about to

	// begin and finish are called for each request, and may wait.
	begin, finish func(h *echo)
}

// open returns a world with so many loops. At the end of the test it must have nothing
// left.
func open(t *testing.T, loops int) *world {
	t.Helper()
	w := &world{t: t, group: NewGroup(loops), begin: func(*echo) {}, finish: func(*echo) {}}
	w.group.Quiet = testPatience
	var err error
	w.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.descriptors = descriptors(t)
	t.Cleanup(w.end)
	return w
}

func (w *world) end() {
	w.group.End()
	waitFor(w.t, "connections are left", func() bool { return w.group.Len() == 0 && w.served.Load() == 0 })
	waitFor(w.t, "descriptors are left", func() bool { return descriptors(w.t) == w.descriptors })
	_ = w.listener.Close()
}

// descriptors counts what the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// pair returns both ends of a connection. That of the client is closed at the end of the
// test.
func (w *world) pair() (*client, *net.TCPConn) {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(testPatience))
	w.t.Cleanup(func() { _ = nc.Close() })
	other, err := w.listener.Accept()
	if err != nil {
		w.t.Fatal(err)
	}
	return &client{nc.(*net.TCPConn), w.t}, other.(*net.TCPConn)
}

// take returns a connection that is not started.
func (w *world) take() (*client, *echo) {
	w.t.Helper()
	client, tcp := w.pair()
	c, err := w.group.Take(tcp)
	if err != nil {
		w.t.Fatal(err)
	}
	return client, newEcho(w, c)
}

// dial returns a connection that a loop serves.
func (w *world) dial() (*client, *echo) {
	w.t.Helper()
	client, h := w.take()
	h.start()
	return client, h
}

// client is the other end of a connection.
type client struct {
	*net.TCPConn
	t *testing.T
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// want reads these answers.
func (c *client) want(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != text {
		c.t.Fatalf("%q %v, want %q", got[:n], err, text)
	}
}

// wantEnd reads the end of the connection.
func (c *client) wantEnd() {
	c.t.Helper()
	if got, err := io.ReadAll(c); err != nil || len(got) > 0 {
		c.t.Fatalf("%q, %v, want the end", got, err)
	}
}

// size is that of a request, and of its answer.
const size = 4

// echo is a handler that answers requests of size bytes with themselves. When it has
// left, a goroutine does the same.
type echo struct {
	w       *world
	conn    *Conn
	in      []byte
	request string
	again   bool // it goes back to a loop after its next request
	atTurn  atomic.Bool
	gone    chan struct{} // gets something at each Gone
	left    chan struct{} // gets something at each Leave
	ended   chan struct{} // closed by the end
}

func newEcho(w *world, c *Conn) *echo {
	return &echo{w: w, conn: c, gone: make(chan struct{}, 100), left: make(chan struct{}, 1000), ended: make(chan struct{})}
}

func (h *echo) start() {
	h.w.t.Helper()
	if err := h.w.group.Start(h.conn, Quick, h); err != nil {
		h.w.t.Fatal(err)
	}
}

// enter notes that the handler is called, which must be by one goroutine at a time.
func (h *echo) enter() (leave func()) {
	if h.atTurn.Swap(true) {
		h.w.t.Error("a handler is called twice at a time")
	}
	return func() { h.atTurn.Store(false) }
}

// Begin implements Handler. It reads a few requests at a time.
func (h *echo) Begin() (next Next) {
	leave := h.enter()
	defer func() {
		if next != Left {
			leave()
		}
	}()
	var buffer [5*size + 1]byte
	n, err := h.conn.Read(buffer[:])
	switch {
	case err == ErrNothing:
		return Wait
	case err != nil:
		return h.end()
	}
	h.in = append(h.in, buffer[:n]...)
	return h.advance()
}

func (h *echo) advance() Next {
	if len(h.in) < size {
		return Wait
	}
	h.request, h.in = string(h.in[:size]), h.in[size:]
	h.w.begin(h)
	return Finish
}

// Finish implements Handler.
func (h *echo) Finish() (next Next) {
	leave := h.enter()
	defer func() {
		if next != Left {
			leave()
		}
	}()
	h.w.finish(h)
	n, err := h.conn.Write([]byte(h.request))
	if err != nil || n < size {
		return h.end()
	}
	return h.advance()
}

// Quiet implements Handler.
func (h *echo) Quiet() {
	h.enter()
	h.leave()
}

// Gone implements Handler.
func (h *echo) Gone() { h.gone <- struct{}{} }

func (h *echo) end() Next {
	h.conn.End()
	close(h.ended)
	return Left
}

func (h *echo) leave() Next {
	h.w.served.Add(1)
	tcp, err := h.conn.Leave()
	if err != nil {
		if err != net.ErrClosed {
			h.w.t.Error(err)
		}
		close(h.ended)
		h.w.served.Add(-1)
		return Left
	}
	h.atTurn.Store(false)
	h.left <- struct{}{}
	go func() {
		h.serve(tcp)
		h.w.served.Add(-1)
	}()
	return Left
}

// serve answers as a loop does.
func (h *echo) serve(tcp *net.TCPConn) {
	for {
		buffer := make([]byte, size-len(h.in))
		n, err := io.ReadFull(tcp, buffer)
		h.in = append(h.in, buffer[:n]...)
		if err == nil {
			_, err = tcp.Write(h.in)
		}
		if err != nil {
			_ = tcp.Close()
			close(h.ended)
			return
		}
		h.in = nil
		if !h.again {
			continue
		}
		c, err := h.w.group.Take(tcp)
		if err != nil {
			h.w.t.Error(err)
			_ = tcp.Close()
			close(h.ended)
			return
		}
		h.conn = c
		h.start()
		return
	}
}

// gate is where a handler waits.
type gate struct {
	reached chan struct{} // closed when a handler waits
	opened  chan struct{}
	open    func()
}

func newGate() *gate {
	g := &gate{reached: make(chan struct{}), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	return g
}

// wait is called by the handler.
func (g *gate) wait() {
	close(g.reached)
	<-g.opened
}
