package socket

import (
	"time"

	"github.com/e6e95bb8/topics/api/conns"
)

// loop has a loop serve the socket until it is not hot any more, or until there is
// something to do that no loop does. Afterwards the reader has the connection again,
// with all that was not used; a connection that is closed by then says so itself.
func (so *Socket) loop() {
	if p := so.enterLoop(); p != nil {
		<-p.back
		so.takeBack(p)
	}
	if so.retiring() {
		so.Wake() // slots were taken meanwhile
	}
}

// enterLoop returns nil if the socket stays with its reader: because it has more to do
// than to publish, or because it cannot be served otherwise.
func (so *Socket) enterLoop() *publisher {
	net, _ := so.wire.conn.(*conns.Conn)
	if net == nil || net.TCP() == nil || so.set.Loops == nil || !so.onlyPublishes() {
		so.heat.Punish(&so.set.Timing.Hot)
		return nil
	}
	if !so.awaitAnswers() {
		return nil
	}
	so.wire.Lock()
	defer so.wire.Unlock()
	// Whoever ends the socket, or has sent a ping, reads from it, too.
	if so.wire.cut || so.wire.ending || so.pinging.Load() || !so.out.reserve() {
		so.heat.Other()
		return nil
	}
	p := so.startLocked(net)
	if p == nil {
		so.heat.Punish(&so.set.Timing.Hot)
		so.out.release()
	}
	so.wire.publisher = p
	return p
}

// startLocked gives the connection to a loop. It returns nil if that failed. wire is
// held, and the outlet reserved.
func (so *Socket) startLocked(net *conns.Conn) *publisher {
	rest := append(so.framer.buffered(), net.TakeUnread()...)
	p := &publisher{socket: so, net: net, kind: so.heat.Kind, back: make(chan struct{}), rest: rest}
	if len(rest) > len(piece{}.room)/2 {
		net.Unread(rest)
		return nil
	}
	conn, err := so.set.Loops.Take(net.TCP())
	if err != nil {
		net.Unread(rest)
		return nil
	}
	p.conn = conn
	net.Replace(conn)
	if so.set.Loops.Start(conn, p.kind, p) != nil {
		p.leave()
		net.Unread(p.rest)
		return nil
	}
	return p
}

// takeBack gives the reader what the loop has left for it. Until the end of that nothing
// else can be sent.
func (so *Socket) takeBack(p *publisher) {
	p.net.Unread(p.rest)
	so.heat.Next(&so.set.Timing.Hot, time.Now())
	if len(p.unsent) > 0 {
		_ = so.out.carryLocked(0, func() error { return so.out.writeFrames(p.unsent) }) // the client may be gone
	}
	p.releaseAnswers()
	so.out.release()
	for _, pub := range p.begun {
		so.slots <- struct{}{} // there are as many as may be begun
		so.writes <- pub
	}
	so.busy.Store(false)
	so.wire.Lock()
	defer so.wire.Unlock()
	so.wire.publisher = nil
	so.wire.cold.Broadcast()
}

// onlyPublishes reports whether nothing but the reader has something to send.
func (so *Socket) onlyPublishes() bool {
	state := so.State()
	so.jobs.mu.Lock()
	works := len(so.jobs.works)
	so.jobs.mu.Unlock()
	return state.Groups == 0 && works == 0 && !so.jobs.underway()
}

// awaitAnswers waits until all publishes are answered. It returns false if the socket
// ends.
func (so *Socket) awaitAnswers() bool {
	taken := 0
	for taken < maxPublishes && so.takeSlot() {
		taken++
	}
	for range taken {
		<-so.slots
	}
	return taken == maxPublishes
}

// recall makes the reader have the connection soon.
func (so *Socket) recall() {
	so.wire.Lock()
	defer so.wire.Unlock()
	so.recallLocked()
}

func (so *Socket) recallLocked() {
	if p := so.wire.publisher; p != nil {
		p.conn.Recall()
	}
}

// cool makes sure that the socket is not in a loop, and will not be. The reader need
// not call it.
func (so *Socket) cool() {
	so.wire.Lock()
	defer so.wire.Unlock()
	so.wire.ending = true
	for so.wire.publisher != nil {
		so.recallLocked()
		so.wire.cold.Wait()
	}
}
