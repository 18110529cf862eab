//go:build linux

package eventloop

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// numbers returns requests that differ.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%0*d", size, i)
	}
	return b.String()
}

// Requests are answered in their order, however many come at once, and wherever they
// are cut.
func TestRequests(t *testing.T) {
	w := open(t, 1)
	c, _ := w.dial()
	c.send("0001")
	c.want("0001")
	many := numbers(1000)
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, many)
		sent <- err
	}()
	c.want(many)
	if err := receive(t, "the end of sending", sent); err != nil {
		t.Fatal(err)
	}
	for i := range many[:5*size] {
		c.send(many[i : i+1])
	}
	c.want(many[:5*size])
}

// A client that closes its side gets its answers before the end, whether it does so with
// its last request, or while that is begun or finished.
func TestHalfClosed(t *testing.T) {
	t.Run("with the request", func(t *testing.T) {
		w := open(t, 1)
		c, h := w.take()
		many := numbers(20)
		c.send(many)
		_ = c.CloseWrite()
		h.start()
		c.want(many)
		c.wantEnd()
		receive(t, "the end", h.ended)
	})
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			w, g := open(t, 1), newGate()
			step.stop(w, "stop", g)
			c, h := w.dial()
			c.send("stop")
			receive(t, "the step", g.reached)
			_ = c.CloseWrite()
			receive(t, "the news that the client is gone", h.gone)
			g.open()
			c.want("stop")
			c.wantEnd()
			receive(t, "the end", h.ended)
		})
	}
}

// A client that has closed its side is not gone as long as there is something that it
// has sent.
func TestHalfClosedWithMoreToRead(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			w, g := open(t, 1), newGate()
			step.stop(w, "stop", g)
			c, h := w.dial()
			other, _ := w.dial()
			c.send("stop")
			receive(t, "the step", g.reached)
			c.send("more")
			_ = c.CloseWrite()
			other.send("0001")
			other.want("0001") // therefore the loop has noticed the end before
			if len(h.gone) > 0 {
				t.Error("its requests end before they are answered")
			}
			g.open()
			c.want("stopmore")
			c.wantEnd()
			receive(t, "the end", h.ended)
		})
	}
}

// steps are the steps of a handler.
var steps = []struct {
	name string
	stop func(w *world, request string, g *gate) // makes the step wait at a gate
}{
	{"Begin", func(w *world, request string, g *gate) {
		w.begin = func(h *echo) {
			if h.request == request {
				g.wait()
			}
		}
	}},
	{"Finish", func(w *world, request string, g *gate) {
		w.finish = func(h *echo) {
			if h.request == request {
				g.wait()
			}
		}
	}},
}

// What comes while a connection is at its turn is answered afterwards. Other connections
// are answered meanwhile.
func TestMoreAtATurn(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			w, g := open(t, 1), newGate()
			step.stop(w, "stop", g)
			c, _ := w.dial()
			other, _ := w.dial()
			c.send("stop")
			receive(t, "the step", g.reached)
			many := numbers(100)
			c.send(many)
			for range 3 {
				other.send("0001")
				other.want("0001")
			}
			g.open()
			c.want("stop" + many)
		})
	}
}

// A quiet connection leaves as one of the runtime's, without a deadline, and what comes
// then is answered. It may come back.
func TestQuiet(t *testing.T) {
	w := open(t, 1)
	w.group.Quiet = 1
	c, h := w.take()
	h.again = true
	h.start()
	for range 3 {
		receive(t, "leaving", h.left)
		c.send("0001")
		c.want("0001")
	}
	c.send("00")
	receive(t, "leaving", h.left)
	c.send("02")
	c.want("0002")
	_ = c.Close()
	receive(t, "the end", h.ended)
}

// At the end of a group connections leave, those at their turn after it. None is started
// afterwards.
func TestEnd(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			w, g := open(t, 2), newGate()
			step.stop(w, "stop", g)
			idle, idling := w.dial()
			busy, working := w.dial()
			late, starting := w.take()
			busy.send("stop")
			receive(t, "the step", g.reached)
			w.group.End()
			receive(t, "leaving", idling.left)
			if err := w.group.Start(starting.conn, Quick, starting); err != ErrEnded {
				t.Error(err)
			}
			starting.conn.Recall()
			starting.leave()
			if n := w.group.Len(); n != 1 || len(working.left) > 0 {
				t.Errorf("%d connections", n)
			}
			busy.send("more")
			g.open()
			receive(t, "leaving", working.left)
			busy.want("stopmore")
			for _, c := range []*client{idle, busy, late} {
				c.send("0001")
				c.want("0001")
				_ = c.Close()
			}
		})
	}
}

