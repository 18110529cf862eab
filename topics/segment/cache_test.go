package segment

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// TestCacheBound holds that a cache stays below its bound, keeps what was used
// last, and nothing that is larger than a shard.
func TestCacheBound(t *testing.T) {
	for _, bytes := range []int64{0, 1, 10_000, 100_000, 9 * shardBytes, 1 << 30} {
		c := NewCache(bytes)
		for i := range int64(5000) {
			c.put(cacheKey{1, i, i%2 == 0}, i, int(i%700))
			c.put(cacheKey{1, i, i%2 == 0}, -1, int(i%700))
			if got := c.Stats().Bytes; got > bytes {
				t.Fatalf("%d of %d bytes", got, bytes)
			}
			if v := c.get(cacheKey{1, i, i%2 == 0}); v != i && (v != nil || bytes >= 10_000) {
				t.Fatalf("bytes %d: %v, want %v", bytes, v, i)
			}
			if v := c.get(cacheKey{1, i, i%2 != 0}); v != nil {
				t.Fatalf("%v", v)
			}
		}
		c.put(cacheKey{1, -1, true}, "large", int(bytes))
		if v := c.get(cacheKey{1, -1, true}); v != nil {
			t.Errorf("bytes %d: a value of that size is kept", bytes)
		}
		if st := c.Stats(); bytes >= 10_000 && (st.Hits != 5000 || st.Misses != 5001 || (st.Evicted > 0) != (bytes < 1<<20)) {
			t.Errorf("bytes %d: %+v", bytes, st)
		}
		c.drop(2)
		before := c.Stats().Bytes
		c.drop(1)
		if after := c.Stats().Bytes; after != 0 || before == 0 && bytes >= 10_000 {
			t.Errorf("%d bytes, %d after drop", before, after)
		}
	}
	c := NewCache(3 * (10 + entryBytes))
	for i := range int64(3) {
		c.put(cacheKey{off: i}, i, 10)
	}
	c.get(cacheKey{off: 0})
	c.put(cacheKey{off: 3}, int64(3), 10)
	if c.get(cacheKey{off: 0}) == nil || c.get(cacheKey{off: 1}) != nil {
		t.Error("it was not the least recently used that went")
	}
}

// TestRelease holds what the last Release does, and that a closed segment
// cannot be retained.
func TestRelease(t *testing.T) {
	cache := NewCache(1 << 20)
	s := build(t, newFS(t), 1, bulk(1, 200), cache)
	_ = must(contents(s))
	if !s.Retain() || cache.Stats().Bytes == 0 {
		t.Fatal("it is closed or not cached")
	}
	s.Release()
	_ = must(contents(s))
	s.Release()
	if s.Retain() || cache.Stats().Bytes != 0 {
		t.Errorf("it is not closed; %d bytes are cached", cache.Stats().Bytes)
	}
	if _, err := contents(s); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read of a closed segment: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a Release too many goes by")
		}
	}()
	s.Release()
}

// TestRelocate moves the data back and forth while it is read, which readers do
// not notice. Each time it removes the old file.
func TestRelocate(t *testing.T) {
	fsys := vfs.OS()
	hot, cold := t.TempDir(), t.TempDir()
	items := bulk(1, 1000)
	w := must(Create(fsys, hot, 1, testLog))
	check(t, write(w, items, false))
	check(t, w.Finish())
	s := must(Open(fsys, hot, hot, 1, testLog, NewCache(100_000)))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if !s.Retain() {
					t.Error("it is closed")
					return
				}
				got, err := contents(s)
				s.Release()
				if err != nil || len(got) != len(items) {
					t.Errorf("%d records, %v", len(got), err)
					return
				}
			}
		})
	}
	from, to := hot, cold
	for i := range 20 {
		if s.Cold() != (i%2 == 1) {
			t.Errorf("round %d: cold is %v", i, s.Cold())
		}
		check(t, CopyData(fsys, from, to, 1))
		check(t, s.Relocate(to))
		check(t, Remove(fsys, from, 1, Data))
		from, to = to, from
	}
	close(done)
	readers.Wait()
	if err := s.Relocate(cold); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file there: %v", err)
	}
	f := must(fsys.Create(cold + "/" + DataName(1)))
	check(t, f.Close())
	if err := s.Relocate(cold); !isDamage(err) {
		t.Errorf("an empty file there: %v", err)
	}
	check(t, verifies(s))
	s.Release()
}

// TestRunAllocates holds that a warm read of a run allocates nothing.
func TestRunAllocates(t *testing.T) {
	s := build(t, newFS(t), 1, bulk(1, 500), NewCache(1<<20))
	defer s.Release()
	var e Extent
	check(t, s.Extents(func(x Extent) error { e = x; return nil }))
	n := 0
	allocs := testing.AllocsPerRun(100, func() {
		p, err := s.Page(context.Background(), &e)
		check(t, err)
		for i := range p.Runs {
			c, err := s.Run(context.Background(), &e, p, i)
			check(t, err)
			for c.Next() {
				n += len(c.Record)
			}
			check(t, c.Err())
		}
	})
	if allocs > 0 || n == 0 {
		t.Errorf("%v allocations", allocs)
	}
}
