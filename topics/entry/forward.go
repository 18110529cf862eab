package entry

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
)

// Forward moves a router's cursor, and puts what the router took from its
// source into the destination: records of other frames, which Runs name, or
// records of its own. A trim puts a lost range there. CursorOnly puts nothing
// there.
type Forward struct {
	Router  uint64
	Cursor  uint64 // the last seq of the source that the router is done with
	ID      uint64 // of the destination; 0 if CursorOnly
	First   uint64 // seq of the first record; 0 if CursorOnly
	TS      int64  // Unix ms, of all records
	Count   int    // of the records
	Runs    []Run
	Records []byte // encoded

	Trim       bool   // the source lost Count records before they were forwarded
	Path       []byte // of a trim: the path of the records that are lost
	CursorOnly bool   // the records went to an ephemeral topic, or there were none
}

// What a forward has instead of runs.
const (
	forwardCopies     = 1 << iota // records
	forwardTrim                   // the path of records that are lost
	forwardCursorOnly             // nothing
)

// Type returns TypeForward.
func (*Forward) Type() Type { return TypeForward }

// Time returns the records' timestamp.
func (e *Forward) Time() (int64, bool) { return e.TS, true }

// Encode appends flags, router, cursor, id, first, ts, count, and the runs or
// the path.
func (e *Forward) Encode(dst []byte) ([]byte, error) {
	var flags byte
	switch {
	case e.Trim:
		flags = forwardTrim
	case e.CursorOnly:
		flags = forwardCursorOnly
	case e.Runs == nil:
		flags = forwardCopies
	}
	dst = append(dst, flags)
	for _, v := range [...]uint64{e.Router, e.Cursor, e.ID, e.First} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = binary.AppendUvarint(binary.AppendVarint(dst, e.TS), uint64(e.Count))
	switch {
	case e.Trim:
		dst = record.AppendBytes(dst, e.Path)
	case e.Runs != nil:
		dst = appendRuns(dst, e.Runs)
	}
	return dst, nil
}

func (e *Forward) decode(d *record.Decoder) {
	flags := d.Byte()
	*e = Forward{Router: d.Uvarint(), Cursor: d.Uvarint(), ID: d.Uvarint(), First: d.Uvarint(), TS: d.Varint()}
	count := d.Uvarint()
	e.Count = int(count)
	e.Trim, e.CursorOnly = flags == forwardTrim, flags == forwardCursorOnly
	if e.Router == 0 || count >= 1<<62 || e.CursorOnly != (e.ID == 0) || !e.CursorOnly && (count == 0 || e.First == 0) {
		d.Fail()
	}
	switch flags {
	case forwardCursorOnly:
	case forwardTrim:
		e.Path = d.Bytes()
	case forwardCopies:
		e.Records = d.TakeAll()
		if count > uint64(len(e.Records)) {
			d.Fail()
		}
	case 0:
		e.Runs = decodeRuns(d, e.Count)
	default:
		d.Fail()
	}
}

func (e *Forward) describe(out *Description) error {
	out.Router, out.Cursor, out.Topic, out.First, out.TS = e.Router, e.Cursor, e.ID, e.First, e.TS
	if e.Trim {
		out.Lost = uint64(e.Count)
	}
	if e.Trim || e.Runs != nil {
		out.Last = e.First + uint64(e.Count) - 1
	}
	for i := range e.Runs {
		out.Runs = append(out.Runs, DescribedRun{uint64(e.Runs[i].At), e.Runs[i].From, e.Runs[i].Count})
	}
	return out.addRecords(e.Records, e.Count)
}

// Batch returns the entry's records. There are none if it is a trim or
// CursorOnly.
func (e *Forward) Batch() Batch {
	if e.Trim || e.CursorOnly {
		return Batch{}
	}
	return Batch{First: e.First, Count: e.Count, Records: e.Records, Runs: e.Runs}
}
