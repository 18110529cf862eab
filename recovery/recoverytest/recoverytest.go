// Package recoverytest makes data directories in use for tests: small ones on
// any file system, with files of a few KiB, whose background work the tests do
// themselves.
package recoverytest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Options returns the options of a server whose data are in /data and /cold on
// fsys, and whose archive is in /archive. Its topics take the time from now, in
// milliseconds.
func Options(fsys vfs.FS, now func() int64) recovery.Options {
	return recovery.Options{
		FS: fsys, Dir: "/data", BootID: "boot", Mount: "mount", Log: zerolog.Nop(), Gate: health.NewGate(time.Now),
		WAL: wal.Options{
			FileBytes: 16 << 10, QueueBytes: 64 << 10, CacheBytes: 1 << 20,
			DiskSync: time.Millisecond, QueueWait: time.Minute, Manual: true,
		},
		Topics: topics.Options{Now: now},
		Storage: store.Settings{
			ReserveBytes: 8 << 10, Segment: segment.Limits{Bytes: 2 << 10, Records: 60}, CacheBytes: 32 << 10,
			ColdDir: "/cold", HotSegments: 3, ArchiveDir: "/archive",
		},
	}
}

// Run recovers a directory, which must succeed. The caller closes the result.
func Run(t testing.TB, o recovery.Options) *recovery.Recovered {
	t.Helper()
	data, err := recovery.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Upkeep does once what the background of a server does with its storage: a
// checkpoint, a merge of segments, and the move of old ones to the cold
// directory. It stops at the first error.
func Upkeep(ctx context.Context, data *recovery.Recovered) error {
	if _, err := data.Checkpoint(ctx); err != nil {
		return err
	}
	if err := data.Compact(ctx); err != nil {
		return err
	}
	return data.Offload(ctx)
}

// Batches reads a topic from its beginning to its head, in batches of at most
// limit records. It yields each batch, and the position where it was read. The
// test fails if a read fails or does not get further.
func Batches(t testing.TB, r *topics.Registry, name string, limit int) iter.Seq2[uint64, *topic.Batch] {
	return func(yield func(uint64, *topic.Batch) bool) {
		t.Helper()
		q := topic.Query{Limit: limit, MaxBytes: 1 << 20}
		for {
			b, err := r.Read(context.Background(), name, &q)
			if err == nil && b.NextFrom <= q.From && b.NextFrom < b.Head {
				err = errors.New("the read stands still")
			}
			if err != nil {
				t.Fatalf("read %s from %d: %v", name, q.From, err)
			}
			if !yield(q.From, b) || b.NextFrom == b.Head {
				return
			}
			q.From = b.NextFrom
		}
	}
}
