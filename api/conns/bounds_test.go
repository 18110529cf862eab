package conns

import (
	"testing"
	"time"
)

// talker is a connection that has something to read.
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

// Headers that do not end take no more than their bound: the connection that
// has waited longest with one gives way.
func TestUnreadHeadersAreBounded(t *testing.T) {
	w := newWorld(t, 1000)
	w.SetBounds(Bounds{Requests: 1000, Unread: 10 * unreadPiece})
	silent := w.come(3)
	whole := w.talk(5 * unreadPiece)
	whole.Begin() // it is read, and counts no more
	var slow []*Conn
	for range 10 {
		slow = append(slow, w.talk(unreadPiece))
	}
	small := w.talk(unreadPiece - 1)
	for _, c := range slow {
		if isClosed(c) {
			t.Fatal("one gave way within the bound")
		}
	}
	slow = append(slow, w.talk(2*unreadPiece))
	if !isClosed(slow[0]) || !isClosed(slow[1]) || isClosed(slow[2]) || isClosed(slow[10]) {
		t.Error("it was not the longest waiting ones that gave way")
	}
	if isClosed(whole) || isClosed(small) || closed(silent[0]) {
		t.Error("one that has no part of a header gave way")
	}
	// A body is not a header.
	whole.Conn.(*talker).bytes = 100 * unreadPiece
	if _, err := whole.Read(make([]byte, 100*unreadPiece)); err != nil || isClosed(whole) {
		t.Errorf("a body was counted: %v", err)
	}
	for _, c := range slow {
		if c.Begin() != Gone {
			c.Counted()
			c.rest()
		}
	}
	if w.unread != 0 {
		t.Errorf("%d bytes are left when all headers have been read", w.unread)
	}
}

// Of requests that hold nothing of a share there are so many, and the
// connection with the most gives way.
func TestRequestsOfAConnectionAreBounded(t *testing.T) {
	w := newWorld(t, 1000)
	w.SetBounds(Bounds{Requests: 20, Unread: 1 << 30})
	honest := w.work(w.come(9)...)
	greedy := w.come(1)[0]
	for range 11 {
		if greedy.Begin() == Gone {
			t.Fatal("it gave way within the bound")
		}
	}
	probe := w.come(1)[0]
	if probe.Begin() != Regular || !closed(greedy) || greedy.Begin() != Gone {
		t.Fatal("the greedy one did not give way")
	}
	for range 11 {
		greedy.Counted() // its requests end
	}
	if w.requests != 10 || w.busy.Len() != 10 {
		t.Fatalf("%d requests on %d connections", w.requests, w.busy.Len())
	}
	// Of equals it is the one that has waited longest, not the newest.
	more := w.work(w.come(11)...)
	if !closed(honest[0]) || closed(honest[1]) || closed(more[10]) {
		t.Error("it was not the oldest that gave way")
	}
	// What holds memory of a share is bounded by that.
	for _, c := range more {
		c.Counted()
	}
	for range 9 {
		honest[1].Begin()
	}
	if closed(honest[1]) {
		t.Error("what is counted elsewhere was counted here")
	}
	for _, c := range honest[1:] {
		_ = c.Close()
	}
	_ = probe.Close()
	if w.requests != 0 || w.busy.Len() != 0 {
		t.Errorf("%d requests on %d connections at the end", w.requests, w.busy.Len())
	}
}

// In a flood the next connection waits until the one that gives way to it has
// had its chance.
func TestAFloodWaits(t *testing.T) {
	w := newWorld(t, 2*Spare)
	w.come(2*Spare - 1)
	if d := w.crowded(); d != 0 {
		t.Errorf("with room it waits %v", d)
	}
	w.come(1)
	if d := w.crowded(); d != firstChance {
		t.Errorf("it waits %v", d)
	}
	w.time = w.time.Add(firstChance + time.Millisecond)
	if d := w.crowded(); d > 0 {
		t.Errorf("after that it waits %v", d)
	}

	w = newWorld(t, 2)
	w.work(w.come(2)...)
	w.come(Spare - 1)
	if d := w.crowded(); d != 0 {
		t.Errorf("with room beyond the bound it waits %v", d)
	}
	w.come(1)
	if d := w.crowded(); d != extraChance {
		t.Errorf("beyond the bound it waits %v", d)
	}
}
