package drill

import "github.com/e6e95bb8/topics/api/client"

// pass is one reading of a topic from its start to its head while it is not
// being written to. Pages are added in order.
type pass struct {
	book    *book
	at      uint64           // last seq that was delivered, skipped, or in a tombstone
	lowest  uint64           // first seq delivered; 0 if none was
	got     map[opID]int     // records delivered of each op
	ops     map[opID]placing // those ops
	lost    []seqRange       // tombstones, ascending
	skipped []seqRange       // neither delivered nor in a tombstone, ascending
	head    uint64           // of the last page
}

// placing is an op and its place according to its records.
type placing struct {
	op op
	at place
}

// seqRange is first..last, inclusive.
type seqRange struct{ first, last uint64 }

// begin starts a pass.
func (b *book) begin() *pass {
	return &pass{book: b, got: make(map[opID]int), ops: make(map[opID]placing)}
}

// add processes one page. It returns the next cursor, and false if the topic
// was read to its head or the page does not advance.
func (p *pass) add(page *client.Batch) (next uint64, more bool) {
	before := p.at
	p.head = page.HeadSeq
	if t := page.Tombstone; t != nil {
		p.addTombstone(t)
	}
	for i := range page.Records {
		p.addRecord(&page.Records[i])
	}
	p.skip(page.NextFrom)
	switch {
	case page.NextFrom < p.at:
		p.book.unexpected("next_from_seq %d is below the last seq delivered, %d", page.NextFrom, p.at)
		return p.at, false
	case page.CaughtUp != (page.NextFrom == page.HeadSeq):
		p.book.unexpected("caught_up is %v at %d with the head at %d", page.CaughtUp, page.NextFrom, page.HeadSeq)
		return p.at, false
	case !page.CaughtUp && page.NextFrom == before:
		p.book.unexpected("a read from %d did not advance, with the head at %d", before, page.HeadSeq)
		return p.at, false
	}
	return page.NextFrom, !page.CaughtUp
}

// skip records that a page silently passed over the seqs up to last, which must
// all be deleted.
func (p *pass) skip(last uint64) {
	if last > p.at {
		p.skipped = append(p.skipped, seqRange{p.at + 1, last})
		p.at = last
	}
}

func (p *pass) addTombstone(t *client.Tombstone) {
	if t.GapFrom <= p.at || t.GapTo < t.GapFrom {
		p.book.unexpected("a tombstone for %d..%d at the cursor %d", t.GapFrom, t.GapTo, p.at)
		return
	}
	p.skip(t.GapFrom - 1)
	if t.Reason == "crash" {
		p.lost = append(p.lost, seqRange{t.GapFrom, t.GapTo})
	} else {
		// Topics of the drill have no cap and no ttl, and are never deleted.
		p.book.unexpected("a tombstone for %d..%d with the reason %q", t.GapFrom, t.GapTo, t.Reason)
	}
	p.at = t.GapTo
}

func (p *pass) addRecord(r *client.Record) {
	if r.Seq <= p.at {
		p.book.unexpected("seq %d delivered after %d", r.Seq, p.at)
		return
	}
	p.skip(r.Seq - 1)
	p.at = r.Seq
	if p.lowest == 0 {
		p.lowest = r.Seq
	}
	if id, o, ok := p.book.read(r); ok {
		p.got[id.op]++
		p.ops[id.op] = placing{o, place{r.Seq - uint64(id.index), o.count}}
		p.book.delivered(r.Seq, id.op)
	}
}

// delivered records that a pass was given the record at seq.
func (b *book) delivered(seq uint64, id opID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.tally.Checked++
	if b.mu.deletions.covers(seq, id) {
		b.mu.tally.Undeleted++
		b.findings.addf("%s: seq %d, of %s, was deleted and exists again", b.topic, seq, id)
	}
}

// end compares what was read with what was promised.
func (p *pass) end() {
	b := p.book
	b.mu.Lock()
	defer b.mu.Unlock()
	d := &b.mu.deletions
	b.resolveLocked(p)
	for _, r := range p.skipped {
		b.judgeLocked(r)
	}
	for id, n := range p.got {
		if at := p.ops[id].at; n < d.alive(id, at) {
			b.mu.tally.Partial++
			b.findings.addf("%s: %s has %d of its %d records", b.topic, id, n, at.count)
		}
	}
	for id, at := range b.mu.placed {
		if alive := d.alive(id, at); alive > 0 && p.got[id] == 0 {
			p.missingLocked(id, at, alive)
			// Reported once; also, an op whose loss was reported may be sent again.
			delete(b.mu.placed, id)
		}
	}
	if p.head < b.mu.head {
		b.mu.tally.Gaps += int64(b.mu.head - p.head)
		b.findings.addf("%s: the head went back from %d to %d", b.topic, b.mu.head, p.head)
	}
	b.mu.head = p.head
}

// judgeLocked counts the seqs of a skipped range that were not deleted. b.mu is
// held.
func (b *book) judgeLocked(r seqRange) {
	gaps, first := int64(0), uint64(0)
	for seq := max(r.first, b.mu.deletions.floor); seq <= r.last; seq++ {
		if id, ok := b.mu.content[seq]; ok && b.mu.deletions.gone[id.op] {
			continue
		}
		if gaps++; gaps == 1 {
			first = seq
		}
	}
	if gaps > 0 {
		b.mu.tally.Gaps += gaps
		b.findings.addf("%s: %d seqs from %d to %d neither delivered, nor deleted, nor in a tombstone", b.topic, gaps, first, r.last)
	}
}

// missingLocked judges a promised op none of whose records exists, although
// alive of them are not deleted. b.mu is held.
func (p *pass) missingLocked(id opID, at place, alive int) {
	b := p.book
	switch {
	case b.class.survives():
		b.mu.tally.Lost += int64(alive)
		b.findings.addf("%s: %s was promised at %d..%d and is gone", b.topic, id, at.first, at.last())
	case p.declared(place{at.last() - uint64(alive) + 1, alive}):
		b.mu.tally.Declared += int64(alive)
	default:
		// Counted as a gap, or by the head that went back.
		b.findings.addf("%s: %s at %d..%d is gone without a tombstone", b.topic, id, at.first, at.last())
	}
}

// declared reports whether every seq of at is in a tombstone.
func (p *pass) declared(at place) bool {
	next := at.first
	for _, r := range p.lost {
		if r.first <= next && next <= r.last {
			next = r.last + 1
		}
	}
	return next > at.last()
}
