package eventloop

import (
	"runtime"
	"sync/atomic"
	"time"
)

// most is how many connections a round has at most.
const most = 128

// turn is the time for which a goroutine polls a loop. When another one takes the
// loop on, the turn is lost: its goroutine ends with the step that it was in.
type turn struct {
	loop   *loop
	before *turn // lost by another goroutine, which may have left something to do; nil if none has
	lost   bool  // guarded by loop.mu
	events [most]event
	swept  time.Time // when the quiet connections left last
	// yielded is when other goroutines could run last.
	yielded time.Time
	// beginning is true from the first Begin of a round to its first Finish.
	beginning atomic.Bool

	// begins are the connections that are to begin, of which next have. Whoever adds
	// to next may take one.
	begins []*Conn
	next   atomic.Int64
	again  []*Conn // are to begin in the next round; guarded by loop.mu
	// finishes are to finish, in the order in which they began, of which finished
	// have. loop.mu guards both.
	finishes []*Conn
	finished int
}

// run polls the loop until the turn is lost, or until there are no connections.
func (t *turn) run() {
	t.swept = time.Now()
	begun := t.inherit()
	for t.gather() {
		if begun {
			begun = false
			t.finish()
		}
		t.begin()
		t.finish()
		if !t.end() {
			return
		}
	}
}

// inherit takes over what the turn before has not done. It returns true if that turn
// waits in a Begin: it may wait for what has begun, which is to be finished first
// then.
func (t *turn) inherit() (begun bool) {
	before := t.before
	if before == nil {
		return false
	}
	t.before = nil
	begun = before.beginning.Load()
	var rest []*Conn
	for c := before.claim(); c != nil; c = before.claim() {
		rest = append(rest, c)
	}
	l := t.loop
	l.mu.Lock()
	// The turn before may have ended already, and left something in again.
	t.again = append(append(t.again, rest...), before.again...)
	t.finishes, t.finished = before.finishes, before.finished
	before.again, before.finishes, before.finished = nil, nil, 0
	var ended []*Conn // before they began: there will be no event
	for _, c := range l.conns {
		if c.atTurn && c.ended {
			ended = append(ended, c)
		}
	}
	l.mu.Unlock()
	tellGone(ended)
	return begun
}

// tellGone calls Gone for the connections of which all has been read.
func tellGone(ended []*Conn) {
	for _, c := range ended {
		if c.over() {
			c.handler.Gone()
		}
	}
}

// gather waits until there are connections to begin or to finish, and takes them. It
// returns false if there will not be any.
func (t *turn) gather() bool {
	l := t.loop
	l.mu.Lock()
	if l.load.Load() == 0 {
		l.closed = nil
		l.poller.close()
		l.poller, l.turn = nil, nil
		l.mu.Unlock()
		return false
	}
	poller, idle := l.poller, len(t.again) == 0 && len(t.finishes) == 0
	l.mu.Unlock()
	n := poller.poll(t.events[:])
	now := time.Now()
	switch {
	case n == 0 && idle:
		n = poller.wait(t.events[:], l.group.Quiet)
		now = time.Now()
		t.yielded = now
	case now.Sub(t.yielded) > slice:
		runtime.Gosched()
		t.yielded = now
	}
	var ended []*Conn
	l.mu.Lock()
	l.busy = true
	l.rounds++
	t.setWatchLocked()
	t.next.Store(0)
	t.begins = append(t.begins[:0], t.again...)
	t.again = t.again[:0]
	for _, c := range t.begins {
		c.last = now
	}
	for _, e := range t.events[:n] {
		c := l.conns[e.fd]
		switch {
		case c == nil: // it has left since, or is the waker
		case c.noteLocked(e.ended):
			c.last = now
			t.begins = append(t.begins, c)
		case e.ended:
			ended = append(ended, c)
		}
	}
	for i, c := range l.closed {
		l.closed[i] = nil
		switch {
		case !c.added: // its handler has found out
		case c.noteLocked(true):
			t.begins = append(t.begins, c)
		default:
			ended = append(ended, c)
		}
	}
	l.closed = l.closed[:0]
	l.mu.Unlock()
	tellGone(ended)
	return true
}

// setWatchLocked sets the watch, unless it is set.
func (t *turn) setWatchLocked() {
	l := t.loop
	if l.looks {
		return
	}
	l.looks, l.seen = true, l.rounds
	if l.watch == nil {
		l.watch = time.AfterFunc(patience, l.look)
		return
	}
	l.watch.Reset(patience)
}

// claim returns a connection that is to begin, or nil if there are none left.
func (t *turn) claim() *Conn {
	i := t.next.Add(1) - 1
	if i >= int64(len(t.begins)) {
		return nil
	}
	return t.begins[i]
}

// begin begins the requests of the round.
func (t *turn) begin() {
	t.beginning.Store(true)
	for c := t.claim(); c != nil; c = t.claim() {
		t.follow(c, c.handler.Begin())
	}
}

// finish finishes the requests of the round, and whatever follows on them.
func (t *turn) finish() {
	t.beginning.Store(false)
	for {
		l := t.loop
		l.mu.Lock()
		if t.finished == len(t.finishes) {
			t.finishes, t.finished = t.finishes[:0], 0
			l.mu.Unlock()
			return
		}
		c := t.finishes[t.finished]
		t.finished++
		l.mu.Unlock()
		t.follow(c, c.handler.Finish())
	}
}

// follow does what follows a step of a connection.
func (t *turn) follow(c *Conn, next Next) {
	l := t.loop
	l.mu.Lock()
	if t.lost && t.beginning.Load() {
		c.called = true // its Begin has waited, and may do so again
	}
	leaves := next == Wait && (c.called || l.group.ended.Load())
	switch {
	case leaves:
	case next == Finish:
		t.finishes = append(t.finishes, c)
	case next == Wait && c.restLocked():
		t.again = append(t.again, c)
	}
	l.mu.Unlock()
	if leaves {
		c.handler.Quiet()
	}
}

// end ends a round. It returns false if the turn was lost and nothing is left to
// do.
func (t *turn) end() bool {
	l := t.loop
	now := time.Now()
	l.mu.Lock()
	lost := t.lost
	var left []*Conn
	switch {
	case !lost:
		l.busy = false
		if l.recalls || l.group.ended.Load() || now.Sub(t.swept) > l.group.Quiet/2 {
			t.swept, l.recalls = now, false
			left = l.takeQuietLocked(now)
		}
	case len(t.again) > 0:
		l.turn.again = append(l.turn.again, t.again...)
		t.again = nil
		l.wakeLocked()
	}
	l.mu.Unlock()
	for _, c := range left {
		c.handler.Quiet()
	}
	return !lost
}

// takeQuietLocked returns the connections that have been quiet for some time or were
// recalled, all of them at the end of the group. They are at nobody's turn.
func (l *loop) takeQuietLocked(now time.Time) (left []*Conn) {
	for _, c := range l.conns {
		if !c.atTurn && (c.called || now.Sub(c.last) > l.group.Quiet || l.group.ended.Load()) {
			c.atTurn = true
			left = append(left, c)
		}
	}
	return left
}
