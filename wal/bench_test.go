package wal

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// A frame of 100 records of 200 bytes, with what topics keeps beside them.
const (
	batchRecords = 100
	batchBytes   = 40 + batchRecords*220
)

func benchOptions(dir string) Options {
	return Options{
		FS: vfs.OS(), Dir: dir, LogID: 1,
		FileBytes: 64 << 20, QueueBytes: 64 << 20, CacheBytes: 64 << 20,
		DiskSync: 10 * time.Millisecond, QueueWait: time.Second,
	}
}

func benchLog(b *testing.B) *Log {
	b.Helper()
	l, err := recovered(benchOptions(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func appendAll(l *Log, p []byte, wait func(LSN) error) error {
	room, err := l.Reserve(context.Background(), len(p), Patient)
	if err != nil {
		return err
	}
	defer room.Release()
	span, err := room.Append(1, nil, p)
	if err != nil {
		return err
	}
	return wait(span.End)
}

// BenchmarkRawSync is what the disk takes for a lone append: WriteAt and
// fdatasync on a file of zeros.
func BenchmarkRawSync(b *testing.B) {
	fsys, dir := vfs.OS(), b.TempDir()
	const size = 64 << 20
	f, err := createFile(fsys, dir, 1, size)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 4096)
	for i := range p {
		p[i] = 1
	}
	var off int64
	for b.Loop() {
		if _, err := f.WriteAt(p, off); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		off = (off + int64(len(p))) % size
	}
}

// BenchmarkLoneSync is the same through the log.
func BenchmarkLoneSync(b *testing.B) {
	l := benchLog(b)
	p := make([]byte, 4096-markerSize)
	for b.Loop() {
		if err := appendAll(l, p, l.WaitSynced); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAppend is appends that wait for nothing, by 1 and by 16 writers.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			l := benchLog(b)
			p := make([]byte, 200)
			b.ReportAllocs()
			b.SetParallelism(max(writers/runtime.GOMAXPROCS(0), 1))
			if writers == 1 {
				for b.Loop() {
					if err := appendAll(l, p, func(LSN) error { return nil }); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := appendAll(l, p, func(LSN) error { return nil }); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkGroup is many writers of batches at once.
func BenchmarkGroup(b *testing.B) {
	for _, class := range []string{"written", "synced"} {
		b.Run(class, func(b *testing.B) {
			l := benchLog(b)
			wait := l.WaitWritten
			if class == "synced" {
				wait = l.WaitSynced
			}
			p := make([]byte, batchBytes)
			for i := range p {
				p[i] = byte(i) | 1
			}
			b.SetParallelism(8)
			b.SetBytes(batchBytes)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := appendAll(l, p, wait); err != nil {
						b.Error(err)
						return
					}
				}
			})
			s := l.Stats()
			b.ReportMetric(float64(b.N)*batchRecords/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(s.Frames)/float64(max(s.Syncs, 1)), "frames/sync")
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkReplay reads a log of 256 MiB, from the page cache, and applies
// nothing.
func BenchmarkReplay(b *testing.B) {
	o := benchOptions(b.TempDir())
	l, err := recovered(o)
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, batchBytes)
	for i := range p {
		p[i] = byte(i) | 1
	}
	for range (256 << 20) / batchBytes {
		if err := appendAll(l, p, func(LSN) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(256 << 20)
	for b.Loop() {
		r, err := Open(o)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		if _, err := r.Run(func(Frame) error { n++; return nil }, func(int64) {}); err != nil {
			b.Fatal(err)
		}
		r.close()
		if n != (256<<20)/batchBytes {
			b.Fatalf("%d frames", n)
		}
	}
}

// TestAppendAllocates bounds the garbage of a lone append and its sync: the
// frame itself is in a chunk of the cache, of which there is one per
// chunkBytes.
func TestAppendAllocates(t *testing.T) {
	l, err := recovered(benchOptions(t.TempDir()))
	check(t, err)
	p := make([]byte, 200)
	allocs := testing.AllocsPerRun(2000, func() {
		check(t, appendAll(l, p, l.WaitWritten))
	})
	if allocs > 4 {
		t.Errorf("%.1f allocations per append", allocs)
	}
	synced := testing.AllocsPerRun(500, func() {
		check(t, appendAll(l, p, l.WaitSynced))
	})
	if synced > 6 {
		t.Errorf("%.1f allocations per synced append", synced)
	}
	t.Logf("%.1f allocations per append and write, %.1f with a sync", allocs, synced)
	check(t, l.Close())
}
