package entry

import (
	"encoding/binary"
	"math"

	"github.com/e6e95bb8/topics/topics/record"
)

// Deduped are the records of a write that were not appended, because a job with
// their unique key was live, or is one of the same write. With the seqs that the
// others were given they are the answer to the write. It is never changed.
type Deduped struct {
	packed []byte // runs: of each before, count, and seq less the one after the last of the run before
}

// DedupedRun are such records, one after the other in the write, that were answered with
// seqs one after the other.
type DedupedRun struct {
	Before int    `json:"before"` // records that were appended, since the run before
	Count  int    `json:"count"`
	Seq    uint64 `json:"seq"` // that the first of them was answered with
}

// DedupedRunBytes is the most that a run takes in the log.
const DedupedRunBytes = 2*4 + binary.MaxVarintLen64

// DedupedRuns are the runs of a write, in its order.
type DedupedRuns []DedupedRun

// Add adds the next record that was not appended. before is how many were appended
// since the last one that was added.
func (runs *DedupedRuns) Add(before int, seq uint64) {
	n := len(*runs)
	if n > 0 && before == 0 {
		last := &(*runs)[n-1]
		if last.after() == seq {
			last.Count++
			return
		}
	}
	*runs = append(*runs, DedupedRun{Before: before, Count: 1, Seq: seq})
}

// Pack returns what the runs say.
func (runs DedupedRuns) Pack() *Deduped {
	d := &Deduped{}
	after := uint64(0)
	for i := range runs {
		r := &runs[i]
		d.packed = binary.AppendUvarint(d.packed, uint64(r.Before))
		d.packed = binary.AppendUvarint(d.packed, uint64(r.Count))
		d.packed = binary.AppendVarint(d.packed, int64(r.Seq-after))
		after = r.after()
	}
	return d
}

// after returns the seq after the run's last one.
func (r *DedupedRun) after() uint64 { return r.Seq + uint64(r.Count) }

// Packed returns d as it is stored, which ParseDeduped takes; nil if d is nil. It is not
// to be changed.
func (d *Deduped) Packed() []byte {
	if d == nil {
		return nil
	}
	return d.packed
}

// Runs returns the runs.
func (d *Deduped) Runs() (runs DedupedRuns) {
	in := record.NewDecoder(d.packed)
	for after := uint64(0); in.Left() > 0; {
		r := DedupedRun{Before: int(in.Uvarint()), Count: int(in.Uvarint()), Seq: after + uint64(in.Varint())}
		after = r.after()
		runs = append(runs, r)
	}
	return runs
}

// ParseDeduped returns what is packed for a write of which count records were
// appended, from the seq first on. It returns false for what Pack cannot have made. The
// bytes are d's from then on.
func ParseDeduped(packed []byte, first uint64, count int) (d *Deduped, ok bool) {
	if len(packed) == 0 || count < 0 || uint64(count) > math.MaxUint64-first {
		return nil, false
	}
	in := record.NewDecoder(packed)
	end, after := first+uint64(count), uint64(0)
	appended, left := uint64(count), uint64(maxCount)
	for in.Left() > 0 {
		before, n, seq := in.Uvarint(), in.Uvarint(), after+uint64(in.Varint())
		if in.Failed() || before > appended || n == 0 || n > left || seq == 0 || seq >= end || n > end-seq {
			return nil, false
		}
		appended -= before
		left -= n
		after = seq + n
	}
	return &Deduped{packed}, true
}
