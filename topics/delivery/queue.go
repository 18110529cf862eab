// Package delivery decides what is delivered next, and when: a queue by
// priority in which nothing starves. It holds no goroutine and no lock, and
// knows the time only from its clock.
//
// What waits is in one of five bands by its effective priority: the priority it
// came with, and 100 more for each second that it waits, up to 1000. So it
// moves up. The bands are served 8:4:2:1:1 by deficit round robin, each in the
// order in which it was entered. What has waited for 9 seconds goes before
// everything else: nothing waits longer than 10, as long as a second is enough
// for all of that.
//
// Under pressure less is delivered. From CoalesceFrom on there is a time
// between two deliveries of the same item, so that it stands for more each
// time; from DeferFrom on items with a negative priority stay where they are,
// until they have waited for 9 seconds or the pressure falls.
package delivery

import (
	"container/heap"
	"math"
	"time"
)

// The levels of pressure, which is from 0 to 1.
const (
	CoalesceFrom = 0.5
	DeferFrom    = 0.75
)

// What is between two deliveries of an item at CoalesceFrom and at 1; in
// between it grows evenly. In ms.
const (
	leastInterval = 10
	mostInterval  = 100
)

const (
	bands    = 5
	overdue  = bands // the list of what has waited for patience
	patience = 9_000 // ms
	perPoint = 10    // ms of waiting that are worth 1 of priority
	maxAge   = 1_000 // the most that they are worth
	recheck  = 50    // ms until a Pop that deferred something is worth another look at the pressure
)

var (
	floors  = [bands]int64{750, 500, 250, 0, math.MinInt64}
	weights = [bands]int{8, 4, 2, 1, 1}
)

// Queue holds items that wait to be delivered, each once. It is not safe for
// concurrent use.
type Queue[T comparable] struct {
	clock   func() int64
	now     int64 // never goes back
	waiting map[T]*node[T]
	// By band, then the overdue; of each apart those that can be deferred.
	lists  [bands + 1][2]list[T]
	timers timers[T] // what moves on by itself, by when
	order  uint64    // of the last that entered a list
	band   int       // being served
	credit int       // items that it may still have in this round
	recent recent[T]
}

// New returns an empty queue. The clock's unit is a millisecond; from where it
// counts does not matter.
func New[T comparable](clock func() int64) *Queue[T] {
	return &Queue[T]{clock: clock, now: clock(), waiting: make(map[T]*node[T]), credit: weights[0]}
}

// Len is how many items wait.
func (q *Queue[T]) Len() int { return len(q.waiting) }

// Push queues an item; one that waits keeps its place and the priority it came
// with.
func (q *Queue[T]) Push(item T, priority int64) {
	if _, waits := q.waiting[item]; waits {
		return
	}
	q.advance()
	n := &node[T]{item: item, priority: priority, since: q.now, timer: none}
	q.waiting[item] = n
	q.place(n)
}

// Pop takes out the next item. If there is none to be had at that pressure, ok
// is false, and after is when to ask again; 0: nothing waits.
func (q *Queue[T]) Pop(pressure float64) (item T, after time.Duration, ok bool) {
	q.advance()
	q.recent.forget(q.now)
	interval := intervalAt(pressure)
	for {
		at := q.next(pressure >= DeferFrom)
		if at == none {
			q.band, q.credit = 0, weights[0] // what comes next begins a round
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

// advance takes note of the time: what has waited long enough moves up.
func (q *Queue[T]) advance() {
	q.now = max(q.now, q.clock())
	for len(q.timers) > 0 && q.timers[0].moves <= q.now {
		n := q.timers[0]
		q.remove(n)
		q.place(n)
	}
}

// place puts n into the list where it belongs by now.
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

// remove takes n out of its list and its timer.
func (q *Queue[T]) remove(n *node[T]) {
	if n.list != nil {
		n.list.remove(n)
	}
	if n.timer != none {
		heap.Remove(&q.timers, n.timer)
	}
}

// next is the list whose turn it is; none: there is nothing.
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

// first is the one that entered a list first. What has waited long enough is
// not deferred.
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

// after is when something may be due that is not now.
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

// class says which of a band's two lists an item goes to: what may be deferred
// has one of its own.
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
