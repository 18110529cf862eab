package api

import (
	"runtime"
	"slices"
	"sync"

	"github.com/e6e95bb8/topics/api/call"
)

// crew gives streams without a goroutine their turns, in the order in which they
// asked. It has at most mostWorkers workers, and none while nothing is to be done. A
// worker that has to wait for a client or a disk is replaced first, so that no stream
// waits for another one. The zero crew is ready.
type crew struct {
	mu      sync.Mutex // guards what follows; no other lock is taken while it is held
	waiting []follower
	first   int // of waiting; those before it have had their turns
	working int // workers that have not stepped aside
}

// follower is who gets a turn.
type follower interface {
	// turn does what is to be done. It must not panic.
	turn(*worker)
}

// worker is a goroutine that gives turns.
type worker struct {
	crew  *crew
	aside bool // it was replaced, and ends with its turn; used by its goroutine alone
}

// mostWorkers is how many workers there may be that have not stepped aside. One processor
// is left to requests, if there is another: a worker writes to one client after the other
// and never waits, so that whoever comes meanwhile would have to wait for the runtime to
// interrupt it, for up to 10 ms.
func mostWorkers() int { return max(1, runtime.GOMAXPROCS(0)-1) }

// add gives f a turn. f must not be added again before that has begun.
func (c *crew) add(f follower) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, f)
	c.hireLocked()
}

// hireLocked starts a worker if one is needed and there may be one more.
func (c *crew) hireLocked() {
	if c.first < len(c.waiting) && c.working < mostWorkers() {
		c.working++
		w := &worker{crew: c}
		go w.run()
	}
}

// keptTurns is how long a line of followers is kept for the next ones, and how many
// of them have had their turns before the others move up.
const keptTurns = 4096

// next returns who is next. It returns nil if none waits: then the worker must end.
func (c *crew) next() follower {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == len(c.waiting) {
		c.waiting, c.first = call.Keep(c.waiting, keptTurns), 0
		c.working--
		return nil
	}
	f := c.waiting[c.first]
	c.waiting[c.first] = nil
	c.first++
	if c.first >= keptTurns && c.first > len(c.waiting)/2 {
		c.waiting, c.first = slices.Delete(c.waiting, 0, c.first), 0
	}
	return f
}

func (w *worker) run() {
	for !w.aside {
		f := w.crew.next()
		if f == nil {
			return
		}
		f.turn(w)
	}
}

// stepAside has the worker replaced, before it waits. It must be called in a turn.
func (w *worker) stepAside() {
	if w.aside {
		return
	}
	w.aside = true
	w.crew.mu.Lock()
	defer w.crew.mu.Unlock()
	w.crew.working--
	w.crew.hireLocked()
}
