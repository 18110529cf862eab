package topics

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// topic is one topic's state. An idle topic is this struct and its name:
// no goroutine, no timer, no file.
type topic struct {
	id   uint64
	name string

	lastRead atomic.Int64 // Unix ms, 0: never
	queued   atomic.Bool  // its delivery is under way; see deliveries

	shown  atomic.Pointer[record.Config] // cfg, for those who do not wait for mu; nil: not visible
	routes atomic.Pointer[routes]        // nil: it never had any

	mu sync.RWMutex // guards everything below

	// What has been given out. A write is assigned its seqs here, in the
	// order of the log, before it is durable or visible.
	assigned   uint64                             // highest seq given out
	assignedTS int64                              // its timestamp; the next one is no earlier
	next       *record.Config                     // config of the next write
	pending    []*commit                          // assigned and not yet published, in seq order
	inflight   map[string]*commitOf[entry.Append] // those with an idempotency key
	waiting    record.Size                        // what pending will add
	ending     wal.LSN                            // its drop is in the log and ends here; 0: it has none. Set with Registry.mu held, too
	dropped    bool                               // the drop is durable, or the creation failed
	broken     error                              // a commit failed: what would follow stands on it, and fails too
	reserve    reservation

	// What is published: everything readers see. apply.go changes it.
	visible    bool // its creation is durable
	cfg        *record.Config
	head       uint64
	live       record.Size
	history    history // records in segments
	index      index   // the records after them: in the log, or ephemeral
	tags       tagIndex
	deleted    *seqSet // deleted seqs above the first live one; nil: none
	applied    wal.LSN // end of the last frame that is published here
	evictFloor uint64  // first seq not involuntarily lost; only grows
	capThrough uint64  // highest seq evicted by a cap
	ttlThrough uint64  // highest seq that expired
	ttlNoted   uint64  // as of the last entry.Watermarks
	noteCap    bool    // capThrough is to go into the next one
	lost       []lostRange
	doubt      uint64 // highest seq below the floor of a lost range of which not all had been given out
	keys       keyWindow
	came       arrivals
	lastWrite  int64
	changes    uint64        // of the config, and of records by deletes: see Mark
	changed    chan struct{} // closed on the next publish; nil: nobody waits
	swept      bool          // the sweeper visits this topic at its next round
}

// lostRange is a run of seqs that were given out and can never be read.
type lostRange struct {
	from, to uint64 // inclusive
	reason   string
	way      string // ReasonTrim: of the records that are lost, as a record's path
	given    uint64 // how many of them are known to have been given out
}

func (l *lostRange) size() uint64 { return l.to - l.from + 1 }

// notify wakes long polls. t.mu is held.
func (t *topic) notify() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// subscribe returns a channel that is closed when head moves beyond seen or
// the topic goes; nil: it has already.
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

// stateLocked reports the topic as of now.
func (t *topic) stateLocked(now int64) State {
	return State{
		Name: t.name, Config: *t.cfg,
		Head: t.head, Earliest: t.earliest(), Count: t.live.Records, Bytes: t.live.Bytes,
		EffectivePriority: t.priority(t.cfg, now),
		LastWrite:         t.lastWrite, LastRead: t.lastRead.Load(),
	}
}

// State is a topic at one moment.
type State struct {
	Name              string
	Config            record.Config
	Head              uint64 // 0: never written
	Earliest          uint64 // first live seq; Head+1 when there is none
	Count             int64  // live records
	Bytes             int64  // live payload bytes
	EffectivePriority int64
	LastWrite         int64 // Unix ms, 0: never
	LastRead          int64 // Unix ms, 0: never
}
