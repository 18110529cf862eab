package store

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrErasing is the error of an erasure that is asked for while one is under
// way. That one began before, so its receipt would not hold for what was deleted
// in between.
var ErrErasing = errors.New("an erasure is under way, and its receipt does not hold for what was deleted since it began: ask again when it has ended")

// erasures runs one erasure at a time. The zero value is ready.
type erasures struct {
	mu      sync.Mutex // guards what follows, but not the fields that erasing guards itself
	ended   bool
	current *erasing // the one under way or the last that ended; nil if there was none
}

// erasing is an erasure under way. result and err are set before done is closed.
type erasing struct {
	started time.Time
	cancel  context.CancelFunc
	done    chan struct{}
	result  Erasure
	err     error

	mu    sync.Mutex // guards state while the erasure is under way
	state ErasureState
}

// State of the erasure under way, or of the last one.
const (
	ErasureIdle    = "idle" // there was none since the start
	ErasureRunning = "running"
	ErasureDone    = "done"
	ErasureFailed  = "failed"
)

// The steps of an erasure.
const (
	StepCheckpoints = "checkpoints" // the log is left for segments
	StepSegments    = "segments"    // those with dead records are rewritten
	StepFiles       = "files"       // what was replaced is removed
)

// What keeps files that are to be removed.
const (
	waitsForBackup  = "backup"
	waitsForArchive = "archive"
	waitsForDisk    = "disk"
)

// ErasureState is how an erasure is doing.
type ErasureState struct {
	State    string    `json:"state"`
	Started  time.Time `json:"started_at,omitzero"`
	Step     string    `json:"step,omitempty"` // of one that is running, or where it failed
	Checked  int       `json:"segments_checked"`
	Segments int       `json:"segments_total"`      // to check; 0 until that is known
	WaitsFor string    `json:"waits_for,omitempty"` // backup, archive or disk: it keeps files that are to be removed
	Result   *Erasure  `json:"result,omitempty"`    // of one that is done
	Error    string    `json:"error,omitempty"`     // why it failed, or why the disk keeps a file
}

// set changes the state of an erasure under way.
func (e *erasing) set(change func(*ErasureState)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.state)
}

// waits records what an erasure under way waits for.
func (e *erasing) waits(what string, why error) {
	e.set(func(s *ErasureState) {
		s.WaitsFor, s.Error = what, ""
		if why != nil {
			s.Error = why.Error()
		}
	})
}

// isDone reports whether the erasure has ended.
func (e *erasing) isDone() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// begin begins an erasure.
func (s *erasures) begin(now time.Time, erase func(context.Context, *erasing) (Erasure, error)) (*erasing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return nil, errStopped
	case s.current != nil && !s.current.isDone():
		return nil, ErrErasing
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &erasing{started: now, cancel: cancel, done: make(chan struct{})}
	e.state = ErasureState{State: ErasureRunning, Started: now, Step: StepCheckpoints}
	s.current = e
	go func() {
		defer close(e.done)
		defer cancel()
		e.result, e.err = erase(ctx, e)
		e.set(func(state *ErasureState) {
			state.WaitsFor, state.Error = "", ""
			if e.err != nil {
				state.State, state.Error = ErasureFailed, e.err.Error()
				return
			}
			state.State, state.Step, state.Result = ErasureDone, "", &e.result
		})
	}()
	return e, nil
}

// state returns the state of the erasure under way, or of the last one.
func (s *erasures) state() ErasureState {
	s.mu.Lock()
	e := s.current
	s.mu.Unlock()
	if e == nil {
		return ErasureState{State: ErasureIdle}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// stop ends the erasure under way and lets no other begin. It waits for the end
// while ctx lasts: the erasure may wait for a cold directory that hangs.
func (s *erasures) stop(ctx context.Context) {
	s.mu.Lock()
	s.ended = true
	e := s.current
	s.mu.Unlock()
	if e == nil {
		return
	}
	e.cancel()
	select {
	case <-e.done:
	case <-ctx.Done():
	}
}
