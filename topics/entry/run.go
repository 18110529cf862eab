package entry

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Run is a stretch of records of one frame of the log: what a forward has
// instead of the records.
type Run struct {
	At    wal.LSN // of the frame, which has the records' bytes itself
	From  int     // the first of them, from 0
	Count int
	Strip byte   // record.HasNode, record.HasTag: what the destination does not get
	Path  []byte // of all of them
}

// Continues reports whether the record number from of the frame at that
// position can be added to the run.
func (u *Run) Continues(at wal.LSN, from int, strip byte, path []byte) bool {
	return u.At == at && u.From+u.Count == from && u.Strip == strip && string(u.Path) == string(path)
}

// AppendRecords appends the run's records as the destination has them. p has
// all records of the run's frame.
func (u *Run) AppendRecords(dst, p []byte) ([]byte, error) {
	d := record.NewDecoder(p)
	for range u.From {
		d.Bytes()
		if d.Failed() {
			return nil, record.ErrMalformed
		}
	}
	for range u.Count {
		b := d.Bytes()
		if d.Failed() {
			return nil, record.ErrMalformed
		}
		rec, err := record.DecodeRecord(b)
		if err != nil {
			return nil, err
		}
		dst = record.AppendRecord(dst, rec.Forwarded(u.Strip, u.Path))
	}
	return dst, nil
}

// Bounds on what a run may say.
const (
	maxRunAt    = 1 << 59 // times 8: a position
	maxRunFrom  = 1 << 31
	smallestRun = 5 // bytes
)

// appendRuns encodes runs: their number, and of each the position of its frame,
// less that of the run before, then from, count, strip, path.
func appendRuns(dst []byte, runs []Run) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(runs)))
	var last wal.LSN
	for i := range runs {
		u := &runs[i]
		dst = binary.AppendVarint(dst, int64(u.At/8)-int64(last/8)) // frames begin at multiples of 8
		last = u.At
		dst = binary.AppendUvarint(dst, uint64(u.From))
		dst = binary.AppendUvarint(dst, uint64(u.Count))
		dst = record.AppendBytes(append(dst, u.Strip), u.Path)
	}
	return dst
}

// decodeRuns is the inverse of appendRuns for runs of count records in all.
func decodeRuns(d *record.Decoder, count int) []Run {
	n := d.Uvarint()
	if n == 0 || n > uint64(d.Left()/smallestRun) || n > uint64(count) {
		d.Fail()
		return nil
	}
	out := make([]Run, 0, n)
	var at int64
	left := uint64(count)
	for ; n > 0 && !d.Failed(); n-- {
		at += d.Varint()
		from, records := d.Uvarint(), d.Uvarint()
		u := Run{At: wal.LSN(at) * 8, From: int(from), Count: int(records), Strip: d.Byte(), Path: d.Bytes()}
		if at < 0 || at > maxRunAt || from > maxRunFrom || records == 0 || records > left || u.Strip&^(record.HasNode|record.HasTag) != 0 {
			d.Fail()
		}
		left -= min(records, left)
		out = append(out, u)
	}
	if left > 0 {
		d.Fail()
	}
	return out
}
