// Package eventloop serves busy connections without a goroutine for each. A loop
// asks the kernel which of its connections have something to read, begins the
// request of each, one after the other, and then finishes them all: what they wait
// for, such as a sync, they wait for together, in one goroutine that is neither
// parked nor woken for any of them.
//
// A handler may still wait. If a round of a loop takes longer than patience, another
// goroutine goes on with the connections that are not at their turn, so that a
// disk that hangs delays nobody but those who need it.
package eventloop

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// patience is about how long a round may take before another goroutine takes
	// the loop on; up to twice as long. It is much longer than a sync that does not
	// hang.
	patience = 5 * time.Millisecond
	quiet    = 100 * time.Millisecond // Group.Quiet of NewGroup
	// slice is how long a loop that always has something to do keeps other goroutines
	// from its processor. The runtime would give it ten times as long.
	slice = time.Millisecond
	// crowd is how many connections a loop has before another one is begun: fewer
	// would share a sync less often.
	crowd = 64
)

// ErrEnded is returned by Start after End.
var ErrEnded = errors.New("eventloop: the group has ended")

// ErrUnsupported is returned by Take where the system has no such poller.
var ErrUnsupported = errors.New("eventloop: not supported by this system")

// ErrNothing is returned by Conn.Read when there is nothing to read.
var ErrNothing = errors.New("eventloop: nothing to read")

// Next is what follows a step of a handler.
type Next int

// What may follow.
const (
	Wait   Next = iota // for more to read
	Finish             // Handler.Finish is to be called
	Left               // the handler has called Leave or End
)

// Handler serves one connection. Its methods but Gone are called by one goroutine at a
// time. A handler whose method panics must have recovered from it.
type Handler interface {
	// Begin is called when there may be something to read. It should not wait.
	Begin() Next
	// Finish is called after Begin or Finish has returned Finish, when other
	// connections have begun, in the order in which they did. It may wait.
	Finish() Next
	// Quiet is called when there has been nothing to read for some time, after Recall,
	// after a Begin that has waited, and at the end of the group. The handler calls
	// Leave or End.
	Quiet()
	// Gone is called when the peer has closed its side while Begin or Finish
	// waits, and has sent nothing that was not read.
	Gone()
}

// Kind is what the requests of a connection wait for. Connections of one kind hold each
// other up; those of different kinds do not.
type Kind int

// The kinds.
const (
	Quick  Kind = iota // requests that wait for little
	Synced             // requests that wait for a sync
	kinds
)

// Group is the loops that share the connections of a server.
type Group struct {
	// Quiet is about how long a connection has nothing to read before it leaves. It
	// must not be changed once the group has connections.
	Quiet time.Duration

	kinds [kinds][]*loop
	ended atomic.Bool // End was called
}

// NewGroup returns a group of so many loops for each kind. They run while they have
// connections.
func NewGroup(loops int) *Group {
	g := &Group{Quiet: quiet}
	for kind := range g.kinds {
		for range loops {
			l := &loop{group: g, conns: map[int]*Conn{}}
			g.kinds[kind] = append(g.kinds[kind], l)
		}
	}
	return g
}

// Take returns a connection that has the place of tcp, which it closes. On an error
// tcp is as it was.
func (g *Group) Take(tcp *net.TCPConn) (*Conn, error) {
	fd, err := duplicate(tcp)
	if err != nil {
		return nil, err
	}
	c := &Conn{fd: fd, local: tcp.LocalAddr(), remote: tcp.RemoteAddr()}
	_ = tcp.Close() // the socket is still c's
	return c, nil
}

// Start makes a loop of a kind serve the connection with h, beginning with a call of
// Begin. On an error the connection must leave; otherwise it is h's from now on.
func (g *Group) Start(c *Conn, kind Kind, h Handler) error {
	if g.ended.Load() {
		return ErrEnded
	}
	c.handler = h
	return g.choose(kind).start(c)
}

