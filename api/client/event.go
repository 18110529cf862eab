package client

// Event is something that happened to a topic that is followed or watched. Its
// type is Records, Tombstone, CaughtUp or TopicDeleted; a type switch should
// handle all four.
type Event interface {
	// TopicName returns the name of the topic.
	TopicName() string
	event() // implemented only in this package
}

// Records are the next records of a topic: at least one, in order of seq. Each
// record is yielded once.
type Records struct {
	Topic   string
	Records []Record
	// To is the last seq examined. It lies above the last of Records if filtered
	// or deleted records follow it. Reading on from To skips nothing.
	To   uint64
	Head uint64 // head of the topic when Records were read
}

// CaughtUp reports that all records up to Head have been yielded. It is yielded
// each time the end is reached, and again after a stream was resumed.
type CaughtUp struct {
	Topic string `json:"topic"`
	Head  uint64 `json:"head_seq"`
}

// TopicDeleted reports that a topic was deleted. If it is created again, its
// records follow, starting with seq 1.
type TopicDeleted struct {
	Topic  string `json:"topic"`
	Head   uint64 `json:"head_seq"` // before it was deleted
	Reason string `json:"reason"`
}

// TopicName implements Event.
func (e Records) TopicName() string { return e.Topic }

// TopicName implements Event.
func (e Tombstone) TopicName() string { return e.Topic }

// TopicName implements Event.
func (e CaughtUp) TopicName() string { return e.Topic }

// TopicName implements Event.
func (e TopicDeleted) TopicName() string { return e.Topic }

func (Records) event()      {}
func (Tombstone) event()    {}
func (CaughtUp) event()     {}
func (TopicDeleted) event() {}
