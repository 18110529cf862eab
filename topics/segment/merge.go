package segment

import (
	"context"
	"errors"
	"fmt"
)

// Liveness knows which records are still wanted. More records may die during a
// merge; records that were alive when they were asked for are kept with their
// tags.
type Liveness interface {
	// Topic returns the first live seq of a topic. ok is false if the topic does
	// not exist any more.
	Topic(id uint64) (earliest uint64, ok bool)
	// Deleted returns a function that reports which seqs between from and to,
	// inclusive, were deleted individually. any is false if none was.
	Deleted(topic, from, to uint64) (dead func(seq uint64) bool, any bool)
}

// Limits bounds the size of an output of a merge. Once an output has reached a
// limit, the merge continues in another one. 0 means no limit.
type Limits struct {
	Bytes   int64 // of data
	Records int64
}

// WithDefaults returns the limits with 64 MiB and a million records in the place
// of zeros.
func (l Limits) WithDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 64 << 20
	}
	if l.Records == 0 {
		l.Records = 1_000_000
	}
	return l
}

// Reached reports whether a segment with so many bytes of data and so many
// records is as large as it may become.
func (l Limits) Reached(bytes, records int64) bool {
	return l.Bytes > 0 && bytes >= l.Bytes || l.Records > 0 && records >= l.Records
}

// Merge writes the live records of the inputs to segments made by create, and
// returns the ids of the segments it finished. The seqs of a topic must ascend
// from each input to the next. A block that is at least half full and holds one
// run, all of it alive, is copied; other records are encoded again. Records
// keep their tags.
//
// pace, which may be nil, is called after each block's worth of work. It may
// sleep; an error from it ends the merge. For a damaged block, Merge calls skip
// with the *DamageError and omits the records, or fails if skip is nil. A
// damaged index always fails the merge: its blocks can be read with Scan. After
// an error all outputs are removed.
func Merge(inputs []*Segment, live Liveness, create func() (*Writer, error), limits Limits,
	pace func() error, skip func(*DamageError)) (outputs []uint64, err error) {
	m := &merge{live: live, create: create, limits: limits, skip: skip, pacer: pacer{pace: pace}}
	for _, s := range inputs {
		m.inputs = append(m.inputs, &input{Segment: s, table: s.table()})
	}
	if err := m.run(); err != nil {
		return nil, errors.Join(err, m.abort())
	}
	for _, w := range m.outputs {
		outputs = append(outputs, w.id)
	}
	return outputs, nil
}

type merge struct {
	inputs []*input
	live   Liveness
	create func() (*Writer, error)
	limits Limits
	skip   func(*DamageError)
	pacer

	outputs []*Writer
	w       *Writer // the last of outputs while it is open
	written spans   // seqs of the current topic in w
	alive   []bool  // liveness of the records of a run; kept to reuse its memory
}

// input is a segment that is read in order.
type input struct {
	*Segment
	table *table
	head  Extent // the next extent, valid if more
	more  bool

	first Extent // first extent of the current topic
	gave  bool   // w has records of the current topic from this input

	block int64  // offset of the block in raw, which may have runs of several topics
	raw   []byte // may be nil
}

func (in *input) advance() (err error) {
	in.head, in.more, err = in.table.next()
	return err
}

func (m *merge) run() error {
	for _, in := range m.inputs {
		if err := in.advance(); err != nil {
			return err
		}
	}
	for {
		topic, more := uint64(0), false
		for _, in := range m.inputs {
			if in.more && (!more || in.head.Topic < topic) {
				topic, more = in.head.Topic, true
			}
		}
		if !more {
			return m.finish()
		}
		if err := m.topic(topic); err != nil {
			return err
		}
	}
}

// topic merges all extents of one topic.
func (m *merge) topic(id uint64) error {
	earliest, alive := m.live.Topic(id)
	for _, in := range m.inputs {
		in.first, in.gave = in.head, false
		for in.more && in.head.Topic == id {
			e := in.head
			if alive && e.Last >= earliest {
				if err := m.extent(in, &e, earliest); err != nil {
					return err
				}
			}
			if err := in.advance(); err != nil {
				return err
			}
		}
	}
	return m.tags(id)
}

