package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

const (
	boundedCap = 10_000 // records
	boundedTTL = 2 * time.Second
	// boundedSteps is the number of steps in which the load is written. The disk
	// usage is measured after each.
	boundedSteps = 10
	boundedTopic = "bench-bounded"
	// The disk usage has settled if it was the same for stillLooks measurements in
	// a row, one per second. After mostLooks it is taken as it is.
	stillLooks = 4
	mostLooks  = 60
)

// boundedEnv makes checkpoints and merges frequent, so that a short run is
// representative of a long one.
var boundedEnv = []string{
	"TOPICS_CHECKPOINT_BYTES=32MiB", "TOPICS_CHECKPOINT_INTERVAL_MS=1000", "TOPICS_SEGMENT_MAX_BYTES=8MiB", "TOPICS_WAL_FILE_BYTES=16MiB",
}

// BoundedResult is the disk usage of a topic with limited retention.
type BoundedResult struct {
	Kept    string `json:"kept"` // what it retains
	Records int    `json:"records_written"`
	Bytes   int64  `json:"bytes_written"` // bytes of data
	// Disk usage of log and segments after each step of the load, and after it has
	// settled. For the deletion by tag: before and after it.
	Steps   []int64 `json:"disk_bytes"`
	Settled int64   `json:"settled_disk_bytes"`
	// SegmentSteps and SettledSegments are the segments' part of these.
	SegmentSteps    []int64 `json:"segment_bytes"`
	SettledSegments int64   `json:"settled_segment_bytes"`
}

// measureBounded measures a cap, a time to live, and a deletion of 90 % by
// tags.
func (b *bench) measureBounded(ctx context.Context) ([]BoundedResult, error) {
	var results []BoundedResult
	for _, kind := range []struct {
		kept   string
		config client.Config
		steps  int
	}{
		{fmt.Sprintf("%d records", boundedCap), client.Config{Durability: "disk", CapRecords: boundedCap}, boundedSteps},
		{fmt.Sprintf("for %v", boundedTTL), client.Config{Durability: "disk", TTLMS: boundedTTL.Milliseconds()}, boundedSteps},
		{"all, then 10 % by tag", client.Config{Durability: "disk"}, 1},
	} {
		r, err := b.measureKept(ctx, kind.config, kind.steps)
		if err != nil {
			return results, fmt.Errorf("a topic that keeps %s: %w", kind.kept, err)
		}
		r.Kept = kind.kept
		b.logf("bounded: keeps %s  disk at most %.0f MB, %.0f MB in the end", r.Kept, float64(most(r.Steps))/1e6, float64(r.Settled)/1e6)
		results = append(results, r)
	}
	return results, nil
}

// measureKept writes a topic in steps. With a single step everything is
// retained, and nine of ten records are deleted after the disk usage has
// settled.
func (b *bench) measureKept(ctx context.Context, config client.Config, steps int) (r BoundedResult, err error) {
	dir, done, err := scratch(b.dir, "bounded")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, done()) }()
	server, err := boot(ctx, dir, append(b.env(), boundedEnv...))
	if err != nil {
		return r, err
	}
	defer server.kill()
	if _, err := server.api.PutTopic(ctx, boundedTopic, config); err != nil {
		return r, err
	}
	writes := max(int(b.cmd.BoundedRecords)/curveBatch/steps, 1)
	for range steps {
		from := r.Records
		err := load.Fill(ctx, server.addr, curveConns, writes, func(buf []byte, i int) []byte {
			return b.corpus.appendWrite(buf, boundedTopic, from+i*curveBatch, curveBatch, b.cmd.Size)
		})
		if err != nil {
			return r, err
		}
		r.Records += writes * curveBatch
		r.Bytes = int64(r.Records) * int64(b.cmd.Size)
		m, err := server.metrics(ctx)
		if err == nil && steps == 1 {
			m, err = server.still(ctx)
		}
		if err != nil {
			return r, err
		}
		r.Steps = append(r.Steps, m.Storage.disk())
		r.SegmentSteps = append(r.SegmentSteps, m.Storage.SegmentBytes+m.Storage.SegmentIndexBytes)
	}
	for i := 1; i < corpusTags && steps == 1; i++ {
		if _, err := server.api.DeleteRecords(ctx, boundedTopic, client.Deletion{Match: []string{"tag", "Eq", corpusTag(i)}}); err != nil {
			return r, err
		}
	}
	m, err := server.still(ctx)
	r.Settled = m.Storage.disk()
	r.SettledSegments = m.Storage.SegmentBytes + m.Storage.SegmentIndexBytes
	return r, err
}

// still waits until the size of the segments has settled. It requests
// checkpoints meanwhile, because compaction follows them, and before each
// writes a record, without which a checkpoint would do nothing.
func (s *server) still(ctx context.Context) (m metrics, err error) {
	same, before := 0, int64(-1)
	for range mostLooks {
		if err := errors.Join(s.call(load.WriteRequest("bench-still", 1)), s.api.Checkpoint(ctx)); err != nil {
			return m, err
		}
		load.Pause(ctx, time.Second)
		if m, err = s.metrics(ctx); err != nil {
			return m, err
		}
		// The few bytes of the writes above do not count.
		size := m.Storage.SegmentBytes >> 16
		if same++; size != before {
			same, before = 0, size
		}
		if same == stillLooks || ctx.Err() != nil {
			break
		}
	}
	return m, ctx.Err()
}

func most(values []int64) int64 {
	m := int64(0)
	for _, v := range values {
		m = max(m, v)
	}
	return m
}
