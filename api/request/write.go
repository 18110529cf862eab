package request

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// MaxKeyBytes is the longest idempotency key.
const MaxKeyBytes = 256

// jsonNull is the data of a record that was sent without data.
var jsonNull = []byte("null")

// WriteRequest is a write as a client sends it.
type WriteRequest struct {
	topic.Write
	jobs []jobValue // what its records say of jobs, until it is known whether they have any
}

// DecodeWrite decodes the body of a write. The records are stored in the array of
// records and alias the body.
//
// Null for an optional field is the same as leaving it out. An empty tag or node
// is no tag or node: a record with "node":"" does not get the default node of the
// body.
func DecodeWrite(body []byte, l *wire.Limits, records []record.Record, notes *wire.Notices) (*WriteRequest, error) {
	w := new(WriteRequest)
	w.Records = records
	err := w.DecodeBeside(body, l, notes, Beside{Known: WriteFields, Read: func(f *wire.Fields) { f.Unknown(WriteFields) }})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// The fields of a write, and of one of its records.
var (
	WriteFields  = []string{"records", "node", "idempotency_key", "create", "config", "expected_head_seq", "disable_backpressure"}
	recordFields = []string{"data", "meta", "tag", "node"}
	allFields    = slices.Concat(recordFields, jobFields) // of a record of a queue
)

// Beside is the fields of an object that has a write and more.
type Beside struct {
	Known []string // the names of all its fields, the write's included
	// Read reads or skips the value of a field that is not a write's.
	Read func(f *wire.Fields)
}

// DecodeBeside decodes a body that has more than a write into w, which has nothing
// but the array for the records.
func (w *WriteRequest) DecodeBeside(body []byte, l *wire.Limits, notes *wire.Notices, other Beside) error {
	if len(body) == 0 {
		return wire.Invalid("a write needs a body")
	}
	w.Records = w.Records[:0]
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	ReadWrite(&f, w, l, other)
	if err := f.Finish(); err != nil {
		return err
	}
	if len(w.Records) == 0 {
		return wire.InvalidField("records", "at least one record is needed")
	}
	return nil
}

// ReadWrite reads the fields of a write in an object already entered.
func ReadWrite(f *wire.Fields, w *WriteRequest, l *wire.Limits, other Beside) {
	var node []byte
	for f.NextField() {
		if f.Absent(other.Known) { // "records" then counts as missing
			continue
		}
		switch string(f.Name()) {
		case "records":
			readRecords(f, w, l)
		case "node":
			node = f.ReadText("node", l.MaxNodeBytes)
		case "idempotency_key":
			w.IdempotencyKey = string(f.ReadText("idempotency_key", MaxKeyBytes))
		case "create":
			w.Create = new(f.ReadBool("create"))
		case "config":
			w.Config = new(record.ConfigPatch)
			f.Enter("config")
			scope := f.EnterScope("config.")
			readConfig(f, w.Config)
			f.SetScope(scope)
		case "expected_head_seq":
			w.ExpectedHead = new(f.ReadUint("expected_head_seq"))
		case "disable_backpressure":
			w.DisableBackpressure = f.ReadBool("disable_backpressure")
		default:
			other.Read(f)
		}
	}
	normalize(w.Records, node)
}

// readRecords reads the array of records.
func readRecords(f *wire.Fields, w *WriteRequest, l *wire.Limits) {
	w.Records, w.jobs = w.Records[:0], w.jobs[:0]
	f.Array()
	if !f.Check("records") {
		return
	}
	for f.NextElement() {
		if len(w.Records) == l.MaxBatchRecords {
			f.Fail(wire.TooLarge("batch_too_large",
				fmt.Sprintf("a write takes at most %d records", l.MaxBatchRecords),
				map[string]any{"max": l.MaxBatchRecords}))
			break
		}
		n := len(w.Records)
		f.SetRecord(n)
		w.Records = append(w.Records, record.Record{})
		readRecord(f, w, n, l)
	}
	f.SetRecord(-1)
}

// readRecord reads one record. Its node stays nil if none was sent and is
// empty if an empty one was.
func readRecord(f *wire.Fields, w *WriteRequest, index int, l *wire.Limits) {
	r := &w.Records[index]
	f.Enter("")
	for f.NextField() {
		switch name := f.Name(); {
		case string(name) == "data":
			r.Data, _ = f.Raw()
		case slices.Contains(jobFields, string(name)):
			field := slices.Index(jobFields, string(name))
			doc, at := f.Located()
			w.jobs = append(w.jobs, jobValue{index, field, doc, at})
		case f.Absent(allFields):
		case string(name) == "meta":
			r.Meta = readMeta(f, l)
		case string(name) == "tag":
			r.Tag = f.ReadText("tag", l.MaxTagBytes)
		case string(name) == "node":
			r.Node = f.ReadText("node", l.MaxNodeBytes)
		default:
			f.Unknown(allFields)
		}
	}
	if r.Data == nil && f.Failure() == nil {
		f.Note("data", f.Where("")+" has no data: null is stored")
	}
	if n := len(r.Data) + len(r.Meta); n > l.MaxRecordBytes {
		f.Fail(wire.TooLarge("record_too_large",
			fmt.Sprintf("%s has %d bytes of data and meta; at most %d are allowed", f.Where(""), n, l.MaxRecordBytes),
			map[string]any{"record": index, "bytes": n, "max": l.MaxRecordBytes}))
	}
}

// readMeta reads a record's meta: a small object.
func readMeta(f *wire.Fields, l *wire.Limits) []byte {
	raw, members := f.RawObject()
	switch {
	case !f.Check("meta"):
	case len(raw) > l.MaxMetaBytes:
		f.Refuse("meta", "has %d bytes; at most %d are allowed", len(raw), l.MaxMetaBytes)
	case members > l.MaxMetaKeys:
		f.Refuse("meta", "has %d keys; at most %d are allowed", members, l.MaxMetaKeys)
	}
	return raw
}

// normalize sets the data and the node of records sent without, and removes empty
// tags and nodes.
func normalize(records []record.Record, node []byte) {
	for i := range records {
		r := &records[i]
		if r.Data == nil {
			r.Data = jsonNull
		}
		if r.Node == nil {
			r.Node = node
		}
		if len(r.Node) == 0 {
			r.Node = nil
		}
		if len(r.Tag) == 0 {
			r.Tag = nil
		}
	}
}
