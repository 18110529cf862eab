package segment

import "context"

// HasDead reports whether the segment has a record that a merge would leave out.
// Only extents in which records were deleted individually have their page read.
// pace, which may be nil, is called after each block's worth of pages; an error
// from it ends the search.
func (s *Segment) HasDead(ctx context.Context, live Liveness, pace func() error) (bool, error) {
	p := pacer{pace: pace}
	table := s.table()
	for {
		e, more, err := table.next()
		if err != nil || !more {
			return false, err
		}
		earliest, alive := live.Topic(e.Topic)
		if !alive || e.First < earliest {
			return true, nil
		}
		dead, any := live.Deleted(e.Topic, e.First, e.Last)
		if !any {
			continue
		}
		page, err := s.decodePage(ctx, &e)
		if err != nil {
			return false, err
		}
		for _, v := range page.Seq { // an earlier merge may have left out all that was deleted
			if dead(e.First + uint64(v)) {
				return true, nil
			}
		}
		if err := p.work(int(e.page.size)); err != nil {
			return false, err
		}
	}
}
