package segment

import (
	"context"
	"errors"
	"sync"
)

// frames has buffers for encoded frames.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// frameBuffer returns a buffer of n bytes; putFrameBuffer returns it to the
// pool.
func frameBuffer(n int) *[]byte {
	b := frames.Get().(*[]byte)
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	*b = (*b)[:n]
	return b
}

func putFrameBuffer(b *[]byte) {
	if cap(*b) <= 8*blockBytes { // do not keep the memory of a large record
		frames.Put(b)
	}
}

// readPage reads and decodes the page at p. Damage is reported as affecting
// topic.
func (s *Segment) readPage(ctx context.Context, magic uint32, p place, topic uint64) ([]byte, error) {
	buf := frameBuffer(int(p.size))
	defer putFrameBuffer(buf)
	err := readWithin(ctx, s.index, s.indexName, *buf, p.off)
	if err == nil {
		raw, cause := decodeFrame(*buf, magic, s.seed+uint64(p.off))
		if cause == "" {
			return raw, nil
		}
		err = damaged(s.indexName, p.off, cause)
	}
	return nil, affects(err, topic, 0, 0)
}

// affects adds the affected records to err if it is a *DamageError.
func affects(err error, topic, from, to uint64) error {
	var d *DamageError
	if errors.As(err, &d) {
		d.Topic, d.From, d.To = topic, from, to
	}
	return err
}

// Extents calls yield for each extent, in order of topic and seq. It returns
// the error of yield or of reading the table.
func (s *Segment) Extents(yield func(Extent) error) error {
	t := s.table()
	for {
		e, ok, err := t.next()
		if err != nil || !ok {
			return err
		}
		if err := yield(e); err != nil {
			return err
		}
	}
}

// Page returns the page of an extent of this segment. If the read has to wait
// for others, it ends with ctx.
func (s *Segment) Page(ctx context.Context, e *Extent) (*Page, error) {
	k := cacheKey{s.owner, e.page.off, false}
	if p, ok := s.cache.get(k).(*Page); ok {
		return p, nil
	}
	p, err := s.decodePage(ctx, e)
	if err != nil {
		return nil, err
	}
	s.cache.put(k, p, p.bytes())
	return p, nil
}

// decodePage is Page without the cache.
func (s *Segment) decodePage(ctx context.Context, e *Extent) (*Page, error) {
	raw, err := s.readPage(ctx, extentMagic, e.page, e.Topic)
	if err != nil {
		return nil, affects(err, e.Topic, e.First, e.Last)
	}
	p := decodePage(raw, e, s.foot.dataLen)
	if p == nil {
		return nil, &DamageError{Damage{File: s.indexName, Offset: e.page.off,
			Topic: e.Topic, From: e.First, To: e.Last, Cause: "the page is not that of its extent"}}
	}
	return p, nil
}

// Run returns a cursor before the first record of a run. p is the page of e,
// and run an index in p.Runs. If the read has to wait for others, it ends with
// ctx.
func (s *Segment) Run(ctx context.Context, e *Extent, p *Page, run int) (Cursor, error) {
	r := &p.Runs[run]
	k := cacheKey{s.owner, r.block.off, true}
	raw, ok := s.cache.get(k).([]byte)
	if !ok || len(raw) != int(r.block.raw) {
		var err error
		if raw, err = s.decodeBlock(ctx, e, p, run); err != nil {
			return Cursor{}, err
		}
		s.cache.put(k, raw, cap(raw))
	}
	return s.cursor(e, p, run, raw)
}

// cursor returns a cursor for a run in its block, whose content is raw.
func (s *Segment) cursor(e *Extent, p *Page, run int, raw []byte) (Cursor, error) {
	r := &p.Runs[run]
	end := r.Start + r.Count
	c := Cursor{seg: s, off: r.block.off, first: e.First, ts: e.FirstTS, seqs: p.Seq[r.Start:end], times: p.TS[r.Start:end]}
	var ok bool
	c.run, ok = openRun(raw[r.inner : r.inner+r.size])
	c.failed = !ok || c.run.topic != e.Topic || c.run.left != uint64(r.Count)
	c.run.topic = e.Topic
	return c, c.Err()
}

// decodeBlock reads and decodes the block of a run.
func (s *Segment) decodeBlock(ctx context.Context, e *Extent, p *Page, run int) ([]byte, error) {
	var raw []byte
	err := s.withBlock(ctx, e, p, run, func(frame []byte) (cause string) {
		raw, cause = decodeFrame(frame, blockMagic, 0)
		if cause == "" && len(raw) != int(p.Runs[run].block.raw) {
			cause = "the block has another size than the index says"
		}
		return cause
	})
	if err != nil {
		return nil, err
	}
	return raw, nil
}

// copyBlock calls use with the stored block of a run, after verifying its
// checksum.
func (s *Segment) copyBlock(e *Extent, p *Page, run int, use func(frame []byte) error) error {
	var failed error
	err := s.withBlock(context.Background(), e, p, run, func(frame []byte) string {
		h, cause := checkFrame(frame, blockMagic, 0)
		if cause == "" && h.raw != p.Runs[run].block.raw {
			cause = "the block has another size than the index says"
		}
		if cause == "" {
			failed = use(frame)
		}
		return cause
	})
	if err != nil {
		return err
	}
	return failed
}

// withBlock reads the stored block of a run and calls use with it. use must not
// retain the block, and returns the cause if it is damaged.
func (s *Segment) withBlock(ctx context.Context, e *Extent, p *Page, run int, use func(frame []byte) (cause string)) error {
	b := &p.Runs[run].block
	buf := frameBuffer(int(b.size))
	defer putFrameBuffer(buf)
	h := s.acquire()
	defer s.release(h)
	err := readWithin(ctx, h.File, h.name, *buf, b.off)
	if err == nil {
		cause := use(*buf)
		if cause == "" {
			return nil
		}
		err = damaged(h.name, b.off, cause)
	}
	from, to := p.Seqs(e, run)
	return affects(err, e.Topic, from, to)
}
