package api

import (
	"runtime/debug"
	"sync/atomic"

	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/api/watch"
)

// streamFollower is a stream that has no goroutine while there is nothing to send:
// the server's crew gives it turns. From the return of its handler on the stream and
// its call belong to it, until finish.
type streamFollower struct {
	st    *eventStream
	end   func(last func()) // see http1.Leave
	state atomic.Int32

	// Only a turn uses these, and there is one at a time.
	turns  *watch.Turns // nil before the first turn
	worker *worker      // who gives the turn
}

// The states of a streamFollower. The last one that it has is one of a turn, so that
// nothing gives it another one.
const (
	atRest      int32 = iota
	inLine            // it waits for its turn
	atTurn            // it has it
	atTurnAgain       // it has it, and needs another one
)

// goOn lets the stream go on without the goroutine of its call, if the connection
// is one that can do that. The handler must then return, and the call is concluded at
// the end of the stream.
func (st *eventStream) goOn() bool {
	f := &streamFollower{st: st}
	end, ok := http1.Leave(st.call.Writer, f.begin, f.stepAside)
	if ok {
		f.end, st.call.GoesOn = end, true
	}
	return ok
}

// begin is called when the handler has returned.
func (f *streamFollower) begin() {
	f.state.Store(inLine)
	f.st.server.crew.add(f)
}

// ready asks for a turn, unless one is to come.
func (f *streamFollower) ready() {
	for {
		switch f.state.Load() {
		case atRest:
			if f.state.CompareAndSwap(atRest, inLine) {
				f.st.server.crew.add(f)
				return
			}
		case atTurn:
			if f.state.CompareAndSwap(atTurn, atTurnAgain) {
				return
			}
		default:
			return
		}
	}
}

// stepAside has who gives the turn replaced before it waits.
func (f *streamFollower) stepAside() { f.worker.stepAside() }

// turn implements follower: it sends what there is.
func (f *streamFollower) turn(w *worker) {
	f.worker = w
	f.state.Store(atTurn)
	more, err := f.send()
	if err != nil {
		f.finish(err)
		return
	}
	f.worker = nil
	if more || !f.state.CompareAndSwap(atTurn, atRest) {
		f.begin()
	}
}

// send sends what there is. The error of a panic is *panicked.
func (f *streamFollower) send() (more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	if f.turns == nil {
		f.turns, err = f.st.session.Begin(f.st.ctx, f.st, watch.Waking{Ready: f.ready, Aside: f.stepAside})
		if err != nil {
			return false, err
		}
	}
	return f.turns.Turn()
}

// finish ends the stream, for the reason that err is, and then its call, as a handler
// would. That may wait for the client, and needs a goroutine that is no worker.
func (f *streamFollower) finish(err error) {
	st := f.st
	f.end(func() {
		st.call.GoesOn = false
		st.server.guarded(st.call, func() error {
			defer st.close()
			return f.last(err)
		})
		st.server.conclude(st.call)
	})
}

// last ends what the turns used, and says goodbye.
func (f *streamFollower) last(err error) error {
	if f.turns != nil {
		f.turns.End()
	}
	if p, ok := err.(*panicked); ok { //nolint:errorlint // the very one
		f.st.server.panicked(f.st.call, p)
		return nil
	}
	return f.st.stopped(err)
}
