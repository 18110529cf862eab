package segment

// Cursor walks the records of a run:
//
//	c, err := s.Run(e, p, run)
//	for c.Next() {
//		use(c.Seq, c.TS, c.Record)
//	}
//	err = c.Err()
type Cursor struct {
	Seq    uint64
	TS     int64
	Record []byte // aliases the block, which never changes; keeping it keeps the block

	run    runDecoder
	seg    *Segment
	off    int64 // of the block
	first  uint64
	ts     int64
	seqs   []uint32 // offsets from first of the records to come, as the index has them
	times  []uint32 // likewise from ts
	failed bool
}

// Next goes to the next record. False is the end, or damage; see Err.
func (c *Cursor) Next() bool {
	if len(c.seqs) == 0 || c.failed {
		c.failed = c.failed || len(c.run.r.p) > 0
		return false
	}
	record, ok := c.run.next()
	if !ok || c.run.seq != c.first+uint64(c.seqs[0]) || c.run.ts != c.ts+int64(c.times[0]) {
		c.failed = true
		return false
	}
	c.Seq, c.TS, c.Record = c.run.seq, c.run.ts, record
	c.seqs, c.times = c.seqs[1:], c.times[1:]
	return true
}

// Err is nil, or a *DamageError if the block has other records than the index
// says. Both of their checksums hold: they were written like this.
func (c *Cursor) Err() error {
	if !c.failed {
		return nil
	}
	d := Damage{File: c.seg.dataFile(), Offset: c.off, Topic: c.run.topic,
		From: c.Seq, To: c.Seq, Cause: "the block holds other records than the index says"}
	if n := len(c.seqs); n > 0 {
		d.From, d.To = c.first+uint64(c.seqs[0]), c.first+uint64(c.seqs[n-1])
	}
	return &DamageError{d}
}
