package health

import (
	"fmt"
	"sync/atomic"
	"time"
)

// queueNearlyFull is the share of the log queue's bytes that is degraded.
const queueNearlyFull = 0.80

// LogState is the little of the log's statistics that health needs.
type LogState struct {
	ReadOnly         bool          // a write or a sync failed
	Err              error         // why it is read-only
	Full             bool          // the disk is full
	PrepareErr       error         // why the next file could not be made
	LastSync         time.Duration // how long the last sync took
	Writing, Syncing time.Duration // for how long one has been under way, or 0
	Waiting          int           // writers that wait for a write or a sync
	Blocked          int           // writers that wait for room
	QueueDepth       int64         // bytes waiting to be written
	QueueBytes       int64         // the most that may wait
	Written, Synced  uint64        // log positions
	Applied          uint64        // everything below this log position is in the indexes
}

// LogWatch watches the log and keeps what it saw last, so that a probe need
// not touch the log.
type LogWatch struct {
	read  func() LogState
	lines Thresholds
	seen  atomic.Pointer[LogState]
}

// NewLogWatch makes a LogWatch that asks read each time its Check runs.
func NewLogWatch(read func() LogState, lines Thresholds) *LogWatch {
	w := &LogWatch{read: read, lines: lines}
	w.seen.Store(&LogState{})
	return w
}

// Last is the last reading; zero before the first Check.
func (w *LogWatch) Last() LogState { return *w.seen.Load() }

// Check reads the log's state; register it as a background check.
func (w *LogWatch) Check() Condition {
	s := w.read()
	w.seen.Store(&s)
	doing, stalled := "write", s.Writing
	if s.Syncing > s.Writing {
		doing, stalled = "sync", s.Syncing
	}
	writers := s.Waiting + s.Blocked
	switch {
	case s.ReadOnly && s.Err != nil:
		return Condition{Unhealthy, "the log is read-only: " + s.Err.Error()}
	case s.ReadOnly:
		return Condition{Unhealthy, "the log is read-only"}
	case stalled > w.lines.SyncUnhealthy && writers > 0:
		return Condition{Unhealthy, fmt.Sprintf("a %s of the log has been under way for %s; writers that wait: %d", doing, stalled.Round(time.Millisecond), writers)}
	case s.Full:
		return Condition{Degraded, "the disk is full: writes that need another log file are refused; reads and deletes go on"}
	case s.PrepareErr != nil:
		return Condition{Degraded, "writes that need another log file are refused until it can be made; reads go on: " + s.PrepareErr.Error()}
	case stalled > w.lines.SyncDegraded:
		return Condition{Degraded, fmt.Sprintf("a %s of the log has been under way for %s", doing, stalled.Round(time.Millisecond))}
	case s.LastSync > w.lines.SyncDegraded:
		return Condition{Degraded, fmt.Sprintf("the last sync took %s", s.LastSync.Round(time.Millisecond))}
	case s.QueueBytes > 0 && float64(s.QueueDepth) >= queueNearlyFull*float64(s.QueueBytes):
		return Condition{Degraded, fmt.Sprintf("the log's queue is nearly full: %s of %s wait", Size(s.QueueDepth), Size(s.QueueBytes))}
	}
	return Condition{}
}

// LogMoves proves that the log serves the goroutines that wait for it.
func LogMoves(read func() LogState) Proof {
	var last LogState
	return func() bool {
		s := read()
		moves := s.Waiting == 0 || s.ReadOnly || s.Written != last.Written || s.Synced != last.Synced
		last = s
		return moves
	}
}
