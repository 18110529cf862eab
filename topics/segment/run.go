package segment

import "encoding/binary"

// appendRunHead appends the head of a run, which precedes its records.
func appendRunHead(dst []byte, topic uint64, count int, first uint64, ts int64) []byte {
	dst = binary.AppendUvarint(dst, topic)
	dst = binary.AppendUvarint(dst, uint64(count))
	dst = binary.AppendUvarint(dst, first)
	return binary.AppendVarint(dst, ts)
}

// appendRunRecord appends one record of a run. gap is the number of seqs
// skipped since the previous record, rise the increase of the time; both are 0
// for the first.
func appendRunRecord(dst []byte, gap, rise uint64, record []byte) []byte {
	dst = binary.AppendUvarint(dst, gap)
	dst = binary.AppendUvarint(dst, rise)
	dst = binary.AppendUvarint(dst, uint64(len(record)))
	return append(dst, record...)
}

// recordHeadMax and runHeadMax are the maximum sizes of what precedes a record
// and a run, in bytes.
const (
	recordHeadMax = 3 * binary.MaxVarintLen64
	runHeadMax    = 4 * binary.MaxVarintLen64
)

// runDecoder decodes the records of a run.
type runDecoder struct {
	r     reader
	topic uint64
	left  uint64 // records not decoded yet
	first bool   // no record was decoded yet
	seq   uint64 // of the last decoded record, or of the first before that
	ts    int64  // likewise
}

// openRun decodes the head of a run. It refuses a count that p cannot hold.
func openRun(p []byte) (d runDecoder, ok bool) {
	d = runDecoder{r: reader{p: p}, first: true}
	d.topic = d.r.uvarint()
	d.left = d.r.uvarint()
	d.seq = d.r.uvarint()
	d.ts = d.r.varint()
	return d, !d.r.bad && d.left > 0 && d.left <= uint64(len(d.r.p))/3
}

// next decodes a record, which aliases the run. It returns false at the end,
// and on damage, with records left.
func (d *runDecoder) next() (record []byte, ok bool) {
	if d.left == 0 {
		return nil, false
	}
	gap, rise := d.r.uvarint(), d.r.uvarint()
	record = d.r.bytes(d.r.uvarint())
	if d.first {
		ok = gap == 0 && rise == 0
		d.first = false
	} else {
		seq := d.seq + gap + 1
		ok = gap != ^uint64(0) && seq > d.seq && rise <= uint64(1<<63-1)-uint64(d.ts)
		d.seq, d.ts = seq, int64(uint64(d.ts)+rise)
	}
	if d.r.bad || !ok {
		return nil, false
	}
	d.left--
	return record, true
}
