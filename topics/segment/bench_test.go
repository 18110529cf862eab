package segment

import (
	"context"
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// benchRecord is a record that compresses about as JSON does.
func benchRecord(i int) []byte {
	return fmt.Appendf(nil, `{"id":%d,"name":"package-%d","sum":"%016x","depends":"libc6 (>= 2.%d), zlib1g","section":"games"}`,
		i, i%977, uint64(i)*0x9e3779b97f4a7c15, i%40)
}

const benchRecords = 20_000

func benchSegment(b *testing.B, dir string, id uint64, records [][]byte) {
	w := must(Create(vfs.OS(), dir, id, testLog))
	for i, r := range records {
		check(b, w.Add(1, uint64(i+1), int64(i), uint32(len(r)), r))
		check(b, w.Tag(1, r[6:12], uint64(i+1)))
	}
	check(b, w.Finish())
}

func benchInput() (records [][]byte, bytes int64) {
	for i := range benchRecords {
		r := benchRecord(i)
		records = append(records, r)
		bytes += int64(len(r))
	}
	return records, bytes
}

func BenchmarkWrite(b *testing.B) {
	dir := b.TempDir()
	records, bytes := benchInput()
	b.SetBytes(bytes)
	b.ReportAllocs()
	for b.Loop() {
		benchSegment(b, dir, 1, records)
	}
}

// BenchmarkScan reads all records through the index, from a cache that holds
// nothing and from one that holds all.
func BenchmarkScan(b *testing.B) {
	for name, bytes := range map[string]int64{"cold": 0, "warm": 1 << 28} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			records, n := benchInput()
			benchSegment(b, dir, 1, records)
			s := must(Open(vfs.OS(), dir, dir, 1, testLog, NewCache(bytes)))
			defer s.Release()
			b.SetBytes(n)
			b.ReportAllocs()
			for b.Loop() {
				check(b, s.Extents(func(e Extent) error {
					p, err := s.Page(context.Background(), &e)
					if err != nil {
						return err
					}
					for i := range p.Runs {
						c, err := s.Run(context.Background(), &e, p, i)
						if err != nil {
							return err
						}
						for c.Next() {
						}
						if err := c.Err(); err != nil {
							return err
						}
					}
					return nil
				}))
			}
		})
	}
}
