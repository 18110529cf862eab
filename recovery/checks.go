package recovery

import (
	"fmt"
	"math"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	kib = int64(1) << 10
	mib = kib << 10
	gib = mib << 10
)

// Where the checks draw their lines.
const (
	slowSync        = time.Second // a last sync above it: degraded
	queueNearlyFull = 0.80        // of the log queue's bytes: degraded
	lowDiskShare    = 0.10        // free, of the file system: degraded
	lowDiskBytes    = gib         // free: degraded
	lastDiskBytes   = 64 * mib    // free: unhealthy
	lowMemory       = 0.90        // of the memory limit: degraded
	manyConnections = 0.90        // of the most allowed: degraded
	manyDescriptors = 0.80        // of the process's limit: degraded
)

// LogState is the little of the log's statistics that health needs.
type LogState struct {
	ReadOnly        bool          // a write or a sync failed
	Err             error         // why it is read-only
	Full            bool          // the disk is full
	PrepareErr      error         // why the next file could not be made
	LastSync        time.Duration // how long the last sync took
	QueueDepth      int64         // bytes waiting to be written
	QueueBytes      int64         // the most that may wait
	Written, Synced uint64        // log positions
}

// LogWatch watches the log and keeps what it saw last, so that a probe need
// not touch the log.
type LogWatch struct {
	read func() LogState
	seen atomic.Pointer[LogState]
}

// NewLogWatch makes a LogWatch that asks read each time its Check runs.
func NewLogWatch(read func() LogState) *LogWatch {
	w := &LogWatch{read: read}
	w.seen.Store(&LogState{})
	return w
}

// Last is the last reading; zero before the first Check.
func (w *LogWatch) Last() LogState { return *w.seen.Load() }

// Check reads the log's state; register it as a background check.
func (w *LogWatch) Check() Condition {
	s := w.read()
	w.seen.Store(&s)
	switch {
	case s.ReadOnly && s.Err != nil:
		return Condition{Unhealthy, "the log is read-only: " + s.Err.Error()}
	case s.ReadOnly:
		return Condition{Unhealthy, "the log is read-only"}
	case s.Full:
		return Condition{Degraded, "the disk is full: writes that need another log file are refused; reads and deletes go on"}
	case s.PrepareErr != nil:
		return Condition{Degraded, "writes that need another log file are refused until it can be made; reads go on: " + s.PrepareErr.Error()}
	case s.LastSync > slowSync:
		return Condition{Degraded, fmt.Sprintf("the last sync took %s", s.LastSync.Round(time.Millisecond))}
	case s.QueueBytes > 0 && float64(s.QueueDepth) >= queueNearlyFull*float64(s.QueueBytes):
		return Condition{Degraded, fmt.Sprintf("the log's queue is nearly full: %s of %s wait", size(s.QueueDepth), size(s.QueueBytes))}
	}
	return Condition{}
}

// RecoveryCheck watches the gate. It costs atomic loads only: a Live check.
// Replaying is degraded, not unhealthy: the process does what it should.
func RecoveryCheck(g *Gate) Check {
	return func() Condition {
		p := g.Progress()
		switch p.Phase {
		case PhaseStarting:
			return Condition{Degraded, "recovery has not begun"}
		case PhaseReplaying:
			return Condition{Degraded, fmt.Sprintf("replaying the log: %.1f %%", 100*p.Fraction)}
		case PhaseFailed:
			if p.Err != nil {
				return Condition{Unhealthy, "recovery failed: " + p.Err.Error()}
			}
			return Condition{Unhealthy, "recovery failed"}
		}
		return Condition{}
	}
}

// DiskWatch watches the space left in the data directory's file system and keeps
// the last reading, so that nobody else has to ask the file system.
type DiskWatch struct {
	read        func() (free, total uint64, err error)
	free, total atomic.Uint64
}

// NewDiskWatch makes a DiskWatch that asks read, typically vfs.FS.Free of the data
// directory, each time its Check runs.
func NewDiskWatch(read func() (free, total uint64, err error)) *DiskWatch {
	return &DiskWatch{read: read}
}

// Space is the last reading in bytes; zeros before the first Check.
func (d *DiskWatch) Space() (free, total uint64) { return d.free.Load(), d.total.Load() }

// Check reads the space; register it as a background check.
func (d *DiskWatch) Check() Condition {
	free, total, err := d.read()
	if err != nil {
		return Condition{Degraded, "the free space is unknown: " + err.Error()}
	}
	d.free.Store(free)
	d.total.Store(total)
	left := fmt.Sprintf("%s of %s free", size(int64(min(free, math.MaxInt64))), size(int64(min(total, math.MaxInt64))))
	switch {
	case free < uint64(lastDiskBytes):
		return Condition{Unhealthy, left}
	case free < uint64(lowDiskBytes) || float64(free) < lowDiskShare*float64(total):
		return Condition{Degraded, left}
	}
	return Condition{}
}

// MemoryUse reads what the Go runtime holds of the system's memory, and the
// limit it works under (GOMEMLIMIT); a limit of 0 is none.
func MemoryUse() (used, limit uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(samples)
	used = samples[0].Value.Uint64() - samples[1].Value.Uint64()
	if limit = samples[2].Value.Uint64(); limit == math.MaxInt64 {
		limit = 0 // how the runtime says "no limit"
	}
	return used, limit
}

// MemoryCheck watches memory against its limit; use is typically MemoryUse.
func MemoryCheck(use func() (used, limit uint64)) Check {
	return func() Condition {
		used, limit := use()
		if limit > 0 && float64(used) >= lowMemory*float64(limit) {
			return Condition{Degraded, fmt.Sprintf("%s of the memory limit of %s in use", size(int64(used)), size(int64(limit)))}
		}
		return Condition{}
	}
}

// DescriptorsCheck watches the open file descriptors, those of the log, segments
// and connections alike, against the process's limit.
func DescriptorsCheck(count func() (open, limit int64)) Check {
	return func() Condition {
		open, limit := count()
		if float64(open) >= manyDescriptors*float64(limit) {
			return Condition{Degraded, fmt.Sprintf("%d of at most %d file descriptors are open", open, limit)}
		}
		return Condition{}
	}
}

// ConnectionsCheck watches the open connections against the most that
// are allowed; 0 is no limit.
func ConnectionsCheck(count func() (current, most int64)) Check {
	return func() Condition {
		current, most := count()
		if most > 0 && float64(current) >= manyConnections*float64(most) {
			return Condition{Degraded, fmt.Sprintf("%d of at most %d connections are open", current, most)}
		}
		return Condition{}
	}
}

// stuckAfter is how long a router waits before that is for people to know.
const stuckAfter = 10 * time.Second

// RoutersCheck watches for routers that cannot go on. stuck is how many have
// been waiting since before a time (Unix ms). The reason names none of them:
// probes are for everybody to read, and names are not.
func RoutersCheck(now func() time.Time, stuck func(before int64) int) Check {
	return func() Condition {
		if n := stuck(now().Add(-stuckAfter).UnixMilli()); n > 0 {
			return Condition{Degraded, fmt.Sprintf("%d routers have been waiting for more than %v", n, stuckAfter)}
		}
		return Condition{}
	}
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n >= gib:
		return fmt.Sprintf("%.1f GiB", float64(n)/float64(gib))
	case n >= mib:
		return fmt.Sprintf("%.1f MiB", float64(n)/float64(mib))
	case n >= kib:
		return fmt.Sprintf("%.1f KiB", float64(n)/float64(kib))
	}
	return fmt.Sprintf("%d B", n)
}
