package topics

import (
	"sync"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// batch is a write's records, encoded before any lock is taken.
type batch struct {
	records []byte
	sizes   []uint32 // payload bytes of each
	bytes   int64    // their sum
	tags    []byte   // packed; see packTag
	jobs    []jobAt  // of the records that say something of their job
}

// jobAt is what a record of a batch says of its job, encoded.
type jobAt struct {
	index int
	job   []byte
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// maxPooled keeps one huge write from pinning its memory for good.
const maxPooled = 1 << 20

func encodeBatch(w *Write) *batch {
	b := batches.Get().(*batch)
	b.records, b.sizes, b.bytes, b.tags = b.records[:0], b.sizes[:0], 0, nil
	b.jobs = nil
	tagged := 0 // records up to the last one with a tag
	for i := range w.Records {
		rec := &w.Records[i]
		b.records = record.AppendRecord(b.records, rec)
		b.sizes = append(b.sizes, uint32(rec.PayloadBytes()))
		b.bytes += int64(rec.PayloadBytes())
		if rec.Tag != nil {
			b.tags = index.PackTag(b.tags, i-tagged, rec.Tag)
			tagged = i + 1
		}
		if rec.Job != nil {
			b.jobs = append(b.jobs, jobAt{i, rec.Job})
		}
	}
	return b
}

func (b *batch) release() {
	if cap(b.records) <= maxPooled {
		batches.Put(b)
	}
}
