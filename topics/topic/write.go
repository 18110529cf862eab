package topic

import (
	"time"

	"github.com/e6e95bb8/topics/topics/record"
)

// Write is one append request: all of its records or none.
type Write struct {
	Records []record.Record
	// IdempotencyKey, when not empty, makes a repeat inside the topic's
	// window answer the first one's seqs.
	IdempotencyKey string
	// Create, when not nil, overrides the topic's auto-create for this write.
	Create *bool
	// Config applies only when this write creates the topic.
	Config *record.ConfigPatch
	// ExpectedHead, when set, must be the topic's head.
	ExpectedHead *uint64
	// DisableBackpressure waits for the log's queue instead of being throttled.
	DisableBackpressure bool
}

// Written answers a Write. Seqs are dense: First..Last.
type Written struct {
	First, Last uint64
	Head        uint64
	Count       int
	Created     bool        // this write made the topic
	Deduped     bool        // the idempotency key was known; nothing was appended
	Unique      *UniqueSeqs // of a write to a queue in which a record has a unique key; nil for others
	Cost        Cost
}

// UniqueSeqs answers a write in which records have unique keys. The First, Last and
// Count of its Written are of the records that were appended.
type UniqueSeqs struct {
	Seqs    []uint64 // of each record, in order
	Deduped []uint64 // of those that were not appended, because a job with their key is live
}

// Cost is what a request spent where; it becomes the performance block.
type Cost struct {
	Append   time.Duration // from submission to the class's condition, sync excluded
	Sync     time.Duration // waiting for the group's sync (fsync class only)
	Throttle time.Duration // waiting for the bounded queue
	Scanned  int           // records examined
	Cold     int           // segments of the cold tier read
}
