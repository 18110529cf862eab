package client

// Event is what happens to the topics that are followed or watched: Records,
// Tombstone, CaughtUp or TopicDeleted, and nothing else. A switch over its
// type is meant to name all four.
type Event interface {
	// TopicName is the topic that it happens to.
	TopicName() string
	event() // only this package has events
}

// Records are the next records of a topic: at least one, in order, each of
// them yielded once.
type Records struct {
	Topic   string
	Records []Record
	// To is the last seq examined: filtered and deleted records move it beyond
	// the last of Records. To begin again there is to miss nothing.
	To   uint64
	Head uint64 // of the topic
}

// CaughtUp says that everything that was there has been yielded. It comes each
// time that the end is reached, and once more after a stream was taken up
// again.
type CaughtUp struct {
	Topic string `json:"topic"`
	Head  uint64 `json:"head_seq"`
}

// TopicDeleted says that a topic is gone. If it is made again, its records
// follow, from seq 1 on.
type TopicDeleted struct {
	Topic  string `json:"topic"`
	Head   uint64 `json:"head_seq"` // what it was
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
