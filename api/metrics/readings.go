package metrics

import (
	"math"
	"time"

	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Readings are the values that the metrics read from others, taken once for one
// rendering.
type Readings struct {
	Version             string
	Ready               bool
	Progress            health.Progress
	Checks              []health.Finding
	Uptime              time.Duration
	Recovered           *Recovered // nil before there is a recovery to report
	Totals              topic.Totals
	Pressure            float64
	Log                 wal.Stats
	Storage             StorageStats
	DiskFree, DiskTotal uint64  // 0 if the disk is not watched
	LastBackup          float64 // when the last good backup ended, in Unix seconds; 0 if there was none
	LastVerified        float64 // when a backup was last reported as verified, in Unix seconds; 0 if none was
	Streams, Sockets    int64
	Sessions            int64
	Conns               conns.Stats
	Looped              int // connections that are served in loops

	// Topics and Routers have series of their own: the busiest topics and the
	// first routers that the caller may see.
	Topics          []topics.TopicGauge
	TopicsTruncated bool
	Routers         []router.State
}

// Unsynced returns how many bytes the log has written that are not durable yet.
func (r *Readings) Unsynced() uint64 { return r.Log.Written - min(r.Log.Synced, r.Log.Written) }

// MaxConnections returns how many connections there may be, or 0 if there is no
// bound.
func (r *Readings) MaxConnections() int {
	if r.Conns.Bound == math.MaxInt {
		return 0
	}
	return r.Conns.Bound
}
