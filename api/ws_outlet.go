package api

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
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

// errGone is the error of sending to a socket that is closed.
var errGone = errors.New("the socket is gone")

// aWait is how long a write takes that had to wait for the client to take what
// was there before. A shorter one says nothing of the client: it may have gone,
// and the system's buffers still have room.
const aWait = 2 * time.Millisecond

// outlet sends a socket's messages, each as a whole and in the order of the
// calls. A client that takes nothing for the time of a stall loses the
// connection. Its methods may be called by any goroutine.
type outlet struct {
	socket  *socket
	ctx     context.Context // ends with a stall; the library then cuts the connection
	cancel  context.CancelFunc
	stall   time.Duration
	timer   *time.Timer // ends ctx; runs while something is being sent
	busy    atomic.Bool // something is being sent
	sending sending

	mu    sync.Mutex // guards ended, and is held while a message goes out
	ended bool
}

func (o *outlet) open(so *socket) {
	o.socket, o.stall = so, so.server.sockets.timing.stall
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.timer = time.AfterFunc(o.stall, o.cancel)
	o.timer.Stop()
}

// shut gives back what open took; nothing can be sent afterwards.
func (o *outlet) shut() {
	o.timer.Stop()
	o.cancel()
}

// writing reports whether a message is on its way at this moment.
func (o *outlet) writing() bool { return o.busy.Load() }

// send sends one message, which it does not keep.
func (o *outlet) send(message []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sendLocked(message, nil)
}

// last sends the last message there is, unless that is out already.
func (o *outlet) last(message []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return false
	}
	_ = o.sendLocked(message, nil) // then the connection is gone, which says it too
	o.ended = true
	return true
}

// sendLocked sends a message, of which head is the beginning and body the rest.
func (o *outlet) sendLocked(head, body []byte) error {
	if o.ended {
		return errGone
	}
	o.busy.Store(true)
	defer o.busy.Store(false)
	defer o.timer.Stop()
	if err := o.write(head, body); err != nil {
		o.socket.cut() // half a message may be out: nothing can follow it
		return errGone
	}
	o.socket.flow.sent.Add(int64(len(head) + len(body)))
	o.socket.flow.move()
	return nil
}

func (o *outlet) write(head, body []byte) error {
	conn := o.socket.conn
	whole := len(head)+len(body) <= wsWhole
	if whole && len(body) > 0 {
		n, joined := int64(len(head)+len(body)), &o.socket.server.sockets.joined
		defer joined.Add(-n)
		if whole = joined.Add(n) <= o.socket.server.opts.Limits.StreamBytes/16*framesJoined; whole {
			buf := scratch.Get().(*[]byte)
			defer scratch.Put(buf)
			*buf = append(append((*buf)[:0], head...), body...)
			head = *buf
		}
	}
	if whole {
		return o.within(func() error { return conn.Write(o.ctx, websocket.MessageText, head) })
	}
	w, err := conn.Writer(o.ctx, websocket.MessageText)
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

// within runs one write, which must end before a stall is over.
func (o *outlet) within(write func() error) error {
	began := time.Now()
	o.timer.Reset(o.stall)
	o.sending.begin()
	err := write()
	o.sending.end()
	if err == nil && time.Since(began) > aWait {
		o.socket.alive()
	}
	return err
}

// scratch holds buffers of about wsWhole bytes at most.
var scratch = sync.Pool{New: func() any { return new([]byte) }}
