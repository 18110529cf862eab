package index

import (
	"errors"
	"fmt"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Tables holds the extents of each topic, by its id, in a list of segments.
type Tables map[uint64][]Extent

// ReadTables reads the tables of segments, which must be in order. A checkpoint
// does so before it puts the segments into use: after that nothing may fail.
func ReadTables(segs []*segment.Segment) (Tables, error) {
	extents := Tables{}
	for _, s := range segs {
		err := s.Extents(func(e segment.Extent) error {
			of := extents[e.Topic]
			if n := len(of); n > 0 && of[n-1].Segment == s {
				e.ShareTags(&of[n-1].At)
			}
			extents[e.Topic] = append(of, Extent{s, e})
			return nil
		})
		if err != nil {
			return nil, WrapDamage(err)
		}
	}
	return extents, nil
}

// AddMatching adds to set the seqs of [from, to] in the extents whose tag
// matches, as the segments' postings have them.
func AddMatching(set *SeqSet, extents []Extent, m *record.Match, from, to uint64) error {
	for i := range extents {
		e := &extents[i]
		if i > 0 && extents[i-1].Segment == e.Segment || !e.At.HasTags() {
			continue
		}
		err := e.Find(m, func(seq uint64) {
			if seq >= from && seq <= to {
				set.Add(seq)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Find calls f with the topic's seqs in the extent's whole segment whose tag
// matches. It returns ErrMoved if the segment has been released.
func (e *Extent) Find(m *record.Match, f func(seq uint64)) error {
	if !e.Segment.Retain() {
		return ErrMoved
	}
	defer e.Segment.Release()
	return WrapDamage(e.Segment.Tags(&e.At, []byte(m.Value), func(tag []byte, seqs []uint64) bool {
		if !m.Matches(tag) {
			return false // the matching ones come first
		}
		for _, seq := range seqs {
			f(seq)
		}
		return true
	}))
}

// ErrMoved is returned to a reader whose segment has been released. Its records
// are in another segment by then, so the reader looks them up again.
var ErrMoved = errors.New("topics: the segment is gone")

// ErrDamaged wraps the errors of damaged segments.
var ErrDamaged = errors.New("topics: damaged segment")

// WrapDamage wraps err with ErrDamaged if it comes from a segment's damage, to
// tell it from errors of the disk.
func WrapDamage(err error) error {
	if damage := new(segment.DamageError); errors.As(err, &damage) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}
