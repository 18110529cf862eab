package drill

// pass is one reading of a topic from a cursor to its head, while nobody
// writes. It is fed the pages in order.
type pass struct {
	book *book
	from uint64
	at   uint64       // last seq accounted for: delivered or in a tombstone
	got  map[opID]int // records delivered of each op
	size map[opID]int // records each of them should have
	lost []seqRange   // tombstones, ascending
	head uint64       // of the last page
}

// seqRange is first..last, both inclusive.
type seqRange struct{ first, last uint64 }

// begin starts a pass over what a kill may have changed, or over everything.
func (b *book) begin(full bool) *pass {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := b.mu.settled
	if full {
		from = 0
	}
	return &pass{book: b, from: from, at: from, got: make(map[opID]int), size: make(map[opID]int)}
}

// add accounts for one page. It returns the next cursor, and false when the
// topic has been read to its head or the page leads nowhere.
func (p *pass) add(page *page) (next uint64, more bool) {
	p.head = page.Head
	if t := page.Tombstone; t != nil {
		p.addTombstone(t)
	}
	for i := range page.Records {
		p.addRecord(&page.Records[i])
	}
	if page.Next > p.at {
		p.skipped(p.at+1, page.Next)
		p.at = page.Next
	}
	switch {
	case page.Next < p.at:
		p.book.unexpected("next_from_seq %d is below the last seq delivered, %d", page.Next, p.at)
		return p.at, false
	case page.CaughtUp != (page.Next == page.Head):
		p.book.unexpected("caught_up is %v at %d with the head at %d", page.CaughtUp, page.Next, page.Head)
		return p.at, false
	case !page.CaughtUp && len(page.Records) == 0 && page.Tombstone == nil:
		p.book.unexpected("a read from %d gave nothing, with the head at %d", page.Next, page.Head)
		return p.at, false
	}
	return page.Next, !page.CaughtUp
}

func (p *pass) addTombstone(t *tombstone) {
	if t.GapFrom != p.at+1 || t.GapTo < t.GapFrom {
		p.book.unexpected("a tombstone for %d..%d at the cursor %d", t.GapFrom, t.GapTo, p.at)
		return
	}
	if t.Reason == "crash" {
		p.lost = append(p.lost, seqRange{t.GapFrom, t.GapTo})
	} else {
		// No topic of the drill has a cap or a ttl, and none is deleted.
		p.book.unexpected("a tombstone for %d..%d with the reason %q", t.GapFrom, t.GapTo, t.Reason)
	}
	p.at = t.GapTo
}

func (p *pass) addRecord(r *record) {
	if r.Seq <= p.at {
		p.book.unexpected("seq %d delivered after %d", r.Seq, p.at)
		return
	}
	if r.Seq > p.at+1 {
		p.skipped(p.at+1, r.Seq-1)
	}
	p.at = r.Seq
	if id, o, ok := p.book.read(r); ok {
		p.got[id.op]++
		p.size[id.op] = o.count
	}
}

// skipped counts seqs that a page passed over without a word.
func (p *pass) skipped(first, last uint64) {
	b := p.book
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.tally.Gaps += int64(last - first + 1)
	b.findings.addf("%s: seqs %d..%d neither delivered nor in a tombstone", b.topic, first, last)
}

// end compares what was read with what had been promised, and settles the
// topic at its head: what survived one kill survives the next, unless it is
// only in memory.
func (p *pass) end() {
	b := p.book
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, n := range p.got {
		b.mu.tally.Checked += int64(n)
		if n != p.size[id] {
			b.mu.tally.Partial++
			b.findings.addf("%s: %s has %d of its %d records", b.topic, id, n, p.size[id])
		}
	}
	for id, at := range b.mu.placed {
		if at.first > p.from && p.got[id] == 0 {
			p.missingLocked(id, at)
			// Said once; and an op whose loss was declared may be sent again.
			delete(b.mu.placed, id)
		}
	}
	if p.head < b.mu.head {
		b.mu.tally.Gaps += int64(b.mu.head - p.head)
		b.findings.addf("%s: the head went back from %d to %d", b.topic, b.mu.head, p.head)
	}
	b.mu.head = p.head
	if b.class != ephemeral {
		b.mu.settled = p.head
	}
}

// missingLocked judges an op that was promised and is not there.
func (p *pass) missingLocked(id opID, at place) {
	b := p.book
	switch {
	case b.class.survives():
		b.mu.tally.Lost += int64(at.count)
		b.findings.addf("%s: %s was promised at %d..%d and is gone", b.topic, id, at.first, at.last())
	case p.declared(at):
		b.mu.tally.Declared += int64(at.count)
	default:
		// Counted as a gap, or as a head that went back.
		b.findings.addf("%s: %s at %d..%d is gone without a tombstone", b.topic, id, at.first, at.last())
	}
}

// declared reports whether every seq of at lies in a tombstone.
func (p *pass) declared(at place) bool {
	next := at.first
	for _, r := range p.lost {
		if r.first <= next && next <= r.last {
			next = r.last + 1
		}
	}
	return next > at.last()
}
