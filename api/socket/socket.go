package socket

import (
	"context"
	"math"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/wire"
)

// maxPublishes is how many publishes of a socket may be without their answer.
// Beyond, the socket reads no further until one is answered.
const maxPublishes = 64

// Socket is one WebSocket. Its goroutines: the reader, which is the one of the
// upgrade's request and the only one to use its call; the keeper, which waits
// for publishes, pings and says goodbye; one for each group of subscriptions;
// and for as long as there are answers to publishes, one that sends them.
type Socket struct {
	set    *Set
	call   *call.Call // of the upgrade; the reader's
	key    *auth.Key
	id     string
	since  time.Time
	remote string
	flow   session.Flow

	ctx    context.Context // ends with the socket
	cancel context.CancelFunc
	tasks  sync.WaitGroup // every goroutine but the reader

	wire struct { // what the library's Close would wait for
		sync.Mutex
		conn net.Conn // nil until it is ours
		cut  bool
		// publisher has the connection in the place of the reader; nil if none has.
		publisher *publisher
		ending    bool      // there will be no publisher any more
		cold      sync.Cond // signalled when publisher becomes nil
	}
	framer *framer
	heat   eventloop.Heat
	conn   *websocket.Conn
	out    outlet
	subs   subscriptions
	// follows is the memory for subs.
	follows call.Followed

	late    *time.Timer    // ends the socket; runs while a message arrives
	giveUp  func()         // ends the socket because a message stalls; it does not wait
	command publishCommand // the reader's, while it begins a publish
	writes  chan *publish  // begun, in order; room for all that slots allows
	slots   chan struct{}  // one taken for each publish without its answer
	answers answers
	jobs    socketJobs
	left    chan struct{}    // closed when the reader is through
	nudge   chan struct{}    // wakes the keeper
	leave   chan *wire.Error // why the client is sent away; room for one
	busy    atomic.Bool      // the reader is carrying out a command
	heard   atomic.Int64     // Unix ms of the last sign of life
	pinging atomic.Bool      // a ping is under way
}

func newSocket(set *Set, c *call.Call) *Socket {
	so := &Socket{
		set: set, call: c, key: c.Key, id: newSocketID(), since: set.Now(),
		writes: make(chan *publish, maxPublishes),
		slots:  make(chan struct{}, maxPublishes),
		left:   make(chan struct{}),
		nudge:  make(chan struct{}, 1),
		leave:  make(chan *wire.Error, 1),
		jobs:   newSocketJobs(),
	}
	so.wire.cold.L = &so.wire
	so.remote = c.Request.RemoteAddr
	so.flow.Begin(0)
	so.ctx, so.cancel = context.WithCancel(context.Background())
	so.follows = c.Followed()
	return so
}

// own takes over the network connection.
func (so *Socket) own(conn net.Conn) {
	so.wire.Lock()
	defer so.wire.Unlock()
	so.wire.conn = conn
	if so.wire.cut {
		_ = conn.Close() // the client is gone
	}
}

// Cut ends the connection at once. Everything else follows from that.
func (so *Socket) Cut() {
	so.wire.Lock()
	defer so.wire.Unlock()
	so.wire.cut = true
	so.cancel()
	if so.wire.conn != nil {
		_ = so.wire.conn.Close() // as in own
	}
}

// serve reads commands until the connection ends, and waits for everything
// that was begun for it.
func (so *Socket) serve(conn *websocket.Conn) {
	conn.SetReadLimit(-1) // receive bounds messages, and the memory for them
	so.conn = conn
	so.out.open(so)
	so.alive()
	c := so.call
	c.LetGo() // a socket may be idle for days
	defer so.tasks.Wait()
	defer so.out.shut()
	defer func() { _ = conn.CloseNow() }() // it may be closed already
	defer so.cancel()
	defer close(so.left)
	so.late = time.AfterFunc(math.MaxInt64, func() {
		so.end(websocket.StatusPolicyViolation, wire.Invalid("the message did not arrive in time"))
	})
	so.late.Stop()
	so.giveUp = func() {
		time.AfterFunc(0, func() { so.end(websocket.StatusPolicyViolation, call.Stalled()) })
	}
	so.tasks.Go(so.keep)
	for {
		if so.heat.Is(&so.set.Timing.Hot) {
			so.loop()
		}
		kind, src, err := conn.Reader(context.Background())
		if err != nil || !so.receive(kind, src) {
			return
		}
	}
}

// guard runs a step of a goroutine that is not the request's: a panic ends the
// socket and not the server.
func (so *Socket) guard(step func()) {
	defer func() {
		if p := recover(); p != nil {
			so.set.Log.Error().Str("route", so.call.Route.Pattern).Interface("panic", p).
				Bytes("stack", debug.Stack()).Msg("socket panicked")
			so.Cut()
		}
	}()
	step()
}

