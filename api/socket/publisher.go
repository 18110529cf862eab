package socket

import (
	"runtime/debug"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/queues"
)

const (
	// hotAfter is how many publishes in a row, each within hotWithin of the one
	// before, make a socket hot.
	hotAfter  = 8
	hotWithin = 20 * time.Millisecond
	// mostPenalty bounds how many more are asked for after a socket has left its loop
	// for a message that does not belong there.
	mostPenalty = 1 << 12
)

// heat is whether a socket is worth a place in a loop: a hot one publishes one record
// after the other, and does nothing else. It is the reader's.
type heat struct {
	kind    eventloop.Kind // of the last publish
	streak  int            // publishes of the kind in a row; negative after a penalty
	penalty int            // the last one
	last    time.Time
}

// publish notes a publish.
func (h *heat) publish(now time.Time, waits bool) {
	kind := eventloop.Quick
	if waits {
		kind = eventloop.Synced
	}
	if kind != h.kind || now.Sub(h.last) > hotWithin {
		h.kind, h.streak = kind, min(h.streak, 0)
	}
	h.last = now
	h.streak++
}

// other notes a message that is no publish.
func (h *heat) other() { h.streak = min(h.streak, 0) }

// punish notes that the socket had to leave its loop.
func (h *heat) punish() {
	h.penalty = min(2*h.penalty+hotAfter, mostPenalty)
	h.streak = -h.penalty
}

// publisher serves a hot socket in a loop, while the reader waits. It carries out
// publishes that arrive as whole frames, and answers them together. Everything
// else is left to the reader.
type publisher struct {
	socket *Socket
	net    *conns.Conn
	conn   *eventloop.Conn
	kind   eventloop.Kind // of the loop
	back   chan struct{}  // closed when the reader has the connection again

	piece  *piece     // nil while there is nothing in it
	begun  []*publish // by Begin, for Finish
	leaves bool       // after Finish

	// What is left for the reader.
	unsent []byte // of the last answers
	rest   []byte // of what was read
	broken bool   // the connection is closed
}

// piece is what one read takes at most, and what of it has not been used.
type piece struct {
	room [64 << 10]byte
	in   []byte
}

var pieces = sync.Pool{New: func() any { return new(piece) }}

// loop has a loop serve the socket until it is not hot any more. It returns false if
// the connection is closed.
func (so *Socket) loop() bool {
	p := so.enterLoop()
	if p == nil {
		return true
	}
	<-p.back
	so.wire.Lock()
	so.wire.publisher = nil
	so.wire.cold.Broadcast()
	so.wire.Unlock()
	sent := !p.broken
	if sent {
		p.net.Unread(p.rest)
		so.heat.last = time.Now()
		sent = len(p.unsent) == 0 || so.out.sendFrames(p.unsent, 0) == nil
	}
	for _, pub := range p.begun {
		so.slots <- struct{}{} // there are as many as may be begun
		so.writes <- pub
	}
	so.busy.Store(false)
	if so.retiring() {
		so.Wake()
	}
	return sent
}

// enterLoop returns nil if the socket stays with its reader: because it has more to do
// than to publish, or because it cannot be served otherwise.
func (so *Socket) enterLoop() *publisher {
	net, _ := so.wire.conn.(*conns.Conn)
	if net == nil || net.TCP() == nil || so.set.Loops == nil || !so.onlyPublishes() {
		so.heat.punish()
		return nil
	}
	if !so.awaitAnswers() {
		return nil
	}
	rest := append(so.framer.buffered(), net.TakeUnread()...)
	if len(rest) > len(piece{}.room)/2 {
		net.Unread(rest)
		return nil
	}
	so.wire.Lock()
	defer so.wire.Unlock()
	if so.wire.cut || so.wire.ending || so.pinging.Load() {
		so.heat.other()
		net.Unread(rest)
		return nil
	}
	conn, err := so.set.Loops.Take(net.TCP())
	if err != nil {
		so.heat.punish()
		net.Unread(rest)
		return nil
	}
	net.Replace(conn)
	p := &publisher{socket: so, net: net, conn: conn, kind: so.heat.kind, back: make(chan struct{}), rest: rest}
	if so.set.Loops.Start(conn, p.kind, p) != nil {
		so.heat.punish()
		p.leave()
	}
	so.wire.publisher = p
	return p
}

// onlyPublishes reports whether nobody but the reader has something to send.
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

// cool makes sure that the socket is not in a loop, and will not be. The reader need
// not call it.
func (so *Socket) cool() {
	so.wire.Lock()
	defer so.wire.Unlock()
	so.wire.ending = true
	for so.wire.publisher != nil {
		so.wire.publisher.conn.Recall()
		so.wire.cold.Wait()
	}
}

