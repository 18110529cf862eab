package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
)

const (
	kib = int64(1) << 10
	mib = kib << 10
	gib = mib << 10
)

// Thresholds are where the checks draw their lines.
type Thresholds struct {
	SyncDegraded, SyncUnhealthy time.Duration // a write or sync of the log takes longer
	DiskDegraded, DiskUnhealthy int64         // bytes free: fewer are
	// Percent: fewer of the disk's size are free, more of the others are in use.
	DiskPercent, MemoryPercent, DescriptorsPercent, ConnectionsPercent int
}

// queueNearlyFull is the share of the log queue's bytes that is degraded.
const queueNearlyFull = 0.80

// LogState is the little of the log's statistics that health needs.
type LogState struct {
	ReadOnly         bool          // a write or a sync failed
	Err              error         // why it is read-only
	Full             bool          // the disk is full
	PrepareErr       error         // why the next file could not be made
	LastSync         time.Duration // how long the last sync took
	Writing, Syncing time.Duration // for how long one has been under way; 0: none is
	Waiting          int           // writers that wait for a write or a sync
	Blocked          int           // writers that wait for room
	QueueDepth       int64         // bytes waiting to be written
	QueueBytes       int64         // the most that may wait
	Written, Synced  uint64        // log positions
}

// LogWatch watches the log and keeps what it saw last, so that a probe need
// not touch the log.
type LogWatch struct {
	read    func() LogState
	lines   Thresholds
	seen    atomic.Pointer[LogState]
	applied atomic.Uint64
}

// NewLogWatch makes a LogWatch that asks read each time its Check runs.
func NewLogWatch(read func() LogState, lines Thresholds) *LogWatch {
	w := &LogWatch{read: read, lines: lines}
	w.seen.Store(&LogState{})
	return w
}

// Last is the last reading; zero before the first Check.
func (w *LogWatch) Last() LogState { return *w.seen.Load() }

// Applied is a position below which everything is durable and in the indexes:
// what was synced a reading ago, or is synced while no writer waits. Whoever
// waited for it has been served since.
func (w *LogWatch) Applied() uint64 { return w.applied.Load() }

// Check reads the log's state; register it as a background check.
func (w *LogWatch) Check() Condition {
	s := w.read()
	applied := w.Last().Synced
	if s.Waiting == 0 || applied == 0 {
		applied = s.Synced
	}
	w.applied.Store(applied)
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
		return Condition{Degraded, fmt.Sprintf("the log's queue is nearly full: %s of %s wait", size(s.QueueDepth), size(s.QueueBytes))}
	}
	return Condition{}
}

// LogMoves proves that the log serves whoever waits for it.
func LogMoves(read func() LogState) Proof {
	var last LogState
	return func() bool {
		s := read()
		moves := s.Waiting == 0 || s.ReadOnly || s.Written != last.Written || s.Synced != last.Synced
		last = s
		return moves
	}
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
// the last reading, so that others need not ask the file system.
type DiskWatch struct {
	read        func() (free, total uint64, err error)
	lines       Thresholds
	free, total atomic.Uint64
}

// NewDiskWatch makes a DiskWatch that asks read, typically vfs.FS.Free of the data
// directory, each time its Check runs.
func NewDiskWatch(read func() (free, total uint64, err error), lines Thresholds) *DiskWatch {
	return &DiskWatch{read: read, lines: lines}
}

// Space is the last reading in bytes; zeros before the first Check.
func (d *DiskWatch) Space() (free, total uint64) { return d.free.Load(), d.total.Load() }

// Check reads the space; register it as a background check.
func (d *DiskWatch) Check() Condition {
	free, total, err := d.read()
	if err != nil {
		return Condition{Degraded, "the free space is unknown: " + cause(err)}
	}
	d.free.Store(free)
	d.total.Store(total)
	left := space(free, total)
	switch {
	case free < uint64(d.lines.DiskUnhealthy):
		return Condition{Unhealthy, left}
	case free < uint64(d.lines.DiskDegraded) || float64(free)*100 < float64(d.lines.DiskPercent)*float64(total):
		return Condition{Degraded, left}
	}
	return Condition{}
}

func space(free, total uint64) string {
	return fmt.Sprintf("%s of %s free", size(int64(min(free, math.MaxInt64))), size(int64(min(total, math.MaxInt64))))
}

// DirectoryCheck looks whether a directory can be opened and read.
func DirectoryCheck(fsys vfs.FS, dir string) Check {
	return func() Condition {
		if err := vfs.Peek(fsys, dir); err != nil {
			return Condition{Degraded, "it cannot be read: " + cause(err)}
		}
		return Condition{}
	}
}

// StoreCheck is DirectoryCheck for a directory on a file system of its own,
// which must have space, too.
func StoreCheck(fsys vfs.FS, dir string, lines Thresholds) Check {
	look := DirectoryCheck(fsys, dir)
	return func() Condition {
		free, total, err := fsys.Free(dir)
		if err != nil {
			return Condition{Degraded, "the free space is unknown: " + cause(err)}
		}
		if c := look(); c.Status != Healthy {
			return c
		}
		if free < uint64(lines.DiskUnhealthy) {
			return Condition{Degraded, space(free, total)}
		}
		return Condition{}
	}
}

// cause is an error without the path it is about, which probes keep to
// themselves.
func cause(err error) string {
	if path := new(fs.PathError); errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
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
func MemoryCheck(use func() (used, limit uint64), lines Thresholds) Check {
	return func() Condition {
		used, limit := use()
		if limit > 0 && reaches(used, lines.MemoryPercent, limit) {
			return Condition{Degraded, fmt.Sprintf("%s of the memory limit of %s in use", size(int64(used)), size(int64(limit)))}
		}
		return Condition{}
	}
}

// reaches reports whether used is so many percent of limit, or more.
func reaches(used uint64, percent int, limit uint64) bool {
	return float64(used)*100 >= float64(percent)*float64(limit)
}

// DescriptorsCheck watches the open file descriptors, those of the log, segments
// and connections alike, against the process's limit.
func DescriptorsCheck(count func() (open, limit int64), lines Thresholds) Check {
	return func() Condition {
		open, limit := count()
		if reaches(uint64(open), lines.DescriptorsPercent, uint64(limit)) {
			return Condition{Degraded, fmt.Sprintf("%d of at most %d file descriptors are open", open, limit)}
		}
		return Condition{}
	}
}

// ConnectionsCheck watches the open connections against the most that there may
// be; 0 is no limit.
func ConnectionsCheck(count func() (current, most int64), lines Thresholds) Check {
	return func() Condition {
		current, most := count()
		if most > 0 && reaches(uint64(current), lines.ConnectionsPercent, uint64(most)) {
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
