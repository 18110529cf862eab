package socket

import (
	"net/http"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// publish is one publish on its way from the command to its answer. Publishes
// are begun, waited for and answered in the order they came in, those that
// were refused among them.
type publish struct {
	id    []byte // request_id; nil if there is none
	room  []byte // the memory for it
	op    string
	topic string
	seqs  bool // the answer lists them
	began time.Time
	notes wire.Notices
	// configures: it brings a config, which the audit trail has.
	configures bool
	bytes      int64          // set aside under the cap on all that is live
	release    func()         // releases the memory for a large answer; nil for a small one
	pending    *topic.Pending // nil: refused
	done       topic.Written
	err        error
}

// publishes are for reuse. One goes back when it is answered.
var publishes = sync.Pool{New: func() any { return new(publish) }}

// newPublish returns a publish with a copy of the command's request_id.
func newPublish(cmd command) *publish {
	p := publishes.Get().(*publish)
	p.op = cmd.op
	if cmd.id != nil {
		p.id = append(p.room[:0], cmd.id...)
	}
	return p
}

// recycle makes the publish available for reuse.
func (p *publish) recycle() {
	if p.release != nil {
		p.release()
	}
	*p = publish{room: p.id[:0]}
	publishes.Put(p)
}

// publish carries out a publish as far as its place in the log. It is false if
// the socket ended while it waited for its turn.
func (so *Socket) publish(cmd command, message []byte) bool {
	began := time.Now()
	if !so.takeSlot() {
		return false
	}
	p := newPublish(cmd)
	p.began, p.notes = began, so.notes()
	p.err = so.begin(p, message)
	so.notePublish(began, p.pending != nil && p.pending.Waits())
	so.writes <- p
	return true
}

// notePublish notes a publish that waits for a sync, or for little.
func (so *Socket) notePublish(now time.Time, waits bool) {
	kind := eventloop.Quick
	if waits {
		kind = eventloop.Synced
	}
	so.heat.Next(&so.set.Timing.Hot, now)
	so.heat.Brief(kind)
}

// refusePublish answers what may have been a publish: in order, because that
// is all that a client without request_ids can go by.
func (so *Socket) refusePublish(cmd command, err error) bool {
	if !so.takeSlot() {
		return false
	}
	p := newPublish(cmd)
	p.err = err
	so.writes <- p
	return true
}

// takeSlot waits until a publish may be begun.
func (so *Socket) takeSlot() bool {
	select { // without the context that is cheaper
	case so.slots <- struct{}{}:
		return true
	default:
	}
	select {
	case so.slots <- struct{}{}:
		return true
	case <-so.ctx.Done():
		return false
	}
}

// ackRow is about the memory that a record takes in the answer to a publish: its seq, in
// a buffer that grows and in the frame.
const ackRow = 64

// begin checks a publish like a write over HTTP and gives it its place.
func (so *Socket) begin(p *publish, message []byte) error {
	set, c := so.set, so.call
	cmd := &so.command
	cmd.write.Records = c.Records
	defer func() { *cmd = publishCommand{} }()
	if err := decodePublish(cmd, message, set.Limits, &p.notes); err != nil {
		return err
	}
	p.topic, p.seqs, c.Records = cmd.topic, cmd.seqs, cmd.write.Records
	p.configures = cmd.write.Config != nil
	write := &cmd.write.Write
	if err := c.MayWrite(p.topic, write); err != nil {
		return err
	}
	engine, err := so.engine()
	if err != nil {
		return err
	}
	if err := queues.ReadJobs(engine, p.topic, &cmd.write, &p.notes, ""); err != nil {
		return err
	}
	if err := c.TakeFrame(len(message), &cmd.write); err != nil {
		return err
	}
	if n := call.BeyondFirst(ackRow * len(write.Records)); n > 0 {
		if p.release, err = c.TakeFollowing(n); err != nil {
			return err
		}
	}
	if p.bytes, err = set.Bounds.TakeBytes(engine, p.topic, write); err != nil {
		return err
	}
	p.pending, err = engine.Begin(so.ctx, p.topic, write)
	return err
}

// settleAll settles a publish and those that were begun after it by now.
func (so *Socket) settleAll(p *publish) {
	so.guard(func() { so.settle(p) })
	for range len(so.writes) { // the keeper alone takes from it
		p := <-so.writes
		so.guard(func() { so.settle(p) })
	}
}

// settle waits for a publish. It never waits for the client: others may be
// waiting for the records.
func (so *Socket) settle(p *publish) {
	so.await(p)
	so.answers.mu.Lock()
	defer so.answers.mu.Unlock()
	so.answers.list = append(so.answers.list, p)
	if !so.answers.sending {
		so.answers.sending = true
		so.tasks.Go(so.answer)
	}
}

// answers is the publishes that are settled and not answered, in order. There
// are no more of them than slots.
type answers struct {
	mu      sync.Mutex
	list    []*publish
	sending bool // a goroutine is at it
}

// take returns the list, and uses the array of the one before for the next. If it is
// empty, the sender is done.
func (a *answers) take(before []*publish) []*publish {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.list
	clear(before)
	a.list = before[:0]
	a.sending = len(list) > 0
	return list
}

// answer sends answers until there are none.
func (so *Socket) answer() {
	buf := acks.Get().(*ackBuffer)
	defer acks.Put(buf)
	for list := so.answers.take(nil); len(list) > 0; list = so.answers.take(list) {
		so.guard(func() { so.acknowledgeAll(list, buf, so.send) })
		for _, p := range list {
			p.recycle()
			<-so.slots
		}
		if so.retiring() {
			so.Wake()
		}
	}
}

// ackBuffer is what it takes to render answers: one of them, and the frames that
// go out in one write.
type ackBuffer struct{ message, frames []byte }

var acks = sync.Pool{New: func() any { return new(ackBuffer) }}

// send sends answers in whole frames.
func (so *Socket) send(frames []byte, messages int) {
	_ = so.out.sendFrames(frames, messages) // the client may be gone
}

// acknowledgeAll answers publishes. What is due at the same time is sent together.
func (so *Socket) acknowledgeAll(list []*publish, buf *ackBuffer, send func(frames []byte, messages int)) {
	messages := 0
	buf.frames = buf.frames[:0]
	for i, p := range list {
		buf.message = so.appendAnswer(buf.message[:0], p)
		messages += len(buf.message)
		buf.frames = append(appendFrameHead(buf.frames, len(buf.message)), buf.message...)
		if i == len(list)-1 || len(buf.frames) >= wsPiece {
			send(buf.frames, messages)
			messages, buf.frames = 0, buf.frames[:0]
		}
	}
	buf.message, buf.frames = call.Keep(buf.message, wsPiece), call.Keep(buf.frames, 2*wsPiece)
}

// appendAnswer renders the answer to one publish, which is counted as answered.
func (so *Socket) appendAnswer(b []byte, p *publish) []byte {
	if p.err != nil {
		e := so.explain(p.err)
		so.set.Observe(p.op, e)
		if p.configures {
			so.set.Trail.Note(so.call, p.topic, e.Code, p.began)
		}
		return append(b, errorMessage(p.id, p.topic, e)...)
	}
	if p.configures {
		so.set.Trail.Note(so.call, p.topic, "", p.began)
	}
	so.set.Observe(p.op, nil)
	return appendAck(b, p)
}

// explain is what the client is told of err. What is the server's fault is
// logged with its cause.
func (so *Socket) explain(err error) *wire.Error {
	e := wire.ErrorOf(err)
	if e.Status == wire.StatusClientGone && so.retiring() {
		return wire.ShuttingDown()
	}
	if e.Status == http.StatusInternalServerError {
		so.set.Log.Error().Str("route", so.call.Route.Pattern).Err(err).Msg("command failed")
	}
	return e
}
