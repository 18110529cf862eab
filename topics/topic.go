package topics

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// topic is one topic's state. An idle topic is this struct and its name:
// no goroutine, no timer, no file.
type topic struct {
	id     uint64
	name   string
	shared *shared

	lastRead atomic.Int64 // Unix ms, 0: never
	queued   atomic.Bool  // its delivery is under way; see deliveries

	shown  atomic.Pointer[record.Config] // cfg, for readers that do not wait for mu; nil if it is not visible
	routes atomic.Value                  // *routes, if it ever had a router: forwarding sets and reads it

	mu lockorder.RWMutex[lockorder.Topic] // guards what follows
	given
	published
	swept bool // the sweeper visits this topic at its next round
}

// newTopic returns a topic that no other goroutine knows.
func newTopic(id uint64, name string, s *shared) *topic {
	return &topic{id: id, name: name, shared: s}
}

// given has the seqs that have been given out. Here a write is assigned its seqs, in
// the order of the log, before it is durable or visible.
type given struct {
	assigned   uint64         // highest seq given out
	assignedTS int64          // its timestamp; the next one is no earlier
	next       *record.Config // config of the next write
	line       line           // assigned and not yet published
	reserve    reservation
	ending     wal.LSN // its drop is in the log and ends here; 0 if it has none. Set with Registry.mu held, too
	dropped    bool    // the drop is durable, or the creation failed
	broken     error   // a commit failed: those after it depend on it, and fail too
}

// assign puts a commit that has its place in the log at the end of the line.
// last is the highest seq that is given out from now on.
func (g *given) assign(c *commit, last uint64) {
	g.assigned, g.assignedTS = last, timeOf(c.op)
	g.line.add(c)
}

// refusal returns why the topic takes no change at present, and nil if it does.
func (g *given) refusal() error {
	if g.ending > 0 {
		return &underWayError{g.ending}
	}
	return g.broken
}

// setting returns the last commit on its way that sets the topic's config; nil
// if there is none.
func (g *given) setting() *commit {
	for _, c := range slices.Backward(g.line.commits) {
		if settingOf(c.op) != nil {
			return c
		}
	}
	return nil
}

// published is the state that readers see. Only operations and time change it: see
// apply.go.
type published struct {
	visible   bool // its creation is durable
	cfg       *record.Config
	head      uint64
	live      record.Size
	history   index.History // records in segments
	index     index.Log     // the records after them: in the log, or ephemeral
	tags      index.Tags
	deleted   *index.SeqSet // deleted seqs above the first live one; nil if there are none
	applied   wal.LSN       // end of the last frame that is published here
	marks     watermarks
	lost      lostRanges
	jobs      *jobs // nil if it is no queue
	keys      index.Keys
	came      clock.Arrivals
	lastWrite int64
	changes   uint64        // of the config, and of records by deletes: see Mark
	changed   chan struct{} // closed on the next publish; nil if no goroutine waits
}

// notifyLocked wakes long polls at once, and has subscribers and routers notified.
// t.mu is held.
func (t *topic) notifyLocked() {
	t.wakeLocked()
	t.shared.host.Changed(t)
}

// wakeLocked wakes long polls. t.mu is held.
func (t *topic) wakeLocked() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// visit has the sweeper come by t at its next round. t.mu is held.
func (t *topic) visit() {
	if t.swept {
		return
	}
	t.swept = true
	t.shared.host.Visit(t)
}

// serve gives the jobs that are ready to those who wait for them. t.mu is held.
func (t *topic) serve() {
	if t.jobs != nil {
		t.shared.host.Serve(t)
	}
}

// subscribe returns a channel that is closed when head moves beyond seen or
// the topic goes; nil if it has already.
func (t *topic) subscribe(seen uint64) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.head != seen || t.dropped {
		return nil
	}
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}

// Automatic priority: 500 at a read, halving every 30 s, 0 after 5 minutes.
const (
	readPriority  = 500
	priorityHalf  = 30_000
	priorityUntil = 300_000
)

func (t *topic) priority(cfg *record.Config, now int64) int64 {
	switch since := now - t.lastRead.Load(); {
	case cfg.Priority != nil:
		return *cfg.Priority
	case !cfg.AutoPriority || since > priorityUntil:
		return 0
	default:
		return int64(math.Round(readPriority * math.Exp2(-float64(max(since, 0))/priorityHalf)))
	}
}

// emptyLocked releases what is in a deleted topic, whose queue has ended. t.mu is
// held.
func (t *topic) emptyLocked() {
	t.grow(record.Size{Records: -t.live.Records, Bytes: -t.live.Bytes})
	t.shared.totals.ephemeral.Add(-t.index.Clear())
	t.changeKeysLocked(func(w *index.Keys) { *w = index.Keys{} })
	t.history, t.tags, t.deleted = index.History{}, index.Tags{}, nil
	t.visible, t.cfg, t.lost.ranges, t.came = false, nil, nil, nil
	t.notifyLocked()
}

// stateLocked reports the topic as of now.
func (t *topic) stateLocked(now int64) State {
	return State{
		Name: t.name, Config: *t.cfg,
		Head: t.head, Earliest: t.earliest(), Count: t.live.Records, Bytes: t.live.Bytes,
		EffectivePriority: t.priority(t.cfg, now),
		LastWrite:         t.lastWrite, LastRead: t.lastRead.Load(),
	}
}

// stateOf reports a topic whose lock is held for reading, and releases the lock.
func (t *topic) stateOf(now int64) State {
	if t.jobs == nil {
		defer t.mu.RUnlock()
		return t.stateLocked(now)
	}
	before := t.stateLocked(now)
	t.mu.RUnlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.jobs == nil { // deleted since
		return before
	}
	s := t.stateLocked(now)
	counts := t.jobs.queue.Counts(atBoth(t.shared.clock.Now()))
	s.Queue = &counts
	t.serve()
	return s
}

// isVisible reports whether readers see t, without waiting for its lock.
func (t *topic) isVisible() bool { return t.shown.Load() != nil }

// State is a topic at one moment.
type State struct {
	Name              string
	Config            record.Config
	Head              uint64 // 0: never written
	Earliest          uint64 // first live seq; Head+1 when there is none
	Count             int64  // live records
	Bytes             int64  // live payload bytes
	EffectivePriority int64
	LastWrite         int64         // Unix ms, 0: never
	LastRead          int64         // Unix ms, 0: never
	Queue             *queue.Counts // nil if it is no queue
}
