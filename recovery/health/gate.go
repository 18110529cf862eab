package health

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// Phase is where the process is in its life. It only moves forward.
type Phase string

// The phases in order; PhaseFailed is the other way out of the first two.
const (
	PhaseStarting  Phase = "starting"  // listening; the data directory is not open yet
	PhaseReplaying Phase = "replaying" // reading the log
	PhaseReady     Phase = "ready"     // serving
	PhaseDraining  Phase = "draining"  // stopping; finishing the requests under way
	PhaseStopped   Phase = "stopped"   // nothing is served any more
	PhaseFailed    Phase = "failed"    // recovery refused; only probes answer
)

// Phases is all of them.
var Phases = [...]Phase{PhaseStarting, PhaseReplaying, PhaseReady, PhaseDraining, PhaseStopped, PhaseFailed}

// Progress is one reading of the gate.
type Progress struct {
	Phase Phase
	// Fraction of the replay's work that is done, as time will show it, never
	// going back. It is 1 only once the gate has been ready.
	Fraction   float64
	BytesDone  int64
	BytesTotal int64
	Records    int64
	Elapsed    time.Duration // of the replay; stands still when it has ended
	ETA        time.Duration // until the replay ends at the rate so far; negative: unknown
	Startup    time.Duration // from the gate's making to ready; growing until then
	Err        error         // why the phase is failed
}

// almostDone is the most that Progress shows before the gate is ready: reading
// the last byte is not yet serving.
const almostDone = 0.999

// SettleTime is the estimate of the time that a recovery takes from the last byte
// read to ready: a dozen syncs, of the log's end and the manifest, took 30 to 70 ms
// on a disk whose syncs take 3.
const SettleTime = 50 * time.Millisecond

// Gate is the phase machine that decides what the server answers, and the
// measure of how far replay is. Reading it costs a few atomic loads and takes
// no lock, so every request may ask.
type Gate struct {
	now     func() time.Time
	created time.Time

	bytes   atomic.Int64 // replayed so far, only growing
	records atomic.Int64 // replayed so far, only growing
	began   atomic.Int64 // when reading began, in ns after created
	// share is the fraction done, as the bits of a float64: of numbers that
	// are not negative they have the same order. Only growing.
	share atomic.Uint64
	eta   atomic.Int64 // time left at the last Advance, in ns; negative: unknown
	read  atomic.Int64 // when all was read, in ns after created, or 0

	mu    sync.Mutex // held by transitions only
	state atomic.Pointer[gateState]
}

// gateState is immutable: a transition stores a new one.
type gateState struct {
	phase      Phase
	total      int64     // bytes to replay
	replayFrom time.Time // zero: replay has not begun
	ended      time.Time // when replay was done or given up; zero: not yet
	complete   bool      // the gate has been ready
	err        error
}

// NewGate makes a gate in PhaseStarting. The clock is the caller's.
func NewGate(now func() time.Time) *Gate {
	g := &Gate{now: now, created: now()}
	g.eta.Store(-1)
	g.state.Store(&gateState{phase: PhaseStarting})
	return g
}

// Replaying begins the replay of a log of that many bytes. Like every
// transition it reports whether it was legal; an illegal one changes nothing.
func (g *Gate) Replaying(bytes int64) bool {
	return g.move(PhaseReplaying, func(s *gateState) {
		s.total = max(bytes, 0)
		s.replayFrom = g.now()
		g.began.Store(int64(s.replayFrom.Sub(g.created)))
	})
}

