package socket

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/e6e95bb8/topics/api/session"
)

const (
	// wsPiece is how much of a large message goes out in one frame, under one
	// deadline and before the answer to a ping: little enough for the slowest
	// line that is not dead.
	wsPiece = 64 << 10
	// wsWhole is what a message has that goes out in one frame: the records of
	// a batch, if its client has not asked for larger ones.
	wsWhole = 320 << 10
)

// joinedPart is how many sixteenths of the memory for streams the messages may have that
// are copied to join heads and bodies to one frame. Beyond it they go out in more pieces.
const joinedPart = 1

// errGone is the error of sending to a socket that is closed.
var errGone = errors.New("the socket is gone")

// aWait is how long a write takes that had to wait for the client to take what
// was there before. A shorter one says nothing of the client: it may have gone,
// and the system's buffers still have room.
const aWait = 2 * time.Millisecond

// outlet sends a socket's messages, each as a whole and in the order of the
// calls. A client that takes nothing for the time of a stall loses the
// connection. Its methods may be called by any goroutine.
//
// A message that is one frame goes to the connection as it is, in one write, and so
// do several of them. The library writes the parts of larger ones, and control
// frames, which may come between two writes.
type outlet struct {
	socket  *Socket
	conn    net.Conn
	ctx     context.Context // for the library; shut ends it
	cancel  context.CancelFunc
	stall   time.Duration
	timer   *time.Timer // cuts the connection; runs while something is being sent
	busy    atomic.Bool // something is being sent
	sending session.Sending

	// mu guards ended, and is held while a message goes out, and by the reader for as
	// long as a loop serves the socket. It is locked by lock or by reserve.
	mu      sync.Mutex
	ended   bool
	waiting atomic.Int32 // those that lock and have to wait
}

func (o *outlet) open(so *Socket) {
	o.socket, o.conn, o.stall = so, so.wire.conn, so.set.Timing.Stall
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.timer = time.AfterFunc(o.stall, so.Cut)
	o.timer.Stop()
}

// shut gives back what open took; nothing can be sent afterwards.
func (o *outlet) shut() {
	o.timer.Stop()
	o.cancel()
}

// lock locks mu. If a loop serves the socket it does so no longer.
func (o *outlet) lock() {
	if o.mu.TryLock() {
		return
	}
	o.waiting.Add(1)
	defer o.waiting.Add(-1)
	o.socket.recall()
	o.mu.Lock()
}

// reserve locks mu until release, unless a message goes out or is about to. The socket's
// wire is held: whoever must wait then finds the publisher there.
func (o *outlet) reserve() bool { return o.waiting.Load() == 0 && o.mu.TryLock() }

// release ends what reserve began.
func (o *outlet) release() { o.mu.Unlock() }

// writing reports whether a message is on its way at this moment.
func (o *outlet) writing() bool { return o.busy.Load() }

// send sends one message, which it does not keep.
func (o *outlet) send(message []byte) error {
	o.lock()
	defer o.mu.Unlock()
	return o.sendLocked(message, nil)
}

// last sends the last message there is, unless that is out already.
func (o *outlet) last(message []byte) bool {
	o.lock()
	defer o.mu.Unlock()
	if o.ended {
		return false
	}
	_ = o.sendLocked(message, nil) // then the connection is gone, which says it too
	o.ended = true
	return true
}

// sendFrames sends messages that are whole frames already, with so many bytes in
// all without the frames' heads.
func (o *outlet) sendFrames(frames []byte, messages int) error {
	o.lock()
	defer o.mu.Unlock()
	return o.carryLocked(messages, func() error { return o.writeFrames(frames) })
}

// sendLocked sends a message, of which head is the beginning and body the rest.
func (o *outlet) sendLocked(head, body []byte) error {
	return o.carryLocked(len(head)+len(body), func() error { return o.write(head, body) })
}

// carryLocked sends messages of so many bytes by a write.
func (o *outlet) carryLocked(messages int, write func() error) error {
	if o.ended {
		return errGone
	}
	o.busy.Store(true)
	defer o.busy.Store(false)
	defer o.timer.Stop()
	if err := write(); err != nil {
		o.socket.Cut() // half a message may be out: nothing can follow it
		return errGone
	}
	o.socket.flow.Sent.Add(int64(messages))
	o.socket.flow.Move()
	return nil
}

func (o *outlet) write(head, body []byte) error {
	n := len(head) + len(body)
	whole := n <= wsWhole
	if whole && (len(body) > 0 || n > wsPiece) {
		joined := &o.socket.set.joined
		defer joined.Add(int64(-n))
		whole = joined.Add(int64(n)) <= o.socket.set.Limits.StreamBytes/16*joinedPart
	}
	if whole {
		buf := scratch.Get().(*[]byte)
		defer scratch.Put(buf)
		*buf = append(append(appendFrameHead((*buf)[:0], n), head...), body...)
		return o.writeFrames(*buf)
	}
	w, err := o.socket.conn.Writer(o.ctx, websocket.MessageText)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{head, body} {
		for len(part) > 0 {
			n := min(len(part), wsPiece)
			if err := o.within(func() error { _, err := w.Write(part[:n]); return err }); err != nil {
				return err
			}
			part = part[n:]
		}
	}
	return o.within(w.Close)
}

// writeFrames writes whole frames.
func (o *outlet) writeFrames(frames []byte) error {
	return o.within(func() error { _, err := o.conn.Write(frames); return err })
}

// within runs one write, which must end before a stall is over.
func (o *outlet) within(write func() error) error {
	began := time.Now()
	o.timer.Reset(o.stall)
	o.sending.Begin(time.Now())
	err := write()
	o.sending.End()
	if err == nil && time.Since(began) > aWait {
		o.socket.alive()
	}
	return err
}

// scratch holds buffers of about wsWhole bytes at most.
var scratch = sync.Pool{New: func() any { return new([]byte) }}
