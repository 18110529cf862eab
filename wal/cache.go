package wal

import (
	"sort"
	"sync/atomic"

	"github.com/e6e95bb8/topics/wal/frame"
)

// chunkBytes is the cache's unit of allocation and eviction: small enough that
// making one under the log's lock is cheap.
const chunkBytes = 256 << 10

// chunk holds a contiguous run of the log. buf never moves and filled bytes
// never change, so a reader may keep slices of it as long as it likes. The
// garbage collector frees a chunk when neither the cache nor a reader refers
// to it.
type chunk struct {
	base LSN
	buf  []byte
	used int // bytes reserved; guarded by Log.mu
}

// cache keeps the newest bytes of the log in the order they were appended.
// Log.mu guards it, except for lookups, which go through list.
type cache struct {
	limit int64
	bytes int64                    // memory of all chunks
	list  atomic.Pointer[[]*chunk] // oldest first, copied on change
}

func newCache(limit int64) *cache {
	c := &cache{limit: limit}
	c.list.Store(new([]*chunk))
	return c
}

// reserveLocked returns size bytes of zeroed, contiguous space for the frame at lsn
// and the chunk that holds it. It evicts nothing at or after written. Log.mu is
// held.
func (c *cache) reserveLocked(lsn LSN, size int, written LSN) (*chunk, []byte) {
	list := *c.list.Load()
	if n := len(list); n > 0 {
		last := list[n-1]
		if used := last.used; len(last.buf)-used >= size {
			last.used += size
			return last, last.buf[used:last.used]
		}
	}
	ck := &chunk{base: lsn, buf: make([]byte, max(size, chunkBytes)), used: size}
	c.bytes += int64(len(ck.buf))
	drop := 0
	for drop+1 < len(list) && c.bytes > c.limit && list[drop+1].base <= written {
		c.bytes -= int64(len(list[drop].buf))
		drop++
	}
	next := make([]*chunk, 0, len(list)-drop+1)
	next = append(append(next, list[drop:]...), ck)
	c.list.Store(&next)
	return ck, ck.buf[:size]
}

// frame returns the type and the payload of the frame at lsn, if the cache still
// has it. The append of the frame must happen before this call, by a lock or a
// channel.
func (c *cache) frame(lsn LSN) (typ byte, payload []byte, ok bool) {
	list := *c.list.Load()
	i := sort.Search(len(list), func(i int) bool { return list[i].base > lsn }) - 1
	if i < 0 {
		return 0, nil, false
	}
	buf := list[i].buf[lsn-list[i].base:]
	size, _ := frame.Claimed(buf)
	return frame.Type(buf), frame.Payload(buf[:size]), true
}