// choose returns the loop for one more connection.
func (g *Group) choose(kind Kind) *loop {
	loops := g.kinds[kind]
	best := loops[0]
	for _, l := range loops {
		n := l.load.Load()
		if n < crowd {
			return l
		}
		if n < best.load.Load() {
			best = l
		}
	}
	return best
}

// Len returns how many connections the group has.
func (g *Group) Len() int {
	n := 0
	for _, loops := range g.kinds {
		for _, l := range loops {
			n += int(l.load.Load())
		}
	}
	return n
}

// End makes all connections leave as soon as they are finished.
func (g *Group) End() {
	g.ended.Store(true)
	for _, loops := range g.kinds {
		for _, l := range loops {
			l.mu.Lock()
			l.wakeLocked()
			l.mu.Unlock()
		}
	}
}

// loop is a set of connections that one goroutine at a time polls.
type loop struct {
	group *Group
	load  atomic.Int64 // len(conns) and ending

	mu     sync.Mutex
	conns  map[int]*Conn // by descriptor; those that were closed are not among them
	ending int           // connections that were closed, and whose handler has not found out
	closed []*Conn       // closed since the last round
	poller *poller       // nil while load is 0
	turn   *turn         // of the goroutine that polls, or is to poll next
	rounds uint64        // begun by the goroutines that poll
	busy   bool          // a round is under way
	seen   uint64        // rounds when the watch looked last
	watch  *time.Timer   // calls look; nil before the first round
	looks  bool          // the watch is set
	// recalls is true if Recall was called for connections.
	recalls bool
}

// start adds a connection.
func (l *loop) start(c *Conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.poller == nil {
		p, err := newPoller()
		if err != nil {
			return err
		}
		l.poller = p
		l.turn = &turn{loop: l}
		defer func() { go l.turn.run() }() // which ends at once if nothing was added
	}
	if c.left {
		l.ending++ // its handler finds out in its Begin
	} else {
		if err := l.poller.add(c.fd); err != nil {
			return err
		}
		l.conns[c.fd] = c
	}
	c.loop, c.last, c.added = l, time.Now(), true
	l.countLocked()
	c.atTurn, c.readable = true, true
	l.turn.again = append(l.turn.again, c)
	l.wakeLocked()
	return nil
}

// remove takes a connection out of the loop. c.mu is held.
func (l *loop) remove(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.added {
		return
	}
	c.added = false
	if c.closed {
		l.ending--
	} else {
		l.forgetLocked(c)
	}
	l.countLocked()
	if l.load.Load() == 0 {
		l.wakeLocked() // nothing else would
	}
}

// close makes the loop tell the handler that the connection is closed. When it returns
// the loop does not use the descriptor any more. c.mu is held.
func (l *loop) close(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.added {
		return // it could not be started
	}
	l.forgetLocked(c)
	l.ending++
	l.closed = append(l.closed, c)
	l.wakeLocked()
}

// forgetLocked takes the descriptor out of the loop. The poller must be told before the
// descriptor is closed: by itself it goes on while the socket has another descriptor. An
// event that it has reported already may be taken for one of the connection that has
// the number next, which then reads once in vain.
func (l *loop) forgetLocked(c *Conn) {
	l.poller.remove(c.fd)
	delete(l.conns, c.fd)
}

func (l *loop) countLocked() { l.load.Store(int64(len(l.conns) + l.ending)) }

// wakeLocked ends a wait for connections.
func (l *loop) wakeLocked() {
	if l.poller != nil {
		l.poller.wake()
	}
}

// look is called every now and then while there are rounds. It makes another
// goroutine poll if the one that does has been in the same round since the last
// look.
func (l *loop) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.busy {
		l.looks = false
		return
	}
	if l.rounds == l.seen {
		l.turn.lost = true
		l.turn = &turn{loop: l, before: l.turn}
		l.busy = false
		go l.turn.run()
	}
	l.seen = l.rounds
	l.watch.Reset(patience)
}
