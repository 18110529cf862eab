package bench

import "fmt"

const (
	// overCache is what a loaded server may take beyond its cache, in bytes.
	overCache = 200e6
	// readyMost and cleanMost are the longest starts in milliseconds: after a
	// kill beyond the replay of the log, and after an orderly stop.
	readyMost, cleanMost = 2000, 1000
)

// storageAims holds what was measured of data at rest and of the work on it
// against the aims.
func (r *Report) storageAims() []Aim {
	aims := replayAims(r.Replay)
	for _, p := range r.Recovery {
		what := fmt.Sprintf("%d records in %d topics", p.Records, p.Topics)
		aims = append(aims,
			atMost("ready after a kill but for the replay, "+what, readyMost, p.ReadyMS-p.ReplayMS, " ms"),
			atMost("ready after a stop, "+what, cleanMost, p.CleanMS, " ms"),
			atMost("resident memory beyond the cache, "+what, overCache/1e6, float64(p.ResidentBytes-p.CacheBytes)/1e6, " MB"))
	}
	for i, c := range r.Checkpoint {
		if i%2 == 1 {
			aims = append(aims, atMost("p99 of lone disk writes while "+c.While+" over quiet", 2, c.Ratio, "x"))
		}
	}
	if len(r.History) == 2 {
		aims = append(aims, atLeast(fmt.Sprintf("history of one of %d topics written in turn over alone", r.History[0].Topics),
			0.5, r.History[0].Records/r.History[1].Records, "x"))
	}
	if r.Debian != nil {
		aims = append(aims, atMost("segments of a package index over its JSON", 0.3, r.Debian.Ratio, "x"))
	}
	return aims
}
