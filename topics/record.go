package topics

import "time"

// Record is one record as the log keeps it: payloads are the client's bytes,
// never parsed for meaning. A nil Tag, Node or Meta is absent. Whoever hands a
// Record over keeps its slices unchanged; the receiver never writes to them.
type Record struct {
	Seq  uint64 // assigned by the topic; ignored on a write
	TS   int64  // Unix ms, assigned by the topic; ignored on a write
	Data []byte // a JSON value, verbatim
	Meta []byte // a JSON object, verbatim
	Tag  []byte // decoded UTF-8
	Node []byte // decoded UTF-8

	path []byte // where it was before; nil: it was written here
}

// Write is one append request: all of its records or none.
type Write struct {
	Records []Record
	// IdempotencyKey, when not empty, makes a repeat inside the topic's
	// window answer the first one's seqs.
	IdempotencyKey string
	// Create overrides the topic's auto-create for this write; nil: allowed.
	Create *bool
	// Config applies only when this write creates the topic.
	Config *ConfigPatch
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
	Created     bool // this write made the topic
	Deduped     bool // the idempotency key was known; nothing was appended
	Cost        Cost
}

// Cost is what a request spent where; it becomes the performance block.
type Cost struct {
	Append   time.Duration // from submission to the class's condition, sync excluded
	Sync     time.Duration // waiting for the group's sync (fsync class only)
	Throttle time.Duration // waiting for the bounded queue
	Scanned  int           // records examined
	Cold     int           // segments of the cold tier read
}

// Query is one read.
type Query struct {
	From     uint64        // records with Seq > From
	Limit    int           // most records; the caller clamps; > 0
	MaxBytes int           // payload byte budget; at least one record always comes; > 0
	Wait     time.Duration // long poll; 0: answer at once
	Nodes    []string      // leave out records whose node is one of these
	Match    *Match        // only records whose tag matches
	Synced   bool          // only records that are synced to disk; waits for the sync
	Behind   bool          // do not first catch up with what routers have to bring
}

func (q *Query) filters() bool { return q.Match != nil || len(q.Nodes) > 0 }

// Batch answers a Query. The records' slices are shared and immutable.
type Batch struct {
	Records   []Record
	NextFrom  uint64 // last seq examined
	Head      uint64
	Earliest  uint64
	Tombstone *Tombstone
	Mark      Mark // see Fresh
	// Topic says which topic of the name it is of: one that was deleted and made
	// again is another one.
	Topic uint64
	Cost  Cost
}

// Tombstone says which seqs a reader will never get, and why.
type Tombstone struct {
	GapFrom  uint64 // inclusive
	GapTo    uint64 // inclusive
	Reason   string // cap, ttl, mixed, recreated, crash, corrupt
	Missed   uint64 // at most this many records were in the gap
	AtLeast  uint64 // so many of its seqs are known to have been given out; 0: it is not known of any
	Earliest uint64
	Head     uint64
}

// State is a topic at one moment.
type State struct {
	Name              string
	Config            Config
	Head              uint64 // 0: never written
	Earliest          uint64 // first live seq; Head+1 when there is none
	Count             int64  // live records
	Bytes             int64  // live payload bytes
	EffectivePriority int64
	LastWrite         int64 // Unix ms, 0: never
	LastRead          int64 // Unix ms, 0: never
}
