package store

import (
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/segment"
)

// candidate is a segment as pickCompaction sees it.
type candidate struct {
	size     int64 // bytes of data and index
	records  int64
	live     float64 // live fraction of the payload
	dense    bool    // an output of a compaction that did not make its inputs fewer
	excluded bool    // in another tier, or claimed
}

// newCandidate estimates the live fraction by the extents: those that a topic's
// first live seq or deletes cut count in proportion.
func newCandidate(s *segment.Segment, live index.Liveness) (candidate, error) {
	var bytes float64
	err := s.Extents(func(e segment.Extent) error {
		bytes += live.Fraction(&e) * float64(e.Bytes)
		return nil
	})
	c := candidate{size: s.DataBytes() + s.IndexBytes(), records: s.Records()}
	if s.Bytes() > 0 {
		c.live = bytes / float64(s.Bytes())
	}
	return c, err
}

// liveBytes returns how many bytes of the segment are live.
func (c *candidate) liveBytes() float64 { return c.live * float64(c.size) }

// dead reports whether the segment can go without being read.
func (c *candidate) dead() bool { return c.live == 0 && !c.excluded }

func liveBytes(candidates []candidate) (sum float64) {
	for i := range candidates {
		sum += candidates[i].liveBytes()
	}
	return sum
}

const (
	// minLiveFraction is the fraction of all bytes in segments that is live at
	// least, or the worst segments are compacted. With what the next compaction
	// copies, the disk never holds twice what is live.
	minLiveFraction = 0.65
	// maxLiveFraction is the live fraction above which rewriting a segment frees
	// too little.
	maxLiveFraction = 0.9
	// tierWidth is how many segments of about one size, next to each other, are
	// compacted into one.
	tierWidth = 8
)

// outputs estimates how many segments a compaction would write.
func outputs(candidates []candidate, limits segment.Limits) int {
	var records float64
	for _, c := range candidates {
		records += c.live * float64(c.records)
	}
	return 1 + int(max(liveBytes(candidates)/float64(limits.Bytes), records/float64(limits.Records)))
}

// pickCompaction returns the run of segments to compact next, of which at most
// room bytes are live and, unless all are dead, which are at most so many; from and to are equal if
// there is none. Each run comes out smaller or in fewer pieces, so that compaction ends.
func pickCompaction(candidates []candidate, limits segment.Limits, room float64, most int) (from, to int) {
	if from, to = pickDead(candidates); from < to {
		return from, to
	}
	if from, to = pickSmall(candidates, limits, room, most); from < to {
		return from, to
	}
	return pickWorst(candidates, limits, room, most)
}

// pickDead picks segments without live records: they go at once, at no cost.
func pickDead(candidates []candidate) (from, to int) {
	for from < len(candidates) && !candidates[from].dead() {
		from++
	}
	for to = from; to < len(candidates) && candidates[to].dead(); to++ {
	}
	return from, to
}

// pickSmall picks small segments that are next to each other, so that the number
// of segments grows with the logarithm of the data.
func pickSmall(candidates []candidate, limits segment.Limits, room float64, most int) (from, to int) {
	small := func(c *candidate, limit int64) bool { return c.size <= limit && !c.dense && !c.excluded }
	for limit := max(limits.Bytes/512, 1); limit <= limits.Bytes/2; limit *= 4 {
		for from = 0; from < len(candidates); from = max(to, from+1) {
			for to = from; to < len(candidates) && to-from < most && small(&candidates[to], limit); to++ {
			}
			run := candidates[from:to]
			if len(run) >= tierWidth && outputs(run, limits) <= len(run)/2 && liveBytes(run) <= room {
				return from, to
			}
		}
	}
	return 0, 0
}

// pickWorst picks the segment with the lowest live fraction if too little of all
// segments is live. Its neighbours come along while the output stays one
// segment.
func pickWorst(candidates []candidate, limits segment.Limits, room float64, most int) (from, to int) {
	var total, live float64
	worst := -1
	for i, c := range candidates {
		if c.excluded {
			continue
		}
		total += float64(c.size)
		live += c.liveBytes()
		if c.live < maxLiveFraction && c.liveBytes() <= room && (worst < 0 || c.live < candidates[worst].live) {
			worst = i
		}
	}
	if worst < 0 || live >= minLiveFraction*total {
		return 0, 0
	}
	from, to = worst, worst+1
	size := candidates[worst].liveBytes()
	for largest := min(float64(limits.Bytes), room); to < len(candidates) && to-from < most; to++ {
		c := &candidates[to]
		if c.excluded || c.live >= maxLiveFraction || size+c.liveBytes() > largest {
			break
		}
		size += c.liveBytes()
	}
	return from, to
}
