package topic

import (
	"sync"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// Encoded is a write's records, encoded before any lock is taken.
type Encoded struct {
	Records []byte
	Sizes   []uint32 // payload bytes of each
	bytes   int64    // their sum
	tags    []byte   // packed; see packTag
	jobs    []JobAt  // of the records that say something of their job
}

// JobAt is what a record of a batch says of its job, encoded.
type JobAt struct {
	Index int
	Job   []byte
}

var batches = sync.Pool{New: func() any { return new(Encoded) }}

// maxPooled keeps one huge write from pinning its memory for good.
const maxPooled = 1 << 20

func Encode(w *Write) *Encoded {
	b := batches.Get().(*Encoded)
	b.Records, b.Sizes, b.bytes, b.tags = b.Records[:0], b.Sizes[:0], 0, nil
	b.jobs = nil
	tagged := 0 // records up to the last one with a tag
	for i := range w.Records {
		rec := &w.Records[i]
		b.Records = record.AppendRecord(b.Records, rec)
		b.Sizes = append(b.Sizes, uint32(rec.PayloadBytes()))
		b.bytes += int64(rec.PayloadBytes())
		if rec.Tag != nil {
			b.tags = index.PackTag(b.tags, i-tagged, rec.Tag)
			tagged = i + 1
		}
		if rec.Job != nil {
			b.jobs = append(b.jobs, JobAt{i, rec.Job})
		}
	}
	return b
}

func (b *Encoded) Release() {
	if cap(b.Records) <= maxPooled {
		batches.Put(b)
	}
}