// notes are where a command's warnings go; it is as strict as the upgrade was.
func (so *Socket) notes() wire.Notices { return wire.NewNotices(so.call.Notices.Strict()) }

// alive notes a sign of life.
func (so *Socket) alive() { so.heard.Store(time.Now().UnixMilli()) }

// dismiss sends the client away. It does not wait for that.
func (so *Socket) dismiss(cause *wire.Error) {
	select {
	case so.leave <- cause:
		time.AfterFunc(2*so.set.Timing.Farewell, so.Cut) // whatever the keeper waits for
	default: // it is being sent away
	}
}

// Wake makes the keeper look around.
func (so *Socket) Wake() {
	select {
	case so.nudge <- struct{}{}:
	default:
	}
}

// keep is the keeper. It goes on until the reader is through, and then until
// every publish is settled: nothing else waits for them.
func (so *Socket) keep() {
	tick := time.NewTicker(so.set.Timing.Ping)
	defer tick.Stop()
	down, retired := so.set.Serving.Done(), false
	for {
		select {
		case p := <-so.writes:
			so.settleAll(p)
		case <-tick.C:
			so.look()
		case <-so.nudge:
			so.ping()
		case cause := <-so.leave:
			so.end(websocket.StatusPolicyViolation, cause)
		case <-down:
			down = nil
		case <-so.left:
			for len(so.writes) > 0 {
				so.settleAll(<-so.writes)
			}
			return
		}
		// busy before slots: a command takes its slot while it is busy.
		if down == nil && !retired && !so.busy.Load() && len(so.slots) == 0 && !so.jobs.underway() {
			retired = true
			so.end(websocket.StatusGoingAway, wire.ShuttingDown())
		}
	}
}

// look ends a connection whose client is gone, and sends a ping otherwise.
func (so *Socket) look() {
	silent := time.Now().UnixMilli() - so.heard.Load()
	if !so.busy.Load() && silent > so.set.Timing.Silence.Milliseconds() {
		so.Cut()
		return
	}
	so.ping()
}

// ping asks for a sign of life, unless one is being waited for: of a ping, or
// of a message that is on its way.
func (so *Socket) ping() {
	if so.out.writing() || !so.beginPing() {
		return
	}
	so.tasks.Go(func() {
		defer so.pinging.Store(false)
		// Until look judges: a ping that is cut off while it is sent closes the
		// connection.
		ctx, cancel := context.WithTimeout(context.Background(), so.set.Timing.Silence)
		defer cancel()
		_ = so.conn.Ping(ctx)
	})
}

// beginPing is false if a ping is under way, or if the client is heard from all the
// time.
func (so *Socket) beginPing() bool {
	so.wire.Lock()
	defer so.wire.Unlock()
	return so.wire.publisher == nil && !so.pinging.Swap(true)
}

// end sends the client the reason and closes the connection. Nothing is sent after
// it. A client that does not close its side is not waited for, even if it says
// that most of a message is still to come.
func (so *Socket) end(code websocket.StatusCode, e *wire.Error) {
	so.cool()
	if !so.out.last(errorMessage(nil, "", e)) {
		return
	}
	late := time.AfterFunc(so.set.Timing.Farewell, so.Cut)
	defer late.Stop()
	_ = so.conn.Close(code, e.Code) // the client may be gone
}

// retiring reports whether the server is going down: commands are refused.
func (so *Socket) retiring() bool { return so.set.Serving.Err() != nil }

// engine is what the commands work on, unless data routes are refused.
func (so *Socket) engine() (Engine, error) {
	if so.retiring() {
		return nil, wire.ShuttingDown()
	}
	if e := so.set.Refusal(); e != nil {
		return nil, e
	}
	return so.set.Engine(), nil
}

// State is what a socket is doing at a moment.
type State struct {
	Answers bool // the upgrade is through
	Nudged  bool // its keeper is to look around
	Groups  int  // different sets of options of its subscriptions
	Named   int  // topics that were subscribed by name
	Looped  bool // a loop serves it
	Sends   bool // the client takes its time
}

// State returns what the socket is doing.
func (so *Socket) State() State {
	so.wire.Lock()
	looped := so.wire.publisher != nil
	so.wire.Unlock()
	so.subs.mu.Lock()
	defer so.subs.mu.Unlock()
	return State{so.heard.Load() != 0, len(so.nudge) > 0, len(so.subs.groups), len(so.subs.owners), looped, so.out.sending.Sends()}
}
