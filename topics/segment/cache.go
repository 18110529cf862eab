package segment

import (
	"container/list"
	"sync"
)

// Cache keeps decoded blocks and pages of any number of segments, the least
// recently used go first. It is safe for concurrent use. What it gives out
// stays valid after it was evicted: the collector frees it.
type Cache struct {
	shards []shard // none: nothing is kept
}

// CacheStats are counts since the cache was made, but Bytes, which is what it
// holds now.
type CacheStats struct {
	Hits, Misses, Evicted uint64
	Bytes                 int64
}

// shardBytes is how small a shard gets at most by splitting: blocks that a
// large record made have to fit.
const (
	shardBytes = 4 << 20
	maxShards  = 16
)

type shard struct {
	mu      sync.Mutex // guards what follows
	limit   int64      // constant
	entries map[cacheKey]*list.Element
	order   list.List // of *cacheEntry, the last used in front
	stats   CacheStats
}

// cacheKey names a frame of a segment that is open.
type cacheKey struct {
	owner uint64 // the open segment
	off   int64
	data  bool // of the data file, else of the index
}

type cacheEntry struct {
	key   cacheKey
	value any
	bytes int64
}

// entryBytes is about what an entry takes besides its value.
const entryBytes = 256

// NewCache returns a cache that holds at most that many bytes. 0 keeps nothing.
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

// get returns nil if the value is not there.
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

// put keeps a value of that many bytes, unless it is larger than a shard or
// another caller was first.
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

// drop forgets all of an owner. They do not count as evicted.
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

// Stats returns the sums over all shards.
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
