package topic

import (
	"sync/atomic"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Commit is a change that has its place in the log and in its topic, on its
// way to being published.
type Commit struct {
	Topic     *Topic
	Class     record.Class
	settled   atomic.Bool // published, or failed and out of the line
	Span      wal.Span    // its frame; zero for ephemeral records
	Synced    wal.LSN     // the log must be synced to here, whatever the class
	Operation Operation   // what apply will do; records are not kept
	Sizes     []uint32
	Tags      []byte // packed
	Bytes     int64
	Body      []byte // ephemeral records
	key       string
	Came      clock.Moment
	count     *atomic.Int64   // that it is counted in; see applying
	Jobs      []queue.Written // of the records, at a queue: those that say something of their job

	err  error         // the log failed first; set before settled
	done chan struct{} // closed when settled; nil if no goroutine waits
}

// CommitOf is a commit and its entry in one allocation.
type CommitOf[E any] struct {
	Commit
	Entry E
}

// satisfied reports whether the commit's own condition holds; earlier commits of
// the topic may still stand before it.
func (c *Commit) satisfied(log *wal.Log) bool {
	if c.Synced > 0 && log.Synced() < c.Synced {
		return false
	}
	switch c.Class {
	case record.Fsync:
		return log.Synced() >= c.Span.End
	case record.Disk:
		return log.Written() >= c.Span.End
	}
	return true
}

// CreateCommit returns the commit that makes t, which has its first config and
// its reservation.
func CreateCommit(t *Topic, ts int64) *CommitOf[entry.Create] {
	c := &CommitOf[entry.Create]{
		Commit: Commit{Topic: t, Class: record.Fsync},
		Entry: entry.Create{ID: t.ID, TS: ts, Creation: entry.Creation{
			Name: t.Name, Setting: entry.Setting{Config: t.Next, Ceiling: t.Reserve.Ceiling},
		}},
	}
	c.Operation = CreateOp{Create: &c.Entry}
	return c
}
