package topics

import (
	"sync/atomic"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// commit is a change that has its place in the log and in its topic, on its
// way to being published.
type commit struct {
	topic  *topic
	class  record.Class
	span   wal.Span       // its frame; zero for ephemeral records
	synced wal.LSN        // the log must be synced to here, whatever the class
	op     topicOperation // what apply will do; records are not kept
	sizes  []uint32
	tags   []byte // packed
	bytes  int64
	body   []byte // ephemeral records
	key    string
	came   clock.Moment
	count  *atomic.Int64   // that it is counted in; see applying
	jobs   []queue.Written // of the records, at a queue: those that say something of their job

	err     error         // the log failed first; set before settled
	settled atomic.Bool   // published, or failed and out of the line
	done    chan struct{} // closed when settled; nil if no goroutine waits
}

// commitOf is a commit and its entry in one allocation.
type commitOf[E any] struct {
	commit
	entry E
}

// satisfied reports whether the commit's own condition holds; earlier commits of
// the topic may still stand before it.
func (c *commit) satisfied(log *wal.Log) bool {
	if c.synced > 0 && log.Synced() < c.synced {
		return false
	}
	switch c.class {
	case record.Fsync:
		return log.Synced() >= c.span.End
	case record.Disk:
		return log.Written() >= c.span.End
	}
	return true
}
