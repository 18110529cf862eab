package client

import "encoding/json"

// Record is one record as the server delivered it. Data, Meta and Raw are
// slices of the answer and keep all of it in memory; clone what must live long.
type Record struct {
	Seq  uint64          `json:"$seq"`
	TS   int64           `json:"$ts"`   // Unix ms
	Node *string         `json:"$node"` // nil if the record has none
	Tag  *string         `json:"$tag"`  // nil if the record has none or tags were not requested
	Data json.RawMessage `json:"data"`  // verbatim; nil if data was not requested
	Meta json.RawMessage `json:"meta"`  // verbatim; nil if the record has none or meta was not requested
	// Group, UniqueKey and Priority are what the write said of a queue's job.
	Group     string `json:"$group"`      // empty if the job has none
	UniqueKey string `json:"$unique_key"` // empty if the job has none
	Priority  int    `json:"$priority"`
	// Preview is the beginning of data that was cut, as text, and DataBytes the size of
	// all of it; see Query.PreviewBytes.
	Preview   string `json:"data_preview"`
	DataBytes int64  `json:"data_bytes"`
	// Raw is the whole record as received.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler. It also sets Raw.
func (r *Record) UnmarshalJSON(b []byte) error {
	s := scanner{b: append([]byte(nil), b...)}
	*r = Record{}
	return r.scan(&s, nil)
}

// scan parses one record. before is the record in front of it, or nil.
func (r *Record) scan(s *scanner, before *Record) error {
	s.space()
	start := s.at
	var node *string
	if before != nil {
		node = before.Node
	}
	err := s.object(func(name []byte) error { return r.field(s, name, node) })
	if err == nil && r.Seq == 0 {
		return errJSON
	}
	r.Raw = s.b[start:s.at:s.at]
	return err
}

// field parses the value of one field, or skips it if its name is unknown. node
// is that of the record in front of it, or nil.
func (r *Record) field(s *scanner, name []byte, node *string) (err error) {
	switch string(name) {
	case "$seq":
		return s.uint(&r.Seq)
	case "$ts":
		return s.int(&r.TS)
	case "$node":
		r.Node, err = s.text(node)
	case "$tag":
		r.Tag, err = s.text(nil)
	case "$group":
		return s.string(&r.Group)
	case "$unique_key":
		return s.string(&r.UniqueKey)
	case "$priority":
		var n int64
		err = s.int(&n)
		r.Priority = int(n)
	case "data_preview":
		return s.string(&r.Preview)
	case "data_bytes":
		return s.int(&r.DataBytes)
	case "data":
		r.Data, err = s.value()
	case "meta":
		r.Meta, err = s.value()
	default:
		return s.skip()
	}
	return err
}

// scanRecords parses an array of records.
func scanRecords(s *scanner) (records []Record, err error) {
	err = s.array(func() error {
		records = append(records, Record{})
		n := len(records) - 1
		if n == 0 {
			return records[0].scan(s, nil)
		}
		return records[n].scan(s, &records[n-1])
	})
	return records, err
}
