package store

import "sync/atomic"

// LeastWorkBytes is the least memory that the work in the background has for its
// buffers: enough for a compaction of tierWidth segments in each directory.
const LeastWorkBytes = 4 << 20

// inputBytes is about what a segment takes in memory while it is read from beginning to
// end: a block as it is stored and decoded, and pages. Larger records take more, one at
// a time.
const inputBytes = 128 << 10

// outputBytes is about what a segment that is written takes.
const outputBytes = 512 << 10

// buffers are the memory of the work in the background: compactions, erasures, scrubs,
// the archive and offloading. Each has a fixed part, so that none waits for another that
// hangs.
type buffers struct {
	most int64 // bytes of all together
	used atomic.Int64
}

// inputs returns how many segments a compaction merges at most. A compaction of the data
// directory and one of the cold directory have a quarter each.
func (b *buffers) inputs() int { return max(int(b.most/4/inputBytes), tierWidth) }

// step returns the size of a buffer of a copy or a scrub. The archive has two.
func (b *buffers) step() int64 { return min(max(b.most/16, 64<<10), 1<<20) }

// hold counts n bytes until the returned function is called.
func (b *buffers) hold(n int64) (release func()) {
	b.used.Add(n)
	return func() { b.used.Add(-n) }
}
