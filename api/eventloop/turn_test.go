//go:build linux

package eventloop

import (
	"fmt"
	"slices"
	"testing"
)

// together calls send, so that the requests that it sends begin in one round, in their
// order.
func (w *world) together(send func()) {
	c, _ := w.dial()
	l := w.group.kinds[0][0]
	l.mu.Lock()
	c.send("0001") // whoever polls waits for the lock now
	send()
	l.mu.Unlock()
	c.want("0001")
}

// A Begin that waits for what has begun in its round ends: another goroutine finishes
// that.
func TestABeginThatWaitsForWhatHasBegun(t *testing.T) {
	w := open(t, 1)
	done := make(chan struct{})
	w.begin = func(h *echo) {
		if h.request == "wait" {
			<-done
		}
	}
	w.finish = func(h *echo) {
		if h.request == "done" {
			close(done)
		}
	}
	first, _ := w.dial()
	var others []*client
	for range 10 {
		c, _ := w.dial()
		others = append(others, c)
	}
	w.together(func() {
		first.send("done")
		for _, c := range others {
			c.send("wait")
		}
	})
	first.want("done")
	for _, c := range others {
		c.want("wait")
	}
}

// After a turn that was lost in a Begin the next one finishes what has begun before it
// begins anything else, which would wait for the same. After one that was lost in a
// Finish it begins first: the others may hang, too.
func TestTheOrderAfterALostTurn(t *testing.T) {
	for _, beginning := range []bool{true, false} {
		t.Run(fmt.Sprint(beginning), func(t *testing.T) {
			w := open(t, 1)
			l := w.group.kinds[0][0]
			var steps []string
			w.begin = func(h *echo) { steps = append(steps, "begin "+h.request) }
			w.finish = func(h *echo) { steps = append(steps, "finish "+h.request) }
			started := make(map[string]*Conn)
			for _, request := range []string{"0001", "0002"} {
				c, h := w.take()
				c.send(request)
				_ = c.CloseWrite()
				h.conn.handler, h.conn.loop = h, l
				h.conn.added, h.conn.atTurn, h.conn.readable = true, true, true
				l.conns[h.conn.fd] = h.conn
				l.countLocked()
				started[request] = h.conn
			}
			var err error
			if l.poller, err = newPoller(); err != nil {
				t.Fatal(err)
			}
			l.looks = true // so that no turn is lost
			before := &turn{loop: l, lost: true, begins: []*Conn{started["0001"]}}
			before.begin()
			before.begins = append(before.begins, started["0002"])
			before.next.Store(1)
			before.beginning.Store(beginning)
			l.turn = &turn{loop: l, before: before}
			l.turn.run()
			want := []string{"begin 0001", "begin 0002", "finish 0001", "finish 0002"}
			if beginning {
				want = []string{"begin 0001", "finish 0001", "begin 0002", "finish 0002"}
			}
			if !slices.Equal(steps, want) {
				t.Errorf("%q, want %q", steps, want)
			}
		})
	}
}

// Each Finish may hang: what has begun, and what comes, is served by other goroutines.
func TestFinishesThatHang(t *testing.T) {
	w := open(t, 1)
	released := make(chan struct{})
	w.finish = func(h *echo) {
		if h.request == "hang" {
			<-released
		}
	}
	var hanging []*client
	for range 10 {
		c, _ := w.dial()
		hanging = append(hanging, c)
	}
	other, _ := w.dial()
	w.together(func() {
		for i, c := range hanging {
			c.send("hang")
			if i == 5 {
				other.send("0002")
			}
		}
	})
	other.want("0002")
	other.send("0003")
	other.want("0003")
	close(released)
	for _, c := range hanging {
		c.want("hang")
	}
}

// A connection whose Begin has waited leaves once it has its answer: it would hold the
// loop up again.
func TestABeginThatHasWaitedLeaves(t *testing.T) {
	w := open(t, 1)
	released := make(chan struct{})
	w.begin = func(h *echo) {
		if h.request == "hang" {
			<-released
		}
	}
	c, _ := w.dial()
	other, _ := w.dial()
	c.send("hang")
	other.send("0001")
	other.want("0001")
	other.send("0002")
	other.want("0002") // by another goroutine, if not already the one before
	close(released)
	c.want("hang")
	waitFor(t, "the connection to leave", func() bool { return w.group.Len() == 1 })
	c.send("0003")
	c.want("0003")
}

// A turn that was lost and ends before the next one begins leaves its connections to
// that.
func TestALostTurnThatEndsFirst(t *testing.T) {
	w := open(t, 1)
	l := w.group.kinds[0][0]
	var conns []*Conn
	for range 3 {
		_, h := w.take()
		defer h.conn.End()
		conns = append(conns, h.conn)
	}
	before := &turn{loop: l, lost: true, begins: conns[:1], again: conns[1:2]}
	after := &turn{loop: l, before: before}
	l.turn = after
	if before.end() {
		t.Fatal("a lost turn goes on")
	}
	before.again = conns[2:]
	after.inherit()
	if !slices.Equal(after.again, []*Conn{conns[1], conns[0], conns[2]}) {
		t.Errorf("%d connections are to begin, want 3", len(after.again))
	}
	l.turn = nil
}
