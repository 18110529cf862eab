package conns

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// world is a Set with its own clock, whose connections have names.
type world struct {
	*Set
	t    *testing.T
	time time.Time
}

func newWorld(t *testing.T, bound int) *world {
	w := &world{Set: NewSet(zerolog.Nop()), t: t, time: time.Unix(0, 0)}
	w.now = func() time.Time { return w.time }
	w.bound = bound
	return w
}

// fake is a connection that remembers that it was closed.
type fake struct {
	net.Conn
	closed int
}

func (f *fake) Close() error { f.closed++; return nil }

// come admits n connections.
func (w *world) come(n int) []*Conn {
	out := make([]*Conn, n)
	for i := range out {
		out[i] = w.admit(new(fake))
	}
	return out
}

// work starts a request on each connection.
func (w *world) work(conns ...*Conn) []*Conn {
	w.t.Helper()
	for i, c := range conns {
		if c.Begin() == Gone {
			w.t.Fatalf("connection %d is gone", i)
		}
	}
	return conns
}

func (c *Conn) isExtra() bool { return c.extra.taken() }

func closed(c *Conn) bool { return c.Conn.(*fake).closed > 0 }

// check compares the count with the connections themselves.
func (w *world) check(want int, all ...[]*Conn) {
	w.t.Helper()
	open := 0
	for _, c := range slices.Concat(all...) {
		if !closed(c) {
			open++
		}
	}
	if s := w.Stats(); open != want || s.Open != want {
		w.t.Fatalf("%d are open and %d counted, want %d", open, s.Open, want)
	}
}

func TestTheLongestWaitingGivesWay(t *testing.T) {
	w := newWorld(t, 4)
	kept := w.work(w.come(2)...)
	kept[1].Rest()
	w.time = w.time.Add(1)
	kept[0].Rest()
	silent := w.come(2)
	w.time = w.time.Add(grace)

	for i, victim := range []*Conn{silent[0], silent[1], kept[1], kept[0]} {
		c := w.work(w.come(1)...)[0]
		if !closed(victim) || c.isExtra() {
			t.Fatalf("connection %d: its victim is closed %v, it is extra %v", i, closed(victim), c.isExtra())
		}
		if victim.Begin() != Gone {
			t.Error("a request was begun over a connection that gave way")
		}
	}
	if s := w.Stats(); s.Open != 4 || s.Shed != 4 || s.Refused != 0 {
		t.Errorf("stats are %+v", s)
	}
}

// A connection that was just admitted is about to send a request: it is closed
// only if there are many like it.
func TestGrace(t *testing.T) {
	w := newWorld(t, 2)
	busy := w.work(w.come(2)...)
	probes := w.come(Spare)
	w.check(2+Spare, busy, probes)
	next := w.come(1)
	if !closed(probes[0]) || closed(probes[1]) {
		t.Error("the oldest of too many did not give way")
	}
	w.check(2+Spare, busy, probes, next)

	w = newWorld(t, 10*Spare)
	silent := w.come(10 * Spare)
	next = w.come(1)
	if !closed(silent[0]) || next[0].isExtra() {
		t.Error("a crowd of new connections has a grace")
	}
}

// A connection that was just answered is about to send its next request: in a flood, with
// all others at work, it must not be the one that gives way each time.
func TestAnAnsweredConnectionHasTimeToAskAgain(t *testing.T) {
	w := newWorld(t, 2)
	busy := w.work(w.come(2)...)
	busy[0].Rest()
	flood := w.come(Spare + 8)
	if closed(busy[0]) || !flood[Spare+7].isExtra() {
		t.Fatal("it gave way at once")
	}
	w.work(busy[0])
	busy[0].Rest()
	w.time = w.time.Add(grace)
	next := w.come(1)
	if !closed(busy[0]) || next[0].isExtra() {
		t.Error("it does not give way when it has been idle")
	}

	w = newWorld(t, 2*Spare)
	kept := w.work(w.come(2 * Spare)...)
	for _, c := range kept {
		c.Rest()
	}
	w.come(1)
	if !closed(kept[0]) {
		t.Error("a crowd of kept connections has a grace")
	}

	w = newWorld(t, 2*Spare)
	kept = w.work(w.come(Spare)...)
	for _, c := range kept {
		c.Rest()
	}
	fresh := w.come(Spare)
	if next := w.come(1); next[0].isExtra() || !closed(fresh[0]) {
		t.Error("a crowd of which half wait for their first request has a grace")
	}
}