// extent writes the live records of an extent.
func (m *merge) extent(in *input, e *Extent, earliest uint64) error {
	p, err := in.decodePage(context.Background(), e)
	if err != nil {
		return err
	}
	if err := m.work(int(e.page.size)); err != nil {
		return err
	}
	dead, any := m.live.Deleted(e.Topic, max(e.First, earliest), e.Last)
	for i := range p.Runs {
		r := &p.Runs[i]
		alive, n := m.alive[:0], 0
		for _, v := range p.Seq[r.Start : r.Start+r.Count] {
			seq := e.First + uint64(v)
			ok := seq >= earliest && !(any && dead(seq))
			alive = append(alive, ok)
			if ok {
				n++
			}
		}
		m.alive = alive
		if n == 0 {
			continue
		}
		if err := m.move(in, e, p, i, alive, n); err != nil {
			return err
		}
		if err := m.work(int(r.size)); err != nil {
			return err
		}
	}
	return nil
}

// move writes the n live records of a run.
func (m *merge) move(in *input, e *Extent, p *Page, run int, alive []bool, n int) error {
	if err := m.output(e.Topic); err != nil {
		return err
	}
	r := &p.Runs[run]
	var err error
	if n == r.Count && r.alone() && r.size >= blockBytes/2 {
		err = m.w.Copy(in.Segment, e, p, run)
	} else {
		err = m.recode(in, e, p, run, alive)
	}
	var d *DamageError
	if errors.As(err, &d) && m.skip != nil {
		m.skip(d)
		return nil
	}
	if err != nil {
		return err
	}
	in.gave = true
	for i, ok := range alive {
		if ok {
			m.written.add(e.First + uint64(p.Seq[r.Start+i]))
		}
	}
	return nil
}

// recode adds the live records of a run. If the run is damaged it adds none.
func (m *merge) recode(in *input, e *Extent, p *Page, run int, alive []bool) error {
	r := &p.Runs[run]
	if in.raw == nil || in.block != r.block.off || len(in.raw) != int(r.block.raw) {
		raw, err := in.decodeBlock(context.Background(), e, p, run)
		if err != nil {
			return err
		}
		in.block, in.raw = r.block.off, raw
	}
	c, err := in.cursor(e, p, run, in.raw)
	if err != nil {
		return err
	}
	whole := c
	for whole.Next() {
	}
	if err := whole.Err(); err != nil {
		return err
	}
	for i := 0; c.Next(); i++ {
		if !alive[i] {
			continue
		}
		if err := m.w.Add(e.Topic, c.Seq, c.TS, p.Size[r.Start+i], c.Record); err != nil {
			return err
		}
	}
	return nil
}

// output makes sure that a writer is open and has room for a record of topic.
func (m *merge) output(topic uint64) error {
	if w := m.w; w != nil && w.Records() > 0 && m.limits.Reached(w.DataBytes(), w.Records()) {
		if err := m.tags(topic); err != nil {
			return err
		}
		if err := m.finish(); err != nil {
			return err
		}
	}
	if m.w != nil {
		return nil
	}
	w, err := m.create()
	if err != nil {
		return fmt.Errorf("segment: create an output: %w", err)
	}
	m.w = w
	m.outputs = append(m.outputs, w)
	return nil
}

// tags adds the tags of topic's records in the current writer.
func (m *merge) tags(topic uint64) error {
	for _, in := range m.inputs {
		if !in.gave {
			continue
		}
		in.gave = false
		var failed error
		err := in.Tags(&in.first, nil, func(tag []byte, seqs []uint64) bool {
			for _, seq := range seqs {
				if m.written.has(seq) {
					if failed = m.w.Tag(topic, tag, seq); failed != nil {
						return false
					}
				}
			}
			failed = m.work(len(tag) + 8*len(seqs))
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			return err
		}
	}
	m.written = m.written[:0]
	return nil
}

func (m *merge) finish() error {
	w := m.w
	m.w = nil
	switch {
	case w == nil:
		return nil
	case w.Records() == 0: // all of its records were damaged
		m.outputs = m.outputs[:len(m.outputs)-1]
		return w.Abort()
	}
	return w.Finish()
}

func (m *merge) abort() error {
	var errs []error
	for _, w := range m.outputs {
		errs = append(errs, w.Abort())
	}
	return errors.Join(errs...)
}
