package topic

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/rate"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Topic is one topic's state. An idle topic is this struct and its name:
// no goroutine, no timer, no file.
type Topic struct {
	ID     uint64
	Name   string
	Shared *Shared

	lastRead atomic.Int64 // Unix ms, 0: never
	Queued   atomic.Bool  // its delivery is under way; see deliveries

	shown  atomic.Pointer[record.Config] // cfg, for readers that do not wait for mu; nil if it is not visible
	Routes atomic.Value                  // *routes, if it ever had a router: forwarding sets and reads it

	Rates rate.Place // of its records

	Mu lockorder.RWMutex[lockorder.Topic] // guards what follows
	given
	published
	Swept bool // the sweeper visits this topic at its next round
}

// New returns a topic that no other goroutine knows.
func New(id uint64, name string, s *Shared) *Topic {
	return &Topic{ID: id, Name: name, Shared: s}
}

// given has the seqs that have been given out. Here a write is assigned its seqs, in
// the order of the log, before it is durable or visible.
type given struct {
	Assigned   uint64         // highest seq given out
	AssignedTS int64          // its timestamp; the next one is no earlier
	Next       *record.Config // config of the next write
	Line       line           // assigned and not yet published
	Reserve    Reservation
	Ending     wal.LSN // its drop is in the log and ends here; 0 if it has none. Set with Catalog.Mu held, too
	Dropped    bool    // the drop is durable, or the creation failed
	broken     error   // a commit failed: those after it depend on it, and fail too
}

// Assign puts a commit that has its place in the log at the end of the line.
// last is the highest seq that is given out from now on.
func (g *given) Assign(c *Commit, last uint64) {
	g.Assigned, g.AssignedTS = last, TimeOf(c.Operation)
	g.Line.add(c)
}

// Refusal returns why the topic takes no change at present, and nil if it does.
func (g *given) Refusal() error {
	if g.Ending > 0 {
		return &UnderWayError{g.Ending}
	}
	return g.broken
}

// Setting returns the last commit on its way that sets the topic's config; nil
// if there is none.
func (g *given) Setting() *Commit {
	for _, c := range slices.Backward(g.Line.Commits) {
		if SettingOf(c.Operation) != nil {
			return c
		}
	}
	return nil
}

// published is the state that readers see. Only operations and time change it: see
// apply.go.
type published struct {
	Visible   bool // its creation is durable
	Config    *record.Config
	Head      uint64
	Live      record.Size
	History   index.History // records in segments
	Index     index.Log     // the records after them: in the log, or ephemeral
	Tags      index.Tags
	Deleted   *index.SeqSet // deleted seqs above the first live one; nil if there are none
	Applied   wal.LSN       // end of the last frame that is published here
	Marks     watermarks
	Lost      lostRanges
	Jobs      *Jobs // nil if it is no queue
	Keys      index.Keys
	Arrivals  clock.Arrivals
	LastWrite int64
	changes   uint64        // of the config, and of records by deletes: see Mark
	Changed   chan struct{} // closed on the next publish; nil if no goroutine waits
}

// notifyLocked wakes long polls at once, and has subscribers and routers notified.
// t.Mu is held.
func (t *Topic) notifyLocked() {
	t.WakeLocked()
	t.Shared.Host.Changed(t)
}

// WakeLocked wakes long polls. t.Mu is held.
func (t *Topic) WakeLocked() {
	if t.Changed != nil {
		close(t.Changed)
		t.Changed = nil
	}
}

// Visit has the sweeper come by t at its next round. t.Mu is held.
func (t *Topic) Visit() {
	if t.Swept {
		return
	}
	t.Swept = true
	t.Shared.Host.Visit(t)
}

// serve gives the jobs that are ready to those who wait for them. t.Mu is held.
func (t *Topic) serve() {
	if t.Jobs != nil {
		t.Shared.Host.Serve(t)
	}
}

