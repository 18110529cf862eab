package store

import (
	"fmt"

	"github.com/e6e95bb8/topics/recovery/health"
)

// CheckpointsCheck is the health of the background: degraded while its last
// attempt failed. The log is not truncated then, and space is not freed.
func (st *Store) CheckpointsCheck() health.Condition {
	if s := st.counters.stats(st.opts.Now()); s.LastError != "" {
		return health.Condition{Status: health.Degraded, Reason: s.LastError}
	}
	return health.Condition{}
}

// ReserveCheck is the health of the reserves: degraded while some of them are
// missing. The next start on a full disk may fail then.
func (st *Store) ReserveCheck() health.Condition {
	if err := st.current.reserve.Missing(); err != nil {
		return health.Condition{Status: health.Degraded, Reason: fmt.Sprintf(
			"the space kept for the manifest on a full disk is not there (%v); free some space before the next restart", err)}
	}
	return health.Condition{}
}

// ArchiveCheck is the health of the archive: degraded while finished log files
// cannot be copied there, and unhealthy once so many wait that writers have to
// wait, too. They stay in the log until they are copied.
func (st *Store) ArchiveCheck() health.Condition {
	a := &st.archive
	b := a.backlog()
	since, err := a.remote.outage()
	if err == nil || b.Files == 0 {
		return health.Condition{}
	}
	c := health.Condition{Status: health.Degraded}
	limit := "of any number that may wait"
	if a.maxWaiting > 0 {
		limit = "of " + health.Size(a.maxWaiting) + " that may wait"
	}
	c.Reason = fmt.Sprintf("log files stay because they cannot be archived since %s: %v (%d files, %s %s)",
		rfc3339(since), err, b.Files, health.Size(b.Bytes), limit)
	if limit := a.limit(st.opts.WAL.FileBytes); limit > 0 && st.Log.Tail() >= limit {
		c.Status = health.Unhealthy
		c.Reason += "; writes wait for it"
	}
	return c
}

// ColdCheck is the health of the cold directory: degraded while segments cannot
// be moved there, compacted or removed. The data directory keeps them.
func (st *Store) ColdCheck() health.Condition {
	if st.cold.dir == "" {
		return health.Condition{}
	}
	since, err := st.cold.remote.outage()
	if err == nil {
		return health.Condition{}
	}
	var bytes int64
	waiting := st.toOffload()
	for _, s := range waiting {
		bytes += s.DataBytes()
	}
	return health.Condition{Status: health.Degraded, Reason: fmt.Sprintf("the cold directory is not available since %s: %v (%d segments, %s, wait to be moved there)",
		rfc3339(since), err, len(waiting), health.Size(bytes))}
}

// DamageSeen is the damage to stored data that was found since the start.
type DamageSeen struct {
	Scrub *Scrub // the last one that was finished; nil if there was none
	Pages uint64 // of segments that could not be read while counting
	Read  string // the error of the last read that met damage; empty if none did
}

// DamageSeen returns the damage found so far.
func (st *Store) DamageSeen() DamageSeen {
	return DamageSeen{Scrub: st.LastScrub(), Pages: st.Registry.Totals().DamagedPages, Read: st.Registry.LastDamage()}
}

// SegmentsCheck returns the check for damage to stored data. Once found, damage
// is reported until the process ends: it takes a repair, and a repair takes the
// directory.
func SegmentsCheck(seen func() DamageSeen) health.Check {
	return func() health.Condition {
		s := seen()
		switch {
		case s.Scrub != nil && s.Scrub.DamagesTotal > 0:
			d := s.Scrub.Damages[0]
			return health.Condition{Status: health.Unhealthy, Reason: fmt.Sprintf("%s is damaged at offset %d: %s (%s found)",
				d.File, d.Offset, d.Cause, places(s.Scrub.DamagesTotal))}
		case s.Read != "":
			return health.Condition{Status: health.Unhealthy, Reason: "a read met damage: " + s.Read}
		case s.Pages > 0:
			return health.Condition{Status: health.Unhealthy, Reason: fmt.Sprintf("%d damaged index pages of segments were met while counting", s.Pages)}
		}
		return health.Condition{}
	}
}

func places(n int) string {
	if n == 1 {
		return "1 damaged place"
	}
	return fmt.Sprintf("%d damaged places", n)
}