func TestExtraOnesAreLetIn(t *testing.T) {
	w := newWorld(t, 2)
	busy := w.work(w.come(2)...)
	extra := w.come(Spare)
	for _, c := range w.work(extra...) {
		if !c.isExtra() || c.Claim() {
			t.Fatal("there is room")
		}
	}
	// Of those the oldest is closed, even during a request.
	next := w.come(2)
	if !closed(extra[0]) || !closed(extra[1]) || closed(extra[2]) || extra[0].Begin() != Gone || extra[0].Claim() {
		t.Error("the oldest did not give way")
	}
	w.check(2+Spare, busy, extra, next)
	if s := w.Stats(); s.Shed != 0 || s.Refused != 2 {
		t.Errorf("stats are %+v", s)
	}
	// When there is room it becomes regular.
	_ = busy[0].Close()
	if w.work(extra[2]); extra[2].isExtra() {
		t.Error("there is no room")
	}
	w.check(1+Spare, busy, extra, next)
}

// A request takes the place of a connection that has not sent one, but not that
// of another connection that was admitted for a probe.
func TestClaim(t *testing.T) {
	w := newWorld(t, 3)
	busy, silent := w.work(w.come(2)...), w.come(1)
	probe := w.come(1)
	data := w.work(w.come(1)...)
	if data[0].Claim() {
		t.Error("a new connection has no grace")
	}
	w.time = w.time.Add(grace)
	if !data[0].isExtra() || !data[0].Claim() || !closed(silent[0]) || closed(probe[0]) {
		t.Error("it has no place, or another one than the silent one's")
	}
	w.check(4, busy, silent, probe, data)
	second := w.work(w.come(1)...)
	if second[0].Claim() || closed(probe[0]) {
		t.Error("it has the place of a probe")
	}
	busy[0].Rest()
	w.time = w.time.Add(grace)
	if !second[0].Claim() || !closed(busy[0]) || second[0].isExtra() {
		t.Error("a kept connection does not give way")
	}
	w.check(4, busy, silent, probe, data, second)
}

func TestALowerBoundClosesWhatWaits(t *testing.T) {
	w := newWorld(t, 10)
	busy := w.work(w.come(3)...)
	idle := w.work(w.come(5)...)
	for _, c := range idle {
		c.Rest()
	}
	w.SetBound(6)
	w.check(6, busy, idle)
	if !closed(idle[0]) || !closed(idle[1]) {
		t.Error("those that waited longest are not the ones")
	}
	w.SetBound(1)
	w.check(3, busy, idle)
}

// Under a bound that was lowered below the number in use, a new connection may
// take the place of two.
func TestEveryOneThatGivesWayIsClosed(t *testing.T) {
	w := newWorld(t, 10)
	busy := w.work(w.come(10)...)
	w.SetBound(4)
	extra := w.work(w.come(Spare)...)
	busy[0].Rest()
	w.time = w.time.Add(grace)
	next := w.come(1)
	if !closed(busy[0]) || !closed(extra[0]) {
		t.Error("one of two is still open")
	}
	w.check(9+Spare, busy, extra, next)
}

// An HTTP/2 connection is idle before its first request, and again each time
// that no request is in progress.
func TestRest(t *testing.T) {
	w := newWorld(t, 3)
	c := w.come(1)[0]
	c.Rest()
	if w.fresh.Len() != 1 || w.idle.Len() != 0 {
		t.Error("a connection that has asked for nothing is no kept one")
	}
	w.work(c, c)
	c.Rest()
	c.Rest()
	if w.fresh.Len() != 0 || w.idle.Len() != 1 {
		t.Errorf("%d new and %d kept", w.fresh.Len(), w.idle.Len())
	}
	_ = c.Close()
	_ = c.Close()
	c.Rest()
	if w.Stats().Open != 0 || w.idle.Len() != 0 {
		t.Error("it is still there")
	}
}
