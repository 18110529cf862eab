package drill

import (
	"sync"

	"github.com/e6e95bb8/topics/api/client"
)

// ident identifies one record of an op.
type ident struct {
	op    opID
	index int
}

// place is where an op's records are promised to be, at first to first+count-1,
// because they were acknowledged or read there.
type place struct {
	first uint64
	count int
}

func (p place) last() uint64 { return p.first + uint64(p.count) - 1 }

// book remembers everything that one topic ever promised, across all boots, and
// counts broken promises. Writers and followers use it concurrently.
type book struct {
	topic    string
	class    class
	plan     plan
	findings *findings

	mu struct {
		sync.Mutex
		content   map[uint64]ident // the known content of each seq
		placed    map[opID]place
		head      uint64 // highest seq promised
		deletions deletions
		tally     Tally
	}
}

func newBook(topic string, c class, p plan, f *findings) *book {
	b := &book{topic: topic, class: c, plan: p, findings: f}
	b.mu.content = make(map[uint64]ident)
	b.mu.placed = make(map[opID]place)
	b.mu.deletions.gone = make(map[opID]bool)
	return b
}

// acked records that op o was acknowledged at first.
func (b *book) acked(o op, first uint64, deduped bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.tally.AckedWrites++
	b.mu.tally.AckedRecords += int64(o.count)
	b.placeLocked(o, first)
	if deduped {
		b.mu.tally.Deduped++
	}
}

// repeated records the answer to a repeat of op o, which was acknowledged
// before.
func (b *book) repeated(o op, first uint64, deduped bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !deduped {
		b.mu.tally.Duplicates++
		b.findings.addf("%s: %s was acked, sent again, and appended again at %d", b.topic, o.id, first)
		return
	}
	b.mu.tally.Deduped++
	b.placeLocked(o, first)
}

// unexpected records an answer that the contract does not allow.
func (b *book) unexpected(format string, a ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.tally.Unexpected++
	b.findings.addf(b.topic+": "+format, a...)
}

// read records a record that the server delivered. It returns its identity and
// op; ok is false if they cannot be determined.
func (b *book) read(r *client.Record) (id ident, o op, ok bool) {
	o, index, err := b.plan.recognise(r)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.mu.tally.Damaged++
		b.findings.addf("%s: seq %d: %v", b.topic, r.Seq, err)
	}
	if o.count == 0 {
		return ident{}, op{}, false
	}
	if r.Seq <= uint64(index) {
		b.mu.tally.Damaged++
		b.findings.addf("%s: seq %d holds record %d of its batch", b.topic, r.Seq, index)
		return ident{}, op{}, false
	}
	b.placeLocked(o, r.Seq-uint64(index))
	return ident{o.id, index}, o, true
}

// placeLocked records that o's records are promised from first on. b.mu is
// held.
func (b *book) placeLocked(o op, first uint64) {
	at := place{first, o.count}
	if old, ok := b.mu.placed[o.id]; ok {
		if old != at {
			b.mu.tally.Duplicates++
			b.findings.addf("%s: %s is at %d and at %d", b.topic, o.id, old.first, first)
		}
		return
	}
	b.mu.placed[o.id] = at
	b.mu.head = max(b.mu.head, at.last())
	clash := false
	for i := range o.count {
		seq, id := first+uint64(i), ident{o.id, i}
		if known, ok := b.mu.content[seq]; ok && known != id && !clash {
			clash = true
			b.mu.tally.Reused++
			b.findings.addf("%s: seq %d held %s index %d, now %s index %d",
				b.topic, seq, known.op, known.index, id.op, id.index)
		}
		b.mu.content[seq] = id
	}
}

// counted returns the tally so far.
func (b *book) counted() Tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.tally
}

// head returns the highest seq promised.
func (b *book) head() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.head
}
