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
	room   func()     // releases the memory for piece; nil if none is taken
	begun  []*publish // by Begin, for Finish
	leaves bool       // after Finish
	// partial is when the loop had the beginning of a frame; zero if it has none.
	partial time.Time

	// What is left for the reader.
	unsent   []byte   // of the last answers
	releases []func() // release the memory for unsent
	rest     []byte   // of what was read
}

// piece is what one read takes at most, and what of it has not been used.
type piece struct {
	room [64 << 10]byte
	in   []byte
}

// frameWithin is how long a frame may take from its first bytes in a loop to the last.
const frameWithin = 20 * time.Millisecond

var pieces = sync.Pool{New: func() any { return new(piece) }}

// Begin implements eventloop.Handler.
func (p *publisher) Begin() (next eventloop.Next) {
	defer p.survive(&next)
	p.borrow()
	box := p.piece
	n, err := p.conn.Read(box.room[len(box.in):])
	if err != nil && err != eventloop.ErrNothing {
		return p.leave() // the reader finds it, too, after the rest
	}
	box.in = box.room[:len(box.in)+n]
	return p.advance()
}

// borrow takes a piece, which begins with the rest.
func (p *publisher) borrow() {
	box := pieces.Get().(*piece)
	box.in = box.room[:copy(box.room[:], p.rest)]
	p.piece, p.rest = box, p.rest[:0]
}

// advance begins publishes, as many as may be without their answer.
func (p *publisher) advance() eventloop.Next {
	so := p.socket
	inbox := inboxes.Get().(*inbox)
	so.call.Records = inbox.records
	more := true
	for more && len(p.begun) < maxPublishes && !p.leaves {
		more = p.next()
	}
	inbox.records = call.Keep(so.call.Records, call.KeepRecords)
	so.call.Records = nil
	inboxes.Put(inbox)
	switch {
	case len(p.begun) > 0:
		p.hold()
		return eventloop.Finish
	case p.leaves:
		return p.leave()
	}
	p.keep()
	return eventloop.Wait
}

// next begins the next publish. It returns false if none has come.
func (p *publisher) next() bool {
	so, box := p.socket, p.piece
	size, mask, message, ok := cutText(box.in)
	if !ok || so.retiring() || int64(len(message)) > so.set.Limits.MaxBodyBytes {
		p.expel()
		return false
	}
	if size == 0 {
		p.awaitFrame()
		return false
	}
	p.partial = time.Time{}
	applyMask(mask, message)
	cmd, err := decodeCommand(message)
	if err != nil || cmd.op != "publish" {
		applyMask(mask, message)
		p.expel()
		return false
	}
	box.in = box.in[size:]
	p.begin(cmd, message)
	return true
}

// expel makes the socket leave, because of what it has to do next.
func (p *publisher) expel() {
	p.leaves = true
	p.socket.heat.Punish(&p.socket.set.Timing.Hot)
}

// awaitFrame leaves a frame that is large, or that does not arrive soon, to the reader,
// which has memory and a deadline for it.
func (p *publisher) awaitFrame() {
	has := len(p.piece.in)
	switch {
	case has == 0:
		p.partial = time.Time{}
	case has > call.FirstRead:
		p.expel()
	case p.partial.IsZero():
		p.partial = time.Now()
	case time.Since(p.partial) > frameWithin:
		p.expel()
	}
}

// begin begins a publish.
func (p *publisher) begin(cmd command, message []byte) {
	so := p.socket
	so.busy.Store(true)
	so.flow.Received.Add(int64(len(message))) // the answer moves it
	pub := newPublish(cmd)
	pub.began, pub.notes = time.Now(), so.notes()
	pub.err = so.begin(pub, message)
	p.begun = append(p.begun, pub)
	so.call.Give()
	clear(so.call.Records)
	waits := pub.pending != nil && pub.pending.Waits()
	so.notePublish(pub.began, waits)
	if waits && p.kind == eventloop.Quick || so.heat.Kind != p.kind && so.heat.Is(&so.set.Timing.Hot) {
		p.leaves = true // it belongs in the other loops now
	}
}

// Finish implements eventloop.Handler.
func (p *publisher) Finish() (next eventloop.Next) {
	defer p.survive(&next)
	so := p.socket
	if p.leaves && p.kind == eventloop.Quick && so.heat.Kind == eventloop.Synced {
		return p.leave() // it would hold up the others
	}
	for _, pub := range p.begun {
		syncs := pub.pending != nil && pub.pending.Syncs()
		so.await(pub)
		if syncs && pub.err == nil {
			pub.done.Cost.Sync = time.Since(pub.began) // another one may have waited for it
		}
	}
	buf := acks.Get().(*ackBuffer)
	so.acknowledgeAll(p.begun, buf, p.send)
	acks.Put(buf)
	for i, pub := range p.begun {
		if len(p.unsent) > 0 && pub.release != nil {
			p.releases = append(p.releases, pub.release)
			pub.release = nil
		}
		p.begun[i] = nil
		pub.recycle()
	}
	p.begun = p.begun[:0]
	so.alive()
	so.busy.Store(false)
	if len(p.unsent) > 0 {
		p.expel()
	}
	if p.leaves {
		return p.leave()
	}
	if p.piece == nil {
		if len(p.rest) == 0 && !so.retiring() {
			return eventloop.Wait
		}
		p.borrow()
	}
	p.partial = time.Time{} // the rest of it may have come meanwhile
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

// releaseAnswers releases the memory for unsent.
func (p *publisher) releaseAnswers() {
	for _, release := range p.releases {
		release()
	}
	p.unsent, p.releases = nil, nil
}

// hold gives the piece back before publishes are waited for, unless there is much left
// in it and memory for it.
func (p *publisher) hold() {
	if len(p.piece.in) > call.FirstRead {
		if p.room != nil {
			return
		}
		room, err := p.socket.call.TakeFollowing(call.BeyondFirst(len(p.piece.room)))
		if err == nil {
			p.room = room
			return
		}
		p.expel()
	}
	p.keep()
}

// keep gives the piece back. What is left in it is kept in the rest.
func (p *publisher) keep() {
	if p.room != nil {
		p.room()
		p.room = nil
	}
	box := p.piece
	if box == nil {
		return
	}
	p.rest = append(p.rest[:0], box.in...)
	p.piece, box.in = nil, nil
	pieces.Put(box)
}

// leave gives the connection back to the reader.
func (p *publisher) leave() eventloop.Next {
	p.keep()
	if tcp, err := p.conn.Leave(); err == nil { // otherwise it is closed
		p.net.Replace(tcp)
	}
	close(p.back)
	return eventloop.Left
}

// Quiet implements eventloop.Handler.
func (p *publisher) Quiet() { p.leave() }

// Gone implements eventloop.Handler: what the client has sent before it went is carried
// out all the same.
func (p *publisher) Gone() {}

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
	p.piece = nil // it may be in use still
	*next = p.leave()
}

// await waits for a publish.
func (so *Socket) await(p *publish) {
	if p.pending != nil {
		p.done, p.err = p.pending.Wait()
		p.pending = nil
	}
	so.set.Bounds.GiveBytes(p.bytes)
	p.bytes = 0
	if p.err == nil && p.done.Created && p.configures {
		queues.NoteMade(so.set.Engine(), p.topic, &p.notes)
	}
}
