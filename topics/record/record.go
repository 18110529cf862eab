package record

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

	Path []byte // the topics that it has passed, or nil if it was written here
	Job  []byte // an encoded Job; nil if the record's write said nothing of one
}
