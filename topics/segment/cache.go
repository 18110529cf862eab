package segment

import (
	"container/list"
	"sync"
)

// Cache caches decoded blocks and pages of any number of segments, and evicts
// those least recently used. It is safe for concurrent use. A value that was
// returned stays valid after it was evicted, since the garbage collector frees
// it.
type Cache struct {
	shards []shard // none if nothing is cached
}

// CacheStats counts events since the cache was made. Bytes is its current size.
type CacheStats struct {
	Hits, Misses, Evicted uint64
	Bytes                 int64
}

// shardBytes is the minimum size of a shard of a split cache. A shard must be
// large enough for blocks of large records.
const (
	shardBytes = 4 << 20
	maxShards  = 16
)

type shard struct {
	mu      sync.Mutex // guards the fields below
	limit   int64      // constant
	entries map[cacheKey]*list.Element
	order   list.List // of *cacheEntry, most recently used first
	stats   CacheStats
}

// cacheKey identifies a frame of an open segment.
type cacheKey struct {
	owner uint64 // the open segment
	off   int64
	data  bool // in the data file; otherwise in the index
}

type cacheEntry struct {
	key   cacheKey
	value any
	bytes int64
}

// entryBytes is the approximate size of an entry without its value.
const entryBytes = 256

// NewCache returns a cache of at most the given size. With 0 it caches nothing.
func NewCache(bytes int64) *Cache {
	if bytes <= 0 {
		return &Cache{}
	}
	n := min(max(bytes/shardBytes, 1), maxShards)
	c := &Cache{shards: make([]shard, n)}
	for i := range c.shards {
		c.shards[i].limit = bytes / n
		c.shards[i].entries = map[cacheKey]*list.Element{}
	}
	return c
}

func (c *Cache) shard(k cacheKey) *shard {
	if len(c.shards) == 0 {
		return nil
	}
	h := k.owner*0x9e3779b97f4a7c15 ^ uint64(k.off)*0xc2b2ae3d27d4eb4f
	return &c.shards[(h^h>>32)%uint64(len(c.shards))]
}

// get returns the cached value, or nil.
func (c *Cache) get(k cacheKey) any {
	s := c.shard(k)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	el := s.entries[k]
	if el == nil {
		s.stats.Misses++
		return nil
	}
	s.stats.Hits++
	s.order.MoveToFront(el)
	return el.Value.(*cacheEntry).value
}

// put caches a value of the given size, unless it is larger than a shard or the
// key is cached already.
func (c *Cache) put(k cacheKey, value any, bytes int) {
	s := c.shard(k)
	if s == nil || int64(bytes)+entryBytes > s.limit {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[k] != nil {
		return
	}
	e := &cacheEntry{k, value, int64(bytes) + entryBytes}
	s.entries[k] = s.order.PushFront(e)
	s.stats.Bytes += e.bytes
	for s.stats.Bytes > s.limit {
		s.removeLocked(s.order.Back())
		s.stats.Evicted++
	}
}

func (s *shard) removeLocked(el *list.Element) {
	e := s.order.Remove(el).(*cacheEntry)
	delete(s.entries, e.key)
	s.stats.Bytes -= e.bytes
}

// drop removes all entries of an owner. They do not count as evicted.
func (c *Cache) drop(owner uint64) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for k, el := range s.entries {
			if k.owner == owner {
				s.removeLocked(el)
			}
		}
		s.mu.Unlock()
	}
}

// Stats returns the sum over all shards.
func (c *Cache) Stats() (sum CacheStats) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		sum.Hits += s.stats.Hits
		sum.Misses += s.stats.Misses
		sum.Evicted += s.stats.Evicted
		sum.Bytes += s.stats.Bytes
		s.mu.Unlock()
	}
	return sum
}
