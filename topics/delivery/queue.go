// Package delivery schedules deliveries: its Queue orders items by priority
// such that none starves. It has no goroutines and no locks, and takes the time
// only from the clock it is given.
//
// Waiting items are in one of five bands by effective priority: the priority
// given to Push plus 100 for each second of waiting, up to 1000. So an item
// moves up while it waits. The bands are served in the ratio 8:4:2:1:1 by
// deficit round robin, and each band in the order in which items entered it.
// Items that have waited for 9 seconds are overdue and are served before all
// others. No item waits longer than 10 seconds, provided that one second
// suffices to deliver all that are overdue.
//
// Under pressure fewer items are delivered. From CoalesceFrom on there is a
// minimum interval between two deliveries of the same item, so that each covers
// more. From DeferFrom on items with a negative priority are held back until
// they are overdue or the pressure falls.
package delivery

import (
	"container/heap"
	"math"
	"time"
)

// Levels of pressure, which ranges from 0 to 1.
const (
	CoalesceFrom = 0.5
	DeferFrom    = 0.75
)

// Minimum interval between two deliveries of an item, in ms: leastInterval at
// CoalesceFrom, mostInterval at pressure 1, and in proportion in between.
const (
	leastInterval = 10
	mostInterval  = 100
)

const (
	bands    = 5
	overdue  = bands // index of the list of items that have waited for patience
	patience = 9_000 // ms
	perPoint = 10    // ms of waiting that are worth 1 of priority
	maxAge   = 1_000 // the most priority that waiting is worth
	recheck  = 50    // ms after which to check the pressure again if items are deferred
)

var (
	floors  = [bands]int64{750, 500, 250, 0, math.MinInt64}
	weights = [bands]int{8, 4, 2, 1, 1}
)

// Queue holds items that wait to be delivered, each once. It is not safe for
// concurrent use.
type Queue[T comparable] struct {
	clock   func() int64
	now     int64 // never decreases
	waiting map[T]*node[T]
	// The lists of each band and of overdue items; see class for the second index.
	lists  [bands + 1][2]list[T]
	timers timers[T] // nodes to be placed again, by time
	order  uint64    // of the node that entered a list last
	band   int       // the band being served
	credit int       // items that it may still deliver in this round
	recent recent[T]
}

// New returns an empty queue. clock returns milliseconds since any fixed time.
func New[T comparable](clock func() int64) *Queue[T] {
	return &Queue[T]{clock: clock, now: clock(), waiting: make(map[T]*node[T]), credit: weights[0]}
}

// Len returns the number of waiting items.
func (q *Queue[T]) Len() int { return len(q.waiting) }

// Push queues an item. If the item is waiting already, it keeps its place and
// priority.
func (q *Queue[T]) Push(item T, priority int64) {
	if _, waits := q.waiting[item]; waits {
		return
	}
	q.advance()
	n := &node[T]{item: item, priority: priority, since: q.now, timer: none}
	q.waiting[item] = n
	q.place(n)
}

// Pop removes and returns the next item. If none may be delivered at this
// pressure, ok is false and after is how long to wait before the next call; it
// is 0 if the queue is empty.
func (q *Queue[T]) Pop(pressure float64) (item T, after time.Duration, ok bool) {
	q.advance()
	q.recent.forget(q.now)
	interval := intervalAt(pressure)
	for {
		at := q.next(pressure >= DeferFrom)
		if at == none {
			q.band, q.credit = 0, weights[0] // the next item starts a new round
			return item, q.after(), false
		}
		n := q.first(at, pressure >= DeferFrom)
		q.remove(n)
		if due := q.recent.at[n.item] + interval; interval > 0 && q.recent.has(n.item) && due > q.now && at != overdue {
			n.moves = due
			heap.Push(&q.timers, n)
			continue
		}
		if at != overdue {
			q.credit--
		}
		if interval > 0 {
			q.recent.add(n.item, q.now)
		}
		delete(q.waiting, n.item)
		return n.item, 0, true
	}
}

// advance reads the clock and moves nodes whose time has come.
func (q *Queue[T]) advance() {
	q.now = max(q.now, q.clock())
	for len(q.timers) > 0 && q.timers[0].moves <= q.now {
		n := q.timers[0]
		q.remove(n)
		q.place(n)
	}
}

// place adds n to the list for its effective priority.
func (q *Queue[T]) place(n *node[T]) {
	waited := q.now - n.since
	band, moves := overdue, int64(0)
	if waited < patience {
		band, moves = 0, n.since+patience
		for effective := n.priority + min(waited/perPoint, maxAge); effective < floors[band]; {
			band++
		}
		if band > 0 {
			if up := floors[band-1] - n.priority; up <= maxAge {
				moves = min(moves, n.since+up*perPoint)
			}
		}
		n.moves = moves
		heap.Push(&q.timers, n)
	}
	q.order++
	n.order = q.order
	n.list = &q.lists[band][class(n.priority)]
	n.list.push(n)
}

// remove removes n from its list and from the timers.
func (q *Queue[T]) remove(n *node[T]) {
	if n.list != nil {
		n.list.remove(n)
	}
	if n.timer != none {
		heap.Remove(&q.timers, n.timer)
	}
}

// next returns the index of the list to serve, or none.
func (q *Queue[T]) next(deferring bool) int {
	if q.first(overdue, false) != nil {
		return overdue
	}
	for range bands + 1 {
		if q.credit > 0 && q.first(q.band, deferring) != nil {
			return q.band
		}
		q.band = (q.band + 1) % bands
		q.credit = weights[q.band]
	}
	return none
}

// first returns the node of a list that entered it first, except those that are
// deferred. Overdue nodes are never deferred.
func (q *Queue[T]) first(at int, deferring bool) *node[T] {
	firm, soft := q.lists[at][0].head, q.lists[at][1].head
	switch {
	case deferring && at != overdue, soft == nil:
		return firm
	case firm == nil || soft.order < firm.order:
		return soft
	}
	return firm
}

// after returns the time until Pop might have another result.
func (q *Queue[T]) after() time.Duration {
	if len(q.timers) == 0 {
		return 0
	}
	ms := q.timers[0].moves - q.now
	for band := range bands {
		if q.lists[band][1].head != nil { // deferred: the pressure may fall any time
			ms = min(ms, recheck)
		}
	}
	return time.Duration(ms) * time.Millisecond
}

// class returns which of a band's two lists holds items of a priority: negative
// priorities, which can be deferred, have a list of their own.
func class(priority int64) int {
	if priority < 0 {
		return 1
	}
	return 0
}

func intervalAt(pressure float64) int64 {
	if pressure < CoalesceFrom {
		return 0
	}
	part := (min(pressure, 1) - CoalesceFrom) / (1 - CoalesceFrom)
	return leastInterval + int64(part*(mostInterval-leastInterval))
}
