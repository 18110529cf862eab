package api

import (
	"runtime/debug"

	"github.com/e6e95bb8/topics/api/http1"
	"github.com/e6e95bb8/topics/api/watch"
)

// streamFollower is a stream that has no goroutine while there is nothing to send:
// the server's crew gives it turns. From the return of its handler on the stream and
// its call belong to it, until finish. The last turn that it has does not end, so that
// nothing gives it another one.
type streamFollower struct {
	turnState
	began  bool    // session has; only a turn uses it
	worker *worker // who gives the turn; only a turn uses it
	st     *eventStream

	session watch.Turns // begins with the first turn
}

// goOn lets the stream go on without the goroutine of its call, if the connection
// is one that can do that. The handler must then return, and the call is concluded at
// the end of the stream.
func (st *eventStream) goOn() bool {
	f := &streamFollower{st: st}
	st.lasting = http1.Leave(st.call.Writer, f.getInLine, f.Aside)
	st.call.GoesOn = st.lasting != nil
	return st.call.GoesOn
}

// getInLine is called when the handler has returned, and then after each turn that needs
// another one.
func (f *streamFollower) getInLine() {
	f.lineUp()
	f.st.server.crew.add(f)
}

// Claim implements watch.Host.
func (f *streamFollower) Claim() bool { return f.claim() }

// Ready implements watch.Host: it asks for a turn, unless one is to come.
func (f *streamFollower) Ready() {
	if f.ask() {
		f.st.server.crew.add(f)
	}
}

// Release implements watch.Host.
func (f *streamFollower) Release() {
	if !f.over() {
		f.getInLine()
	}
}

// Aside implements watch.Host: it has who gives the turn replaced before it waits.
func (f *streamFollower) Aside() { f.worker.stepAside() }

// turn implements follower: it sends what there is.
func (f *streamFollower) turn(w *worker) {
	f.worker = w
	f.begin()
	more, err := f.send()
	if err != nil {
		f.finish(err)
		return
	}
	f.worker = nil
	if more || !f.over() {
		f.getInLine()
	}
}

// send sends what there is. The error of a panic is *panicked.
func (f *streamFollower) send() (more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	if !f.began {
		err = f.session.Begin(f.st.ctx, f.st.session.Session, f.st, f)
		if err != nil {
			return false, err
		}
		f.began = true
	}
	return f.session.Turn()
}

// finish ends the stream, for the reason that err is, and then its call, as a handler
// would. That may wait for the client, and needs a goroutine that is no worker.
func (f *streamFollower) finish(err error) {
	st := f.st
	st.lasting.End(func() {
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
	if f.began {
		f.session.End()
	}
	if p, ok := err.(*panicked); ok { //nolint:errorlint // the very one
		f.st.server.panicked(f.st.call, p)
		return nil
	}
	return f.st.stopped(err)
}
