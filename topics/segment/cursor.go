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
	Record []byte // aliases the immutable block, and keeps it in memory

	run    runDecoder
	seg    *Segment
	off    int64 // offset of the block
	first  uint64
	ts     int64
	seqs   []uint32 // seqs of the remaining records according to the index, relative to first
	times  []uint32 // their times, relative to ts
	failed bool
}

// Next advances to the next record. It returns false at the end or on damage;
// see Err.
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

// Err returns a *DamageError if the records of the block are not those in the
// index. Since the checksums of both are right, they were written like this.
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