// Subscribe returns a channel that is closed when head moves beyond seen or
// the topic goes; nil if it has already.
func (t *Topic) Subscribe(seen uint64) <-chan struct{} {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if t.Head != seen || t.Dropped {
		return nil
	}
	if t.Changed == nil {
		t.Changed = make(chan struct{})
	}
	return t.Changed
}

// Automatic priority: 500 at a read, halving every 30 s, 0 after 5 minutes.
const (
	readPriority  = 500
	priorityHalf  = 30_000
	PriorityUntil = 300_000
)

func (t *Topic) Priority(cfg *record.Config, now int64) int64 {
	switch since := now - t.lastRead.Load(); {
	case cfg.Priority != nil:
		return *cfg.Priority
	case !cfg.AutoPriority || since > PriorityUntil:
		return 0
	default:
		return int64(math.Round(readPriority * math.Exp2(-float64(max(since, 0))/priorityHalf)))
	}
}

// EmptyLocked ends the queue of a deleted topic, and releases what is in it. t.Mu is
// held.
func (t *Topic) EmptyLocked() {
	t.Shared.Host.Gone(t)
	t.Grow(record.Size{Records: -t.Live.Records, Bytes: -t.Live.Bytes})
	t.Shared.Counters.Ephemeral.Add(-t.Index.Clear())
	t.ChangeKeysLocked(func(w *index.Keys) { *w = index.Keys{} })
	t.History, t.Tags, t.Deleted = index.History{}, index.Tags{}, nil
	t.Visible, t.Config, t.Lost.Ranges, t.Arrivals = false, nil, nil, nil
	t.notifyLocked()
}

// StateLocked reports the topic as of now.
func (t *Topic) StateLocked(now int64) State {
	return State{
		Name: t.Name, Config: *t.Config,
		Head: t.Head, Earliest: t.Earliest(), Count: t.Live.Records, Bytes: t.Live.Bytes,
		EffectivePriority: t.Priority(t.Config, now),
		LastWrite:         t.LastWrite, LastRead: t.lastRead.Load(),
	}
}

// StateOf reports a topic whose lock is held for reading, and releases the lock.
func (t *Topic) StateOf(now int64) State {
	if t.Jobs == nil {
		defer t.Mu.RUnlock()
		return t.StateLocked(now)
	}
	before := t.StateLocked(now)
	t.Mu.RUnlock()
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if t.Jobs == nil { // deleted since
		return before
	}
	s := t.StateLocked(now)
	counts := t.Jobs.Queue.Counts(AtBoth(t.Shared.Clock.Now()))
	s.Queue = &counts
	t.serve()
	return s
}

// IsVisible reports whether readers see t, without waiting for its lock.
func (t *Topic) IsVisible() bool { return t.shown.Load() != nil }

// ShownConfig returns the config, without waiting for the topic's lock; nil if the
// topic is not visible.
func (t *Topic) ShownConfig() *record.Config { return t.shown.Load() }

// Hide makes the topic invisible to those who do not wait for its lock.
func (t *Topic) Hide() { t.shown.Store(nil) }

// Touch records that the topic was read at a time, in Unix ms.
func (t *Topic) Touch(now int64) { t.lastRead.Store(now) }

// LastRead returns when the topic was read last, in Unix ms; 0: never.
func (t *Topic) LastRead() int64 { return t.lastRead.Load() }

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

// ShownClass returns the durability class of a topic.
func (t *Topic) ShownClass() record.Class {
	cfg := t.shown.Load()
	if cfg == nil {
		return record.Disk
	}
	return cfg.Durability
}

// Urgency returns the priority with which t enters the queue.
func (t *Topic) Urgency(now int64) int64 {
	cfg := t.shown.Load()
	if cfg == nil {
		return 0
	}
	return t.Priority(cfg, now)
}

// CurrentHead returns the highest seq that readers see. No lock is held.
func (t *Topic) CurrentHead() uint64 {
	t.Mu.RLock()
	defer t.Mu.RUnlock()
	return t.Head
}
