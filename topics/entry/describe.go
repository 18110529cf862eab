package entry

import (
	"encoding/json"

	"github.com/e6e95bb8/topics/topics/record"
)

// Description is an entry as people read it. What does not count for its type
// is zero. Byte slices alias the frame.
type Description struct {
	Type       string       // the name of the entry
	Topic      uint64       // its id, or 0 for watermarks, which are of many
	Name       string       // of the topic that the entry makes; of a router
	TS         int64        // Unix ms
	First      uint64       // append, lost: the first seq
	Last       uint64       // append, lost: the last; config: the head; delete: the last that may go; reserve: the last given out
	Ceiling    uint64       // seqs up to here are reserved
	Key        string       // idempotency key
	Deduped    []DedupedRun // append: the records of the write that are not in it
	Reason     string       // lost
	Match      string       // delete: the predicate; a prefix ends in *
	Config     *record.Config
	Watermarks []Watermark
	Records    []record.Record
	// Of routers: router, unroute, forward.
	Router uint64          // its id
	Source uint64          // router: the topic's id; Topic is the destination's
	Cursor uint64          // the last seq of the source that is done with
	Spec   json.RawMessage // router
	Made   []NamedTopic    // router: the topics that came with it
	Runs   []DescribedRun  // forward: where the records are, if they are not in Records
	Lost   uint64          // forward: so many records were lost before they could be forwarded
	// Of jobs: jobs, settle.
	Change string        // what was done to them; empty if they are no queue's
	Node   string        // a claim's
	Seqs   []uint64      // of the jobs, or of the records that went
	Parts  []Description // settle: what was appended to other topics
}

// NamedTopic is a topic's id and its name.
type NamedTopic struct {
	Topic uint64 `json:"topic_id"`
	Name  string `json:"topic"`
}

// DescribedRun is a stretch of records of another frame.
type DescribedRun struct {
	LSN   uint64 `json:"lsn"`
	From  int    `json:"from"` // the first of them
	Count int    `json:"count"`
}

// Describe decodes a frame for people.
func Describe(typ byte, payload []byte) (Description, error) {
	e, err := Decode(typ, payload)
	if err != nil {
		return Description{}, err
	}
	out := Description{Type: e.Type().String()}
	err = e.describe(&out)
	if err != nil {
		return Description{}, err
	}
	return out, nil
}

// addRecords adds the encoded records, of which there are to be count. First and
// TS are set.
func (out *Description) addRecords(p []byte, count int) error {
	if len(p) == 0 {
		return nil
	}
	for i := range count {
		r, rest, err := record.NextRecord(p)
		if err != nil {
			return err
		}
		r.Seq, r.TS = out.First+uint64(i), out.TS
		out.Records = append(out.Records, r)
		out.Last = r.Seq
		p = rest
	}
	return nil
}
