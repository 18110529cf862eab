package health

import (
	"fmt"
	"math"
	"runtime/metrics"
	"time"
)

// Thresholds are where the checks draw their lines.
type Thresholds struct {
	SyncDegraded, SyncUnhealthy time.Duration // a write or sync of the log takes longer
	DiskDegraded, DiskUnhealthy int64         // bytes free: fewer are
	// Percent: fewer of the disk's size are free, more of the others are in use.
	DiskPercent, MemoryPercent, DescriptorsPercent, ConnectionsPercent int
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
			return Condition{Degraded, fmt.Sprintf("%s of the memory limit of %s in use", Size(int64(used)), Size(int64(limit)))}
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

// RoutersCheck watches for routers that cannot go on. stuck is how many have
// been waiting since before a time (Unix ms). The reason names none of them:
// probes are for everybody to read, and names are not.
func RoutersCheck(now func() time.Time, stuck func(before int64) int) Check {
	return func() Condition {
		if n := stuck(now().Add(-StuckAfter).UnixMilli()); n > 0 {
			return Condition{Degraded, fmt.Sprintf("%d routers have been waiting for more than %v", n, StuckAfter)}
		}
		return Condition{}
	}
}
