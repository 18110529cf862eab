package segment

import (
	"context"
	"errors"
	"fmt"
)

// Checked is how much Verify read and, except for Bytes, found intact.
type Checked struct {
	Blocks  int64
	Pages   int64 // of all kinds
	Records int64
	Bytes   int64 // of both files, including damaged parts
}

// Verify reads every byte of both files without the cache. It verifies that all
// checksums are right, that no byte is unaccounted for, that the index agrees
// with the blocks, and that tags refer to records of the segment. It calls
// report for all damage. pace, which may be nil, is called after each block's
// worth of work; it may sleep. An error from it, or from reading a file, ends
// the verification.
func Verify(s *Segment, pace func() error, report func(Damage)) (Checked, error) {
	v := &verifier{seg: s, pacer: pacer{pace: pace}, report: report, end: headerSize}
	err := v.run()
	return v.Checked, err
}

type verifier struct {
	seg *Segment
	pacer
	report func(Damage)
	Checked
	// holes is set if a part of the index is damaged, so that some blocks and
	// pages are unknown. Consequences of that are not reported.
	holes bool

	// The current topic's extents so far.
	first  Extent
	whole  bool  // all of their pages could be read
	seqs   spans // seqs of their records
	topics int

	// The block of the last run.
	block block
	raw   []byte // nil if the block is damaged; cause is the reason
	cause string
	inner uint32 // end of the last run in the block
	end   int64  // offset of the end of the block
}

// damage reports err if it is a *DamageError, and returns it otherwise.
func (v *verifier) damage(err error) error {
	if d, ok := errors.AsType[*DamageError](err); ok {
		v.report(d.Damage)
		return nil
	}
	return err
}

func (v *verifier) run() error {
	if err := v.frame(); err != nil {
		return err
	}
	t := v.seg.table()
	for {
		e, ok, err := t.next()
		if err != nil {
			v.holes, v.whole = true, false
			if err := v.damage(err); err != nil {
				return err
			}
		}
		if v.topics > 0 && (!ok || e.Topic != v.first.Topic) {
			if err := v.tags(); err != nil {
				return err
			}
		}
		if !ok {
			break
		}
		if v.topics == 0 || e.Topic != v.first.Topic {
			v.first, v.whole, v.seqs = e, true, v.seqs[:0]
			v.topics++
		}
		if err := v.extent(&e); err != nil {
			return err
		}
	}
	v.Pages += t.pages
	v.Bytes += t.off - v.seg.foot.tableOff
	return v.rest()
}

// frame checks the headers, the footer and the lengths.
func (v *verifier) frame() error {
	s := v.seg
	again, err := Open(s.fsys, s.dir, s.dataDir(), s.id, s.logID, &Cache{})
	if err == nil {
		if again.foot != s.foot || again.seed != s.seed {
			err = damaged(s.indexName, again.indexLen-footerSize, "it is another segment than the one that is open")
		}
		again.Release()
	}
	if err == nil {
		v.Bytes += 2*headerSize + footerSize
		return nil
	}
	v.holes = true
	return v.damage(err)
}

// extent checks the page of an extent and its runs.
func (v *verifier) extent(e *Extent) error {
	if err := v.work(int(e.page.size)); err != nil {
		return err
	}
	p, err := v.seg.decodePage(context.Background(), e)
	if err != nil {
		v.holes, v.whole = true, false
		return v.damage(err)
	}
	v.Pages++
	v.Bytes += int64(e.page.size)
	for _, at := range p.Seq {
		v.seqs.add(e.First + uint64(at))
	}
	for i := range p.Runs {
		if err := v.check(e, p, i); err != nil {
			return err
		}
	}
	return nil
}

// check checks that a run follows the previous one without a gap, in the same
// block or in the next one, and that its records agree with the columns.
func (v *verifier) check(e *Extent, p *Page, run int) error {
	r := &p.Runs[run]
	at := Damage{File: v.seg.dataFile(), Offset: r.block.off, Topic: e.Topic}
	at.From, at.To = p.Seqs(e, run)
	if r.block != v.block {
		if err := v.open(e, p, run); err != nil {
			return err
		}
	}
	if r.inner != v.inner && !v.holes {
		at.Cause = fmt.Sprintf("the run begins at %d of its block, the one before ends at %d", r.inner, v.inner)
		v.report(at)
	}
	v.inner = r.inner + r.size
	if v.raw == nil {
		at.Cause = v.cause
		v.report(at)
		return nil
	}
	c, err := v.seg.cursor(e, p, run, v.raw)
	if err != nil {
		return v.damage(err)
	}
	for c.Next() {
		v.Records++
	}
	return v.damage(c.Err())
}

// open continues with the block of a run.
func (v *verifier) open(e *Extent, p *Page, run int) error {
	b := p.Runs[run].block
	if err := v.leave(b.off); err != nil {
		return err
	}
	v.block, v.inner, v.end = b, 0, b.off+int64(b.size)
	if err := v.work(int(b.raw)); err != nil {
		return err
	}
	raw, err := v.seg.decodeBlock(context.Background(), e, p, run)
	v.raw = raw
	if d, ok := errors.AsType[*DamageError](err); ok {
		v.cause = d.Cause // reported with each run of the block
		v.Bytes += int64(b.size)
		return nil
	}
	v.Blocks++
	v.Bytes += int64(b.size)
	return err
}

// leave ends the current block. off is the offset of the next block according
// to the index, or the end of the file.
func (v *verifier) leave(off int64) error {
	name := v.seg.dataFile()
	if v.inner != v.block.raw && !v.holes {
		v.report(Damage{File: name, Offset: v.block.off, Cause: fmt.Sprintf(
			"the block has %d bytes, the index knows %d", v.block.raw, v.inner)})
	}
	if off < v.end {
		v.report(Damage{File: name, Offset: off, Cause: "blocks overlap"})
	}
	if off <= v.end {
		return nil
	}
	if !v.holes {
		v.report(Damage{File: name, Offset: v.end, Cause: fmt.Sprintf("the index knows nothing of %d bytes", off-v.end)})
	}
	h := v.seg.acquire()
	defer v.seg.release(h)
	v.Bytes += off - v.end
	return scanBlocks(h, h.name, v.end, off, func(_ int64, raw []byte) error {
		v.Blocks++
		return v.work(len(raw))
	}, func(d Damage) error {
		v.report(d)
		return nil
	})
}

// rest checks what remains after all extents.
func (v *verifier) rest() error {
	s := v.seg
	if err := v.leave(s.foot.dataLen); err != nil {
		return err
	}
	if all := s.indexLen + s.foot.dataLen; !v.holes && v.Bytes != all {
		v.report(Damage{File: s.indexName, Offset: headerSize, Cause: fmt.Sprintf(
			"the table knows nothing of %d bytes", all-v.Bytes)})
	}
	return nil
}
