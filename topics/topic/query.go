package topic

import (
	"time"

	"github.com/e6e95bb8/topics/topics/record"
)

// Query is one read.
type Query struct {
	From     uint64        // records with Seq > From
	Limit    int           // most records; the caller clamps; > 0
	MaxBytes int           // payload byte budget; at least one record always comes; > 0
	Wait     time.Duration // of a long poll, or 0 to answer at once
	Nodes    []string      // leave out records whose node is one of these
	Match    *record.Match // only records whose tag matches
	Synced   bool          // only records that are synced to disk; waits for the sync
	FromTS   *int64        // records from this timestamp on, in the place of From
	Behind   bool          // do not first catch up with what routers have to bring

	// Untouched makes it no read of the topic: it moves neither the topic's
	// priority nor its rate.
	Untouched bool
}

func (q *Query) filters() bool { return q.Match != nil || len(q.Nodes) > 0 }

// Batch answers a Query. The records' slices are shared and immutable.
type Batch struct {
	Records   []record.Record
	From      uint64 // of the query, or where its FromTS is
	NextFrom  uint64 // last seq examined
	Head      uint64
	Earliest  uint64
	Tombstone *Tombstone
	Mark      Mark // see Fresh
	// Topic is the id of the topic: one that was deleted and created again has
	// another id.
	Topic uint64
	Cost  Cost
}

// Tombstone is a range of seqs that a reader will never get, and the reason.
type Tombstone struct {
	GapFrom  uint64 // inclusive
	GapTo    uint64 // inclusive
	Reason   string // cap, ttl, mixed, recreated, crash, corrupt
	Missed   uint64 // at most this many records were in the gap
	AtLeast  uint64 // at least this many of its seqs are known to have been given out
	Earliest uint64
	Head     uint64
}
