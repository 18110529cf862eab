package queue

import (
	"container/list"

	"github.com/tidwall/btree"
)

// Records is the queue's view of its topic, which has the live records. It
// is called with the topic's lock held.
type Records interface {
	Next(after uint64) (seq uint64, ok bool) // the first live one after a seq
	Live(seq uint64) bool
	Count() int64 // of all live ones
	// Came is when a live record was written, on the monotonic clock.
	Came(seq uint64) int64
}

// Options are what a queue is opened with.
type Options struct {
	Config  Config
	Records Records
	Epoch   uint64 // of the lease IDs: random, drawn anew each time
	Seed    uint64 // of the jitter: the same each time, so that a replay waits as long
}

// Queue is the state of a topic's jobs. The topic's lock guards it.
type Queue struct {
	cfg     Config
	past    []era // configs before it that what is over by now goes by, oldest first
	records Records
	seed    uint64
	limit   int // of an Advance
	late    int // how many jobs were looked at since the queue is behind, or 0 if it is not
	nextID  LeaseID

	jobs   btree.Map[uint64, *job] // that have more than their record
	head   uint64                  // the highest seq that was written
	census census
	sweeps []sweep // oldest first; through rises
	spare  int     // how many more jobs Serve may take out ahead of their turn

	plain []run // where the jobs are that have nothing but their record
	cut   bool  // a job with more was written after the last run
	ready sorted[rank]
	ages  sorted[moment] // of the ready jobs
	times sorted[moment] // deadlines and due times
	walls sorted[moment] // due times of the wall clock
	dying []uint64       // candidates; some may have ended since

	groups   map[string]*group
	regroups regrouping
	keys     map[string]uint64 // of live jobs
	promised map[string]uint64 // of writes on their way

	deadLettered, lost, expired int64

	line    list.List // of *place: the waiters, by arrival
	waits   sorted[wait]
	arrived uint64
	window  int64 // when the open cohort's window ends, or 0 if none is open
	streams map[*Waiter]struct{}
	stalled map[*Waiter]struct{}
	losses  []Loss
}

// Open returns the queue of a topic that has no job yet.
func Open(o Options) *Queue {
	return &Queue{
		cfg: o.Config.Clamped(), records: o.Records, seed: o.Seed, limit: advanceLimit,
		nextID: LeaseID{Epoch: o.Epoch, N: 1},
		ready:  sorted[rank]{less: rank.before},
		ages:   sorted[moment]{less: moment.before},
		times:  sorted[moment]{less: moment.before},
		walls:  sorted[moment]{less: moment.before},
		waits:  sorted[wait]{less: wait.before},
	}
}
