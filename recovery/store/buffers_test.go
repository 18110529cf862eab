package store

import (
	"testing"

	"github.com/e6e95bb8/topics/topics/segment"
)

// The parts of the memory for work in the background are no more than the whole: two
// compactions, an erasure and a scrub that read a segment, the archive and offloading.
func TestBuffersFit(t *testing.T) {
	for _, most := range []int64{LeastWorkBytes, 8 << 20, 32 << 20} {
		b := &buffers{most: most}
		sum := 2*(int64(b.inputs())*inputBytes+outputBytes) + 2*inputBytes + 2*b.step() + segment.CopyBytes
		if sum > most {
			t.Errorf("of %d bytes %d are used", most, sum)
		}
	}
	b := &buffers{most: LeastWorkBytes}
	release := b.hold(5)
	if b.used.Load() != 5 {
		t.Error("what is held is not counted")
	}
	release()
	if b.used.Load() != 0 {
		t.Error("what is released is counted")
	}
}

// A compaction takes as many segments as it has memory for, and those after them are the
// next one's.
func TestCompactionsAreBounded(t *testing.T) {
	limits := segment.Limits{}.WithDefaults()
	const many = 50
	small := make([]candidate, many)
	sparse := make([]candidate, many)
	for i := range small {
		small[i] = candidate{size: 100, records: 1, live: 1}
		sparse[i] = candidate{size: 1000, records: 1, live: 0.1, dense: true}
	}
	if from, to := pickCompaction(small, limits, 1e12, 10); from != 0 || to != 10 {
		t.Errorf("%d to %d of %d small segments", from, to, many)
	}
	if from, to := pickCompaction(sparse, limits, 1e12, 10); to-from != 10 {
		t.Errorf("%d to %d of %d sparse segments", from, to, many)
	}
	small[3].excluded = true
	if from, to := pickCompaction(small, limits, 1e12, 10); from != 4 || to != 14 {
		t.Errorf("%d to %d after one that is excluded", from, to)
	}
	for i := range sparse {
		sparse[i].live = 0
	}
	if from, to := pickCompaction(sparse, limits, 1e12, 10); from != 0 || to != many {
		t.Errorf("%d to %d of %d dead segments", from, to, many)
	}
}
