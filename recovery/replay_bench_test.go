package recovery_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// The time that writes of each shape take to replay, for the costs in
// recovery/health and for the progress test.
func BenchmarkReplayOfShapes(b *testing.B) {
	for _, s := range []struct {
		name          string
		records, size int
		writes        int
	}{
		{"1x100", 1, 100, 300_000},
		{"1x1000", 1, 1000, 200_000},
		{"1x1MiB", 1, 1<<20 - 100, 400},
		{"100x100", 100, 100, 30_000},
		{"100x1000", 100, 1000, 6_000},
		{"10000x100", 10_000, 100, 300},
	} {
		b.Run(s.name, func(b *testing.B) { benchmarkReplay(b, s.records, s.size, s.writes) })
	}
}

func benchmarkReplay(b *testing.B, records, size, writes int) {
	dir := b.TempDir()
	o := recoverytest.Options(vfs.OS(), func() int64 { return time.Now().UnixMilli() })
	o.Dir = filepath.Join(dir, "data")
	o.WAL.FileBytes, o.WAL.QueueBytes, o.WAL.Manual = 64<<20, 64<<20, false
	o.WAL.DiskSync = 10 * time.Millisecond
	o.Storage = store.Settings{ReserveBytes: 8 << 10}
	data := recoverytest.Run(b, o)
	text := append(append([]byte{'"'}, bytes.Repeat([]byte("x"), size-2)...), '"')
	class := "memory" // the writes shall not take longer than the replay
	w := topic.Write{Records: make([]record.Record, records), Config: &record.ConfigPatch{Durability: &class}}
	for i := range w.Records {
		w.Records[i].Data = text
	}
	for range writes {
		copied := w
		if _, err := data.Registry.Append(b.Context(), "shape", &copied); err != nil {
			b.Fatal(err)
		}
	}
	before := filepath.Join(dir, "killed")
	if err := os.CopyFS(before, os.DirFS(o.Dir)); err != nil {
		b.Fatal(err)
	}
	if err := data.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		if err := os.RemoveAll(o.Dir); err != nil {
			b.Fatal(err)
		}
		if err := os.CopyFS(o.Dir, os.DirFS(before)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		data := recoverytest.Run(b, o)
		b.StopTimer()
		b.ReportMetric(float64(data.Report.Records), "records")
		if err := data.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(writes), "ns/write")
}