// A connection that is recalled leaves, one at its turn after it.
func TestRecall(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			w, g := open(t, 1), newGate()
			step.stop(w, "stop", g)
			idle, idling := w.dial()
			busy, working := w.dial()
			other, staying := w.dial()
			idling.conn.Recall()
			receive(t, "leaving", idling.left)
			busy.send("stop")
			receive(t, "the step", g.reached)
			working.conn.Recall()
			busy.send("more")
			g.open()
			receive(t, "leaving", working.left)
			working.conn.Recall() // which is late
			busy.want("stopmore")
			for _, c := range []*client{idle, busy, other} {
				c.send("0001")
				c.want("0001")
				_ = c.Close()
			}
			receive(t, "the end", staying.ended)
			if len(staying.left) > 0 {
				t.Error("another one has left")
			}
		})
	}
}

// A connection may be closed at any time: its client sees the end, and its handler ends
// it.
func TestClose(t *testing.T) {
	t.Run("before it is started", func(t *testing.T) {
		w := open(t, 1)
		c, h := w.take()
		_ = h.conn.Close()
		h.start()
		c.wantEnd()
		receive(t, "the end", h.ended)
	})
	t.Run("while it waits", func(t *testing.T) {
		w := open(t, 1)
		c, h := w.dial()
		c.send("0001")
		c.want("0001")
		_ = h.conn.Close()
		c.wantEnd()
		receive(t, "the end", h.ended)
		_ = h.conn.Close()
	})
	for _, step := range steps {
		t.Run("in "+step.name, func(t *testing.T) {
			w, g := open(t, 1), newGate()
			step.stop(w, "stop", g)
			c, h := w.dial()
			c.send("stop")
			receive(t, "the step", g.reached)
			_ = h.conn.Close()
			c.wantEnd()
			receive(t, "the news that the client is gone", h.gone)
			g.open()
			receive(t, "the end", h.ended)
		})
	}
	t.Run("after it has left", func(t *testing.T) {
		w := open(t, 1)
		w.group.Quiet = 1
		c, h := w.dial()
		receive(t, "leaving", h.left)
		_ = h.conn.Close()
		c.send("0001")
		c.want("0001")
		_ = c.Close()
		receive(t, "the end", h.ended)
		for _, use := range []func([]byte) (int, error){h.conn.Read, h.conn.Write} {
			if n, err := use(make([]byte, 1)); n != 0 || err != net.ErrClosed {
				t.Errorf("%d, %v", n, err)
			}
		}
	})
}

// A client that resets its connection ends it.
func TestReset(t *testing.T) {
	w := open(t, 1)
	c, h := w.dial()
	c.send("0001")
	c.want("0001")
	_ = c.SetLinger(0)
	_ = c.Close()
	receive(t, "the end", h.ended)
}

// Write takes what fits, and does not wait.
func TestWriteDoesNotWait(t *testing.T) {
	w := open(t, 1)
	c, h := w.take()
	total := 0
	for {
		n, err := h.conn.Write(make([]byte, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		total += n
		if n < 1<<20 {
			break
		}
	}
	h.conn.End()
	if n, err := io.Copy(io.Discard, c); err != nil || n != int64(total) {
		t.Errorf("%d bytes of %d, %v", n, total, err)
	}
}

// A loop is for many connections: another one is begun when it is full.
func TestCrowd(t *testing.T) {
	w := open(t, 2)
	var all []*client
	for range 2*crowd + 10 {
		c, _ := w.dial()
		all = append(all, c)
	}
	for _, l := range w.group.kinds[0] {
		if n := l.load.Load(); n < crowd || n > crowd+10 {
			t.Errorf("%d connections", n)
		}
	}
	for _, c := range all {
		c.send("0001")
	}
	for _, c := range all {
		c.want("0001")
		_ = c.Close()
	}
}
