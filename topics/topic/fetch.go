package topic

import (
	"context"
	"errors"
	"slices"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
)

// fetching is one pass over what a view shows: first the segments, then the
// log. It moves b.NextFrom over what it examined.
type fetching struct {
	*View
	ctx context.Context // of the read: it may have to wait for others
	q   *Query
	b   *Batch

	taken       int // payload bytes in b
	scanned     int
	scannedSize int
	cold        map[*segment.Segment]bool
}

// Fetch examines the view's records. index.ErrMoved and wal.ErrTruncated mean that
// the view is out of date: records have moved from the log to a segment, or from one
// segment to another.
func (s *Shared) Fetch(ctx context.Context, q *Query, b *Batch, v *View) error {
	f := &fetching{View: v, ctx: ctx, q: q, b: b}
	full, err := f.segments()
	b.Cost.Cold += len(f.cold)
	if full || err != nil {
		return err
	}
	full, err = f.log(s)
	if full || err != nil {
		return err
	}
	if v.Whole {
		b.NextFrom = max(b.NextFrom, v.Below-1)
	}
	return nil
}

// take examines one record. It returns true if the batch is full: no more records
// are examined.
func (f *fetching) take(seq uint64, ts int64, rec record.Record) (full bool) {
	if seq < f.Next || f.Dead.Has(seq) {
		return false
	}
	if seq >= f.Below {
		return true
	}
	b, size := f.b, rec.PayloadBytes()
	wanted := ts >= f.Expired && f.wants(f.q, &rec)
	if wanted && len(b.Records) > 0 && f.taken+size > f.q.MaxBytes {
		return true
	}
	b.NextFrom = seq
	b.Cost.Scanned++
	f.scanned++
	f.scannedSize += size
	if wanted {
		if f.sparse {
			rec = rec.Clone()
		}
		rec.Seq, rec.TS = seq, ts
		b.Records = append(b.Records, rec)
		f.taken += size
	}
	return len(b.Records) >= f.q.Limit || f.scanned >= MaxScanned || f.scannedSize >= maxScannedSize
}

// log examines the frames.
func (f *fetching) log(s *Shared) (full bool, err error) {
	log := s.Reader(f.topic).within(f.ctx)
	for _, frame := range f.Frames {
		body := frame.Body
		if body == nil {
			if body, err = log.at(frame.LSN); err != nil {
				return false, err
			}
		}
		for seq := frame.First; seq < frame.First+uint64(frame.Count); seq++ {
			rec, rest, err := record.NextRecord(body)
			if err != nil {
				return false, err
			}
			body = rest
			if f.take(seq, frame.TS, rec) {
				return true, nil
			}
		}
	}
	return false, nil
}

// segments examines the extents, one segment after the other.
func (f *fetching) segments() (full bool, err error) {
	for i := 0; i < len(f.Extents) && !full && err == nil; {
		e := &f.Extents[i]
		if e.At.First >= f.Below {
			return false, nil // the log has the records after them, if there are any
		}
		n := i + 1
		for n < len(f.Extents) && f.Extents[n].Segment == e.Segment {
			n++
		}
		if !e.Segment.Retain() {
			return false, index.ErrMoved
		}
		if f.q.Match != nil {
			full, err = f.matching(f.Extents[i:n])
		} else {
			full, err = f.reading(f.Extents[i:n])
		}
		e.Segment.Release()
		i = n
	}
	return full, index.WrapDamage(err)
}

// reading examines every record of a segment's extents.
func (f *fetching) reading(extents []index.Extent) (full bool, err error) {
	for i := range extents {
		e := &extents[i]
		page, err := e.Segment.Page(f.ctx, &e.At)
		if err != nil {
			return false, err
		}
		at := page.Find(&e.At, f.Next)
		if at == len(page.Seq) {
			continue
		}
		for n := page.RunOf(at); n < len(page.Runs); n++ {
			if full, err = f.run(e, page, n, nil); full || err != nil {
				return full, err
			}
		}
		if !full && e.At.Last < f.Below {
			f.b.NextFrom = max(f.b.NextFrom, e.At.Last)
		}
	}
	return false, nil
}

// run examines the records of one run; with only, those of these seqs.
func (f *fetching) run(e *index.Extent, page *segment.Page, n int, only []uint64) (full bool, err error) {
	cursor, err := e.Segment.Run(f.ctx, &e.At, page, n)
	if err != nil {
		return false, err
	}
	if e.Segment.Cold() {
		if f.cold == nil {
			f.cold = map[*segment.Segment]bool{}
		}
		f.cold[e.Segment] = true
	}
	for cursor.Next() {
		if cursor.Seq < f.Next || f.Dead.Has(cursor.Seq) {
			continue
		}
		if only != nil {
			if _, wanted := slices.BinarySearch(only, cursor.Seq); !wanted {
				continue
			}
		}
		rec, err := record.DecodeRecord(cursor.Record)
		if err != nil {
			return false, errors.Join(index.ErrDamaged, err)
		}
		if f.take(cursor.Seq, cursor.TS, rec) {
			return true, nil
		}
	}
	return false, cursor.Err()
}

// matching examines those records of a segment's extents that match, by the
// postings: blocks without one are not read.
func (f *fetching) matching(extents []index.Extent) (full bool, err error) {
	last := min(extents[len(extents)-1].At.Last, f.Below-1)
	if !extents[0].At.HasTags() {
		f.b.NextFrom = max(f.b.NextFrom, last)
		return false, nil
	}
	found := firstSeqs{most: min(f.q.Limit, MaxScanned)}
	err = extents[0].Find(f.q.Match, func(seq uint64) {
		if seq >= f.Next && seq <= last && !f.Dead.Has(seq) {
			found.add(seq)
		}
	})
	if err != nil {
		return false, err
	}
	seqs, all := found.sorted()
	for i := range extents {
		e := &extents[i]
		at, _ := slices.BinarySearch(seqs, e.At.First)
		if at == len(seqs) {
			break
		}
		if seqs[at] > e.At.Last {
			continue
		}
		page, err := e.Segment.Page(f.ctx, &e.At)
		if err != nil {
			return false, err
		}
		for n := range page.Runs {
			first, end := page.Seqs(&e.At, n)
			if at, _ := slices.BinarySearch(seqs, first); at == len(seqs) || seqs[at] > end {
				continue
			}
			if full, err = f.run(e, page, n, seqs); full || err != nil {
				return full, err
			}
		}
	}
	if !all {
		return true, nil // the batch is not, but more is found where this ends
	}
	f.b.NextFrom = max(f.b.NextFrom, last)
	return false, nil
}

// firstSeqs keeps the lowest of many seqs.
type firstSeqs struct {
	most int
	seqs []uint64
	cut  bool // some were left out
}

func (s *firstSeqs) add(seq uint64) {
	if s.seqs = append(s.seqs, seq); len(s.seqs) >= 4*s.most {
		s.trim()
	}
}

func (s *firstSeqs) trim() {
	slices.Sort(s.seqs)
	if len(s.seqs) > s.most {
		s.seqs, s.cut = s.seqs[:s.most], true
	}
}

// sorted returns the lowest seqs in order, and whether they are all.
func (s *firstSeqs) sorted() (seqs []uint64, all bool) {
	s.trim()
	return s.seqs, !s.cut
}
