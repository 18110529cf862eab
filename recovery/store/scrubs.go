package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// scrubs runs one scrub at a time. The zero value is ready.
type scrubs struct {
	mu      sync.Mutex // guards what follows
	running *scrubbing
	ended   bool
	last    *Scrub     // nil if none was finished
	recent  *scrubbing // the one under way or the last that ended, however it did
}

// scrubbing is a scrub under way. result and err are set before done is closed.
type scrubbing struct {
	cancel   context.CancelFunc
	done     chan struct{}
	result   Scrub
	err      error
	progress scrubProgress
}

// scrubProgress is how far a scrub has come. It is read while it changes.
type scrubProgress struct {
	started atomic.Int64 // Unix ns; 0 until it has begun
	bytes   atomic.Int64 // read
	total   atomic.Int64 // to read, as there were at the beginning
}

func (p *scrubProgress) begin(at time.Time, total int64) {
	p.total.Store(total)
	p.started.Store(at.UnixNano())
}

// State of the scrub under way, or of the last one.
const (
	ScrubIdle    = "idle" // there was none since the start
	ScrubRunning = "running"
	ScrubDone    = "done"
	ScrubFailed  = "failed"
)

// ScrubState is how a scrub is doing. Progress is 1 only when it is done.
type ScrubState struct {
	State    string    `json:"state"`
	Started  time.Time `json:"started_at,omitzero"`
	Progress float64   `json:"progress"`
	Bytes    int64     `json:"bytes_done"`
	Total    int64     `json:"bytes_total"`
	Result   *Scrub    `json:"result,omitempty"` // of one that is done
	Error    string    `json:"error,omitempty"`  // of one that failed
}

// almost is the largest progress of a scrub that is not done: what is stored
// changes while it is read.
const almost = 0.999

// state returns the state of the scrub under way, or of the last one.
func (s *scrubs) state() ScrubState {
	s.mu.Lock()
	run := s.recent
	running := s.running != nil
	s.mu.Unlock()
	if run == nil {
		return ScrubState{State: ScrubIdle}
	}
	p := &run.progress
	out := ScrubState{State: ScrubRunning, Total: p.total.Load()}
	out.Bytes = min(p.bytes.Load(), out.Total)
	if ns := p.started.Load(); ns != 0 {
		out.Started = time.Unix(0, ns)
	}
	if out.Total > 0 {
		out.Progress = min(float64(out.Bytes)/float64(out.Total), almost)
	}
	switch {
	case running:
	case run.err != nil:
		out.State, out.Error = ScrubFailed, run.err.Error()
	default:
		out.State, out.Progress, out.Result = ScrubDone, 1, &run.result
		out.Bytes = max(out.Bytes, run.result.Bytes)
		out.Total = out.Bytes
	}
	return out
}

// VerifyState returns how the scrub under way is doing, or how the last one
// ended.
func (st *Store) VerifyState() ScrubState { return st.scrubs.state() }

// storedBytes returns about how much a scrub has to read.
func (st *Store) storedBytes() int64 {
	n := st.snapshotBytes.Load() * int64(len(st.current.get().Checkpoints()))
	for _, seg := range st.segments.all() {
		n += seg.IndexBytes() + seg.DataBytes()
	}
	synced := st.Log.Synced()
	for _, f := range st.Log.Files() {
		if end := min(f.End, synced); end > f.First {
			n += int64(end - f.First)
		}
	}
	return n
}

// join returns the scrub under way, or begins one.
func (s *scrubs) join(scrub func(context.Context, *scrubProgress) (Scrub, error)) (*scrubbing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errStopped
	}
	if s.running != nil {
		return s.running, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &scrubbing{cancel: cancel, done: make(chan struct{})}
	s.running, s.recent = run, run
	go func() {
		defer cancel()
		result, err := scrub(ctx, &run.progress)
		s.mu.Lock()
		run.result, run.err = result, err
		s.running = nil
		if run.err == nil {
			s.last = &run.result
		}
		s.mu.Unlock()
		close(run.done)
	}()
	return run, nil
}

// stop ends the scrub under way and lets no other begin. It waits for the end
// while ctx lasts: the scrub may be reading from a directory that hangs.
func (s *scrubs) stop(ctx context.Context) {
	s.mu.Lock()
	s.ended = true
	run := s.running
	s.mu.Unlock()
	if run == nil {
		return
	}
	run.cancel()
	select {
	case <-run.done:
	case <-ctx.Done():
	}
}