// Advance records how much of the replay is done, counted from its start, and
// how much is thought to be left. The rate is measured from the last call with
// nothing done on: the syncs of the files before it are not counted.
// Progress never goes back: what is less than an earlier call had is ignored.
func (g *Gate) Advance(done, left wal.Amount) {
	raise(&g.bytes, done.Bytes)
	raise(&g.records, done.Records)
	did, will := costOf(done), max(costOf(left), 0)
	now := g.now()
	if did <= 0 {
		g.began.Store(int64(now.Sub(g.created)))
		g.read.Store(0) // a log that could not be synced is read a second time
		return
	}
	took := float64(now.Sub(g.created)) - float64(g.began.Load())
	eta := time.Duration(min(took*will/did, math.MaxInt64/2)) + SettleTime
	if will == 0 {
		g.read.CompareAndSwap(0, max(int64(now.Sub(g.created)), 1))
	}
	g.eta.Store(int64(eta))
	g.pass(now.Sub(g.state.Load().replayFrom), eta)
}

// pass raises the share that is done to passed/(passed+left).
func (g *Gate) pass(passed, left time.Duration) {
	bits := math.Float64bits(min(float64(passed)/float64(max(passed+left, 1)), almostDone))
	for {
		old := g.share.Load()
		if bits <= old || g.share.CompareAndSwap(old, bits) {
			return
		}
	}
}

// Ready opens the gate.
func (g *Gate) Ready() bool {
	return g.move(PhaseReady, func(s *gateState) {
		s.ended = g.now()
		s.complete = true
	})
}

// Fail ends recovery with the reason that probes will show.
func (g *Gate) Fail(err error) bool {
	return g.move(PhaseFailed, func(s *gateState) {
		s.ended = g.now()
		s.err = err
	})
}

// Drain begins the way down. It is legal before ready too: a process may be
// stopped while it still replays.
func (g *Gate) Drain() bool {
	return g.move(PhaseDraining, func(s *gateState) {
		if s.ended.IsZero() {
			s.ended = g.now()
		}
	})
}

// Stop is the end of every life.
func (g *Gate) Stop() bool {
	return g.move(PhaseStopped, func(s *gateState) {
		if s.ended.IsZero() {
			s.ended = g.now()
		}
	})
}

// legal lists where each phase may go.
var legal = map[Phase][]Phase{
	PhaseStarting:  {PhaseReplaying, PhaseReady, PhaseDraining, PhaseStopped, PhaseFailed},
	PhaseReplaying: {PhaseReady, PhaseDraining, PhaseStopped, PhaseFailed},
	PhaseReady:     {PhaseDraining, PhaseStopped},
	PhaseDraining:  {PhaseStopped},
	PhaseFailed:    {PhaseStopped},
}

func (g *Gate) move(to Phase, change func(*gateState)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := *g.state.Load()
	for _, p := range legal[next.phase] {
		if p == to {
			next.phase = to
			change(&next)
			g.state.Store(&next)
			return true
		}
	}
	return false
}

// Phase is the present phase.
func (g *Gate) Phase() Phase { return g.state.Load().phase }

// Progress reads the gate.
func (g *Gate) Progress() Progress {
	s := g.state.Load()
	p := Progress{
		Phase:      s.phase,
		BytesDone:  g.bytes.Load(),
		BytesTotal: s.total,
		Records:    g.records.Load(),
		ETA:        -1,
		Err:        s.err,
	}
	until := s.ended
	if until.IsZero() {
		until = g.now()
	}
	p.Startup = until.Sub(g.created)
	if !s.replayFrom.IsZero() {
		p.Elapsed = until.Sub(s.replayFrom)
	}
	p.BytesDone = min(p.BytesDone, p.BytesTotal)
	if s.complete {
		p.Fraction, p.ETA = 1, 0
		return p
	}
	left := time.Duration(g.eta.Load())
	// After the last Advance only the clock makes progress.
	if read := g.read.Load(); read > 0 {
		left = max(SettleTime+time.Duration(read)-p.Startup, 0)
		g.pass(p.Elapsed, left)
	}
	p.Fraction = math.Float64frombits(g.share.Load())
	if s.phase == PhaseReplaying {
		p.ETA = left
	}
	return p
}

// raise sets v to n unless it is already above.
func raise(v *atomic.Int64, n int64) {
	for {
		old := v.Load()
		if n <= old || v.CompareAndSwap(old, n) {
			return
		}
	}
}
