package topic

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// picture says where some records of a topic are, at one moment.
type picture struct {
	seqs    []uint64      // ascending
	frames  []index.Frame // those that hold some of them
	extents []index.Extent
}

// picture returns where those of the records are that are live. seqs are
// ascending. t.Mu is held.
func (t *Topic) picture(seqs []uint64) *picture {
	p := &picture{seqs: make([]uint64, 0, len(seqs))}
	live := liveRecords{t}
	inSegments := t.History.Last()
	for _, seq := range seqs {
		if !live.Live(seq) {
			continue
		}
		p.seqs = append(p.seqs, seq)
		if seq <= inSegments {
			continue
		}
		if n := len(p.frames); n > 0 && seq < p.frames[n-1].First+uint64(p.frames[n-1].Count) {
			continue
		}
		if f, ok := t.Index.Frame(seq); ok {
			p.frames = append(p.frames, f)
		}
	}
	if len(p.seqs) > 0 && p.seqs[0] <= inSegments {
		for _, e := range t.History.From(p.seqs[0]) {
			if len(p.within(e.At.First, e.At.Last)) > 0 {
				p.extents = append(p.extents, e)
			}
		}
	}
	return p
}

// within returns the seqs of [from, to].
func (p *picture) within(from, to uint64) []uint64 {
	i := sort.Search(len(p.seqs), func(i int) bool { return p.seqs[i] >= from })
	n := sort.Search(len(p.seqs), func(i int) bool { return p.seqs[i] > to })
	return p.seqs[i:n]
}

// Pick reads the records of some seqs, which may be in any order. Those that are
// gone are not among them.
func (t *Topic) Pick(ctx context.Context, seqs []uint64, cost *Cost) (map[uint64]record.Record, error) {
	sorted := Ascending(seqs)
	for tries := 0; ; tries++ {
		t.Mu.RLock()
		p := t.picture(sorted)
		t.Mu.RUnlock()
		records := make(map[uint64]record.Record, len(p.seqs))
		err := t.readFrames(ctx, p, records)
		if err == nil {
			err = p.readExtents(ctx, records, cost)
		}
		if t.Shared.Outdated(err) && tries < MaxTries {
			continue
		}
		err = LogError(err)
		t.Shared.Counters.RecordDamage(err)
		return records, err
	}
}

// readFrames adds the records that are in frames, or in memory.
func (t *Topic) readFrames(ctx context.Context, p *picture, into map[uint64]record.Record) error {
	if len(p.frames) == 0 {
		return nil
	}
	log := t.Shared.Reader(t.ID).within(ctx)
	for i := range p.frames {
		f := &p.frames[i]
		body := f.Body
		if body == nil {
			var err error
			body, err = log.at(f.LSN)
			if err != nil {
				return err
			}
		}
		d := record.NewDecoder(body)
		next := f.First
		for _, seq := range p.within(f.First, f.First+uint64(f.Count)-1) {
			for ; next < seq; next++ {
				d.Bytes()
			}
			b := d.Bytes()
			next++
			if d.Failed() {
				return record.ErrMalformed
			}
			rec, err := record.DecodeRecordAt(seq, f.TS, b)
			if err != nil {
				return err
			}
			into[seq] = rec
		}
	}
	return nil
}

// readExtents adds the records that are in segments.
func (p *picture) readExtents(ctx context.Context, into map[uint64]record.Record, cost *Cost) error {
	for i := range p.extents {
		e := &p.extents[i]
		if !e.Segment.Retain() {
			return index.ErrMoved
		}
		err := p.readExtent(ctx, e, into)
		if e.Segment.Cold() {
			cost.Cold++
		}
		e.Segment.Release()
		if err != nil {
			return index.WrapDamage(err)
		}
	}
	return nil
}

func (p *picture) readExtent(ctx context.Context, e *index.Extent, into map[uint64]record.Record) error {
	page, err := e.Segment.Page(ctx, &e.At)
	if err != nil {
		return err
	}
	for n := range page.Runs {
		from, to := page.Seqs(&e.At, n)
		wanted := p.within(from, to)
		if len(wanted) == 0 {
			continue
		}
		cursor, err := e.Segment.Run(ctx, &e.At, page, n)
		if err != nil {
			return err
		}
		for len(wanted) > 0 && cursor.Next() {
			if _, is := slices.BinarySearch(wanted, cursor.Seq); !is {
				continue
			}
			rec, err := record.DecodeRecordAt(cursor.Seq, cursor.TS, cursor.Record)
			if err != nil {
				return errors.Join(index.ErrDamaged, err)
			}
			into[cursor.Seq] = rec
			if cursor.Seq == wanted[len(wanted)-1] {
				break
			}
		}
		if err := cursor.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Ascending returns the seqs in order, each once.
func Ascending(seqs []uint64) []uint64 {
	sorted := slices.Clone(seqs)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
