package topics

import (
	"errors"
	"fmt"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Tables holds the extents of each topic, by its id, in a list of segments.
type Tables map[uint64][]extent

// ReadTables reads the tables of segments, which must be in order. A checkpoint
// does so before it puts the segments into use: after that nothing may fail.
func ReadTables(segs []*segment.Segment) (Tables, error) {
	extents := Tables{}
	for _, s := range segs {
		err := s.Extents(func(e segment.Extent) error {
			of := extents[e.Topic]
			if n := len(of); n > 0 && of[n-1].seg == s {
				e.ShareTags(&of[n-1].at)
			}
			extents[e.Topic] = append(of, extent{s, e})
			return nil
		})
		if err != nil {
			return nil, segmentError(err)
		}
	}
	return extents, nil
}

// addMatching adds to set the seqs of [from, to] in the extents whose tag
// matches, as the segments' postings have them.
func addMatching(set *seqSet, extents []extent, m *record.Match, from, to uint64) error {
	for i := range extents {
		e := &extents[i]
		if i > 0 && extents[i-1].seg == e.seg || !e.at.HasTags() {
			continue
		}
		err := e.find(m, func(seq uint64) {
			if seq >= from && seq <= to {
				set.add(seq)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// find calls f with the topic's seqs in the extent's whole segment whose tag
// matches. It returns errMoved if the segment has been released.
func (e *extent) find(m *record.Match, f func(seq uint64)) error {
	if !e.seg.Retain() {
		return errMoved
	}
	defer e.seg.Release()
	return segmentError(e.seg.Tags(&e.at, []byte(m.Value), func(tag []byte, seqs []uint64) bool {
		if !m.Matches(tag) {
			return false // the matching ones come first
		}
		for _, seq := range seqs {
			f(seq)
		}
		return true
	}))
}

// errMoved is returned to a reader whose segment has been released. Its records
// are in another segment by then, so the reader looks them up again.
var errMoved = errors.New("topics: the segment is gone")

// errDamaged wraps the errors of damaged segments.
var errDamaged = errors.New("topics: damaged segment")

// segmentError wraps err with errDamaged if it comes from a segment's damage, to
// tell it from errors of the disk.
func segmentError(err error) error {
	if damage := new(segment.DamageError); errors.As(err, &damage) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}