// Begin implements eventloop.Handler.
func (p *publisher) Begin() (next eventloop.Next) {
	defer p.survive(&next)
	box := pieces.Get().(*piece)
	p.piece = box
	had := copy(box.room[:], p.rest)
	n, err := p.conn.Read(box.room[had:])
	if err != nil && err != eventloop.ErrNothing {
		return p.leave()
	}
	box.in = box.room[:had+n]
	p.rest = p.rest[:0]
	return p.advance()
}

// advance begins publishes, as many as may be without their answer.
func (p *publisher) advance() eventloop.Next {
	so, box := p.socket, p.piece
	inbox := inboxes.Get().(*inbox)
	so.call.Records = inbox.records
	for len(p.begun) < maxPublishes && !p.leaves {
		size, mask, message, ok := cutText(box.in)
		if !ok || so.retiring() {
			p.leaves = true
			break
		}
		if size == 0 {
			p.leaves = len(box.in) > len(box.room)/2 // a large one
			break
		}
		applyMask(mask, message)
		cmd, err := decodeCommand(message)
		if err != nil || cmd.op != "publish" {
			applyMask(mask, message)
			p.leaves = true
			break
		}
		box.in = box.in[size:]
		p.begin(cmd, message)
	}
	inbox.records = call.Keep(so.call.Records, call.KeepRecords)
	so.call.Records = nil
	inboxes.Put(inbox)
	switch {
	case len(p.begun) > 0:
		return eventloop.Finish
	case p.leaves:
		so.heat.punish()
		return p.leave()
	}
	p.keep()
	return eventloop.Wait
}

// begin begins a publish.
func (p *publisher) begin(cmd command, message []byte) {
	so := p.socket
	so.busy.Store(true)
	so.flow.Begin(len(message))
	pub := newPublish(cmd)
	pub.began, pub.notes = time.Now(), so.notes()
	pub.err = so.begin(pub, message)
	p.begun = append(p.begun, pub)
	so.call.Give()
	clear(so.call.Records)
	waits := pub.pending != nil && pub.pending.Waits()
	so.heat.publish(pub.began, waits)
	if waits && p.kind == eventloop.Quick || so.heat.kind != p.kind && so.heat.streak >= hotAfter {
		p.leaves = true // it belongs to the other loops now
	}
}

// Finish implements eventloop.Handler.
func (p *publisher) Finish() (next eventloop.Next) {
	defer p.survive(&next)
	so := p.socket
	if p.leaves && p.kind == eventloop.Quick && so.heat.kind == eventloop.Synced {
		return p.leave() // it would hold up the others
	}
	for _, pub := range p.begun {
		so.await(pub)
	}
	buf := acks.Get().(*ackBuffer)
	so.acknowledgeAll(p.begun, buf, p.send)
	acks.Put(buf)
	for i, pub := range p.begun {
		p.begun[i] = nil
		pub.recycle()
	}
	p.begun = p.begun[:0]
	so.alive()
	so.busy.Store(false)
	if p.leaves || len(p.unsent) > 0 {
		so.heat.punish()
		return p.leave()
	}
	return p.advance()
}

// send writes answers without waiting. What the client does not take at once is left to
// the reader.
func (p *publisher) send(frames []byte, messages int) {
	flow := &p.socket.flow
	flow.Sent.Add(int64(messages))
	flow.Move()
	n := 0
	if len(p.unsent) == 0 {
		n, _ = p.conn.Write(frames) // if the client is gone, the next read says so
	}
	p.unsent = append(p.unsent, frames[n:]...)
}

// keep gives the piece back. What is left in it is the beginning of a frame.
func (p *publisher) keep() {
	box := p.piece
	p.piece = nil
	if box == nil {
		return
	}
	p.rest = append(p.rest[:0], box.in...)
	box.in = nil
	pieces.Put(box)
}

// leave gives the connection back to the reader.
func (p *publisher) leave() eventloop.Next {
	p.keep()
	tcp, err := p.conn.Leave()
	if err == nil {
		p.net.Replace(tcp)
	}
	p.broken = err != nil
	close(p.back)
	return eventloop.Left
}

// Quiet implements eventloop.Handler.
func (p *publisher) Quiet() { p.leave() }

// Gone implements eventloop.Handler: publishes that are begun have their place, and
// those that wait for one do so no longer.
func (p *publisher) Gone() { p.socket.Cut() }

// survive ends the socket if there was a panic.
func (p *publisher) survive(next *eventloop.Next) {
	cause := recover()
	if cause == nil {
		return
	}
	so := p.socket
	so.set.Log.Error().Str("route", so.call.Route.Pattern).Interface("panic", cause).
		Bytes("stack", debug.Stack()).Msg("socket panicked")
	so.Cut()
	p.piece = nil
	*next = p.leave()
}

// await waits for a publish.
func (so *Socket) await(p *publish) {
	if p.pending != nil {
		p.done, p.err = p.pending.Wait()
		p.pending = nil
	}
	so.set.Bounds.GiveBytes(p.bytes)
	if p.err == nil && p.done.Created && p.configures {
		queues.NoteMade(so.set.Engine(), p.topic, &p.notes)
	}
}
