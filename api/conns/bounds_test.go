package conns

import (
	"testing"
	"time"
)

// talker is a connection with bytes to read.
type talker struct {
	fake
	bytes int
}

func (t *talker) Read(p []byte) (int, error) {
	n := min(len(p), t.bytes)
	t.bytes -= n
	return n, nil
}

func (w *world) talk(n int) *Conn {
	c := w.admit(&talker{bytes: n})
	buf := make([]byte, n)
	for read := 0; read < n; {
		m, err := c.Read(buf[read:])
		if err != nil {
			w.t.Fatal(err)
		}
		read += m
	}
	return c
}

func isClosed(c *Conn) bool { return c.Conn.(*talker).closed > 0 }

// Incomplete headers take no more than their bound: the connection that has
// waited longest with one is closed.
func TestUnreadHeadersAreBounded(t *testing.T) {
	w := newWorld(t, 1000)
	w.SetBounds(Bounds{Requests: 1000, Unread: 10 * unreadPiece})
	silent := w.come(3)
	whole := w.talk(5 * unreadPiece)
	whole.Begin() // it is complete, and no longer counted
	var slow []*Conn
	for range 10 {
		slow = append(slow, w.talk(unreadPiece))
	}
	small := w.talk(unreadPiece - 1)
	for _, c := range slow {
		if isClosed(c) {
			t.Fatal("one was closed within the bound")
		}
	}
	slow = append(slow, w.talk(2*unreadPiece))
	if !isClosed(slow[0]) || !isClosed(slow[1]) || isClosed(slow[2]) || isClosed(slow[10]) {
		t.Error("it was not the longest waiting ones that were closed")
	}
	if isClosed(whole) || isClosed(small) || closed(silent[0]) {
		t.Error("one without a part of a header was closed")
	}
	// A body is not a header.
	whole.Conn.(*talker).bytes = 100 * unreadPiece
	if _, err := whole.Read(make([]byte, 100*unreadPiece)); err != nil || isClosed(whole) {
		t.Errorf("a body was counted: %v", err)
	}
	for _, c := range slow {
		if c.Begin() != Gone {
			c.Counted()
			c.Rest()
		}
	}
	if w.unread != 0 {
		t.Errorf("%d bytes are left when all headers have been read", w.unread)
	}
}

// Requests without memory of a share are bounded: the connection with the most is
// closed.
func TestRequestsOfAConnectionAreBounded(t *testing.T) {
	w := newWorld(t, 1000)
	w.SetBounds(Bounds{Requests: 20, Unread: 1 << 30})
	honest := w.work(w.come(9)...)
	greedy := w.come(1)[0]
	for range 11 {
		if greedy.Begin() == Gone {
			t.Fatal("it was closed within the bound")
		}
	}
	probe := w.come(1)[0]
	if probe.Begin() != Regular || !closed(greedy) || greedy.Begin() != Gone {
		t.Fatal("the greedy one was not closed")
	}
	for range 11 {
		greedy.Counted() // its requests end
	}
	if w.requests != 10 || w.busy.Len() != 10 {
		t.Fatalf("%d requests on %d connections", w.requests, w.busy.Len())
	}
	// Of equals the one that has been busy for longest is closed, not the newest.
	more := w.work(w.come(11)...)
	if !closed(honest[0]) || closed(honest[1]) || closed(more[10]) {
		t.Error("it was not the oldest that was closed")
	}
	// Requests with memory of a share are bounded by the share.
	for _, c := range more {
		c.Counted()
	}
	for range 9 {
		honest[1].Begin()
	}
	if closed(honest[1]) {
		t.Error("requests with memory of a share were counted")
	}
	for _, c := range honest[1:] {
		_ = c.Close()
	}
	_ = probe.Close()
	if w.requests != 0 || w.busy.Len() != 0 {
		t.Errorf("%d requests on %d connections at the end", w.requests, w.busy.Len())
	}
}

// In a flood the next connection waits until the one that is closed for it has had
// its least time.
func TestAFloodWaits(t *testing.T) {
	w := newWorld(t, 2*Spare)
	w.come(2*Spare - 1)
	if d, _ := w.crowded(); d != 0 {
		t.Errorf("with room it waits %v", d)
	}
	w.come(1)
	if d, _ := w.crowded(); d != firstChance {
		t.Errorf("it waits %v", d)
	}
	w.time = w.time.Add(firstChance + time.Millisecond)
	if d, _ := w.crowded(); d > 0 {
		t.Errorf("after that it waits %v", d)
	}

	w = newWorld(t, 2)
	w.work(w.come(2)...)
	w.come(Spare - 1)
	if d, _ := w.crowded(); d != 0 {
		t.Errorf("with room beyond the bound it waits %v", d)
	}
	w.come(1)
	if d, _ := w.crowded(); d != extraChance {
		t.Errorf("beyond the bound it waits %v", d)
	}
}
