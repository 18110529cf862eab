package topics

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// readCounter counts the reads of segments' indexes.
type readCounter struct {
	vfs.FS
	n atomic.Int64
}

type countedFile struct {
	vfs.File
	n *atomic.Int64
}

func (c *readCounter) OpenRead(name string) (vfs.File, error) {
	f, err := c.FS.OpenRead(name)
	if err == nil && strings.HasSuffix(name, ".idx") {
		f = countedFile{f, &c.n}
	}
	return f, err
}

func (f countedFile) ReadAt(p []byte, off int64) (int, error) {
	f.n.Add(1)
	return f.File.ReadAt(p, off)
}

// counted is a world whose segments' reads are counted and never cached.
func counted(c *readCounter) func(*world) {
	return func(w *world) {
		w.disk.cache, w.disk.limits.Records = segment.NewCache(0), 1<<20
		w.wal.FileBytes, w.wal.QueueBytes = 4<<20, 4<<20
		w.disk.wrap = func(fs vfs.FS) vfs.FS { c.FS = fs; return c }
	}
}

// recordsPerPageRead is the number of records whose sizes one read of a page gives.
const recordsPerPageRead = 64

// TestCostOfBefore holds that a delete of a million records by before_seq reads
// a page where it ends, and none of the others.
func TestCostOfBefore(t *testing.T) {
	c := &readCounter{}
	w := newWorld(t, counted(c))
	const n = 1 << 20
	for range n >> 13 {
		w.write("a", 1<<13)
	}
	w.checkpoint(nil)
	c.n.Store(0)
	if out := w.deleteRecords("a", n-100, ""); out.Deleted != n-101 || out.Count != 101 {
		t.Fatalf("%+v", out)
	}
	t.Logf("%d pages read to delete %d records", c.n.Load(), n-101)
	if got := c.n.Load(); got > 2*segment.ExtentRecords/recordsPerPageRead {
		t.Fatalf("%d pages read", got)
	}
}

// TestCostOfEviction holds that writes to a full topic whose front is in a
// segment read a page for many records.
func TestCostOfEviction(t *testing.T) {
	c := &readCounter{}
	w := newWorld(t, counted(c))
	const n = 4096
	w.write("a", n)
	w.patch("a", &record.ConfigPatch{CapRecords: ptr(int64(n))})
	w.checkpoint(nil)
	c.n.Store(0)
	for range n / 2 {
		w.write("a", 1)
	}
	t.Logf("%d pages read to evict %d records", c.n.Load(), n/2)
	if got := c.n.Load(); got > n/2/recordsPerPageRead+1 {
		t.Fatalf("%d pages read", got)
	}
}

// TestReadAllocates holds that a warm read of 100 records from segments
// allocates what it answers with, and little else.
func TestReadAllocates(t *testing.T) {
	if lockorder.Checked {
		t.Skip("the checks of the lock order allocate")
	}
	w := newWorld(t)
	w.write("a", 1000)
	w.checkpoint(nil)
	q := &topic.Query{From: 500, Limit: 100, MaxBytes: 1 << 20}
	got := testing.AllocsPerRun(100, func() {
		if b, err := w.Read(context.Background(), "a", q); err != nil || len(b.Records) != 100 {
			t.Fatal(err)
		}
	})
	t.Logf("%.0f allocations to read 100 records", got)
	if got > 16 {
		t.Fatalf("%.0f allocations", got)
	}
}

// TestCostOfDeleted holds that a read among many deleted records looks at as
// many as it answers with, and not at all that one read may examine.
func TestCostOfDeleted(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.FileBytes, w.wal.QueueBytes = 4<<20, 4<<20 })
	all := records(100_000)
	for i := range all {
		if i%4 > 0 {
			all[i].Tag = []byte("x")
		}
	}
	w.append("a", &topic.Write{Records: all})
	w.deleteRecords("a", 0, "x")
	x := w.catalog.Lookup("a")
	for _, limit := range []int{1, 100, 1000} {
		q := &topic.Query{From: 40_000, Limit: limit, MaxBytes: 1 << 20}
		if v := x.ViewLocked(q, &topic.Batch{NextFrom: q.From}, w.now); v.Below-v.Next > 8*uint64(max(limit, 64)) {
			t.Fatalf("%d seqs looked at for %d records", v.Below-v.Next, limit)
		}
		if b := w.query("a", q); len(b.Records) != limit {
			t.Fatalf("%d records, want %d", len(b.Records), limit)
		}
	}
}
