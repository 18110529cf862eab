package api

import (
	"runtime/debug"

	"github.com/e6e95bb8/topics/api/watch"
)

// groupFollower gets turns for a group of streams.
type groupFollower struct {
	turnState
	server *Server
	group  *watch.Group
	worker *worker // who gives the turn
}

// followGroup is called with each new group of streams.
func (s *Server) followGroup(g *watch.Group) (ready, aside func()) {
	f := &groupFollower{server: s, group: g}
	return f.ready, f.stepAside
}

func (f *groupFollower) ready() {
	if f.ask() {
		f.server.crew.add(f)
	}
}

func (f *groupFollower) stepAside() { f.worker.stepAside() }

// turn implements follower.
func (f *groupFollower) turn(w *worker) {
	f.worker = w
	f.begin()
	more := f.send()
	f.worker = nil
	if more || !f.over() {
		f.lineUp()
		f.server.crew.add(f)
	}
}

// send sends what there is. After a panic the streams go on without the group.
func (f *groupFollower) send() (more bool) {
	defer func() {
		if p := recover(); p != nil {
			f.server.opts.Log.Error().Any("panic", p).Bytes("stack", debug.Stack()).Msg("a group of streams panicked")
			f.group.Disband()
		}
	}()
	return f.group.Turn()
}
