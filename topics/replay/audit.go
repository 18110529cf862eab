package replay

import (
	"fmt"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Fault is a disagreement between a snapshot and the segments.
type Fault struct {
	Topic    string
	ID       uint64
	From, To uint64 // seqs that should be there, inclusive; both 0: not about any
	Cause    string
}

// Audit compares a snapshot with the segments that its checkpoint names, as far as
// those could be opened: that every live record is there, and that the counts
// are right. Records that are missing because of a segment that is damaged or
// not there are reported like any others. What it reports comes in the order
// of the topics' ids. After each topic it calls pace. It returns an
// error if reading or pace fails, or if the snapshot cannot be decoded.
func Audit(state []byte, segs []*segment.Segment, pace func() error, report func(Fault)) error {
	rp, err := decode(state)
	if err != nil {
		return err
	}
	extents, err := index.ReadTables(segs)
	if err != nil {
		return err
	}
	for _, t := range rp.catalog.InOrder() {
		t.History.Attach(extents[t.ID])
		found, err := t.Audit(func(from, to uint64) {
			report(Fault{t.Name, t.ID, from, to, "no segment has them"})
		})
		if err != nil {
			return err
		}
		if found.Whole && found.Live != t.Live {
			report(Fault{t.Name, t.ID, 0, 0, fmt.Sprintf("the state counts %d records of %d bytes, the segments have %d of %d",
				t.Live.Records, t.Live.Bytes, found.Live.Records, found.Live.Bytes)})
		}
		if err := pace(); err != nil {
			return err
		}
	}
	return nil
}
