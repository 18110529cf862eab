package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// metrics is what is looked at of /v0/metrics.
type metrics struct {
	WAL     walMetrics     `json:"wal"`
	Storage storageMetrics `json:"storage"`
}

// walMetrics are the log's counters.
type walMetrics struct {
	Frames       uint64 `json:"frames"`
	Fsyncs       uint64 `json:"fsyncs"`
	BytesWritten uint64 `json:"bytes_written"`
}

// storageMetrics are the storage's counters, since the start, and gauges.
type storageMetrics struct {
	Checkpoints       uint64 `json:"checkpoints"`
	Merges            uint64 `json:"merges"`
	MergeReadBytes    int64  `json:"merge_read_bytes"`
	Segments          int    `json:"segments"`
	SegmentBytes      int64  `json:"segment_bytes"`       // data, the cold included
	ColdSegmentBytes  int64  `json:"cold_segment_bytes"`  // data
	SegmentIndexBytes int64  `json:"segment_index_bytes"` // never cold
	LogBytes          int64  `json:"wal_size_bytes"`      // of the files on disk
}

// disk is all that the storage takes on disk.
func (m *storageMetrics) disk() int64 { return m.LogBytes + m.SegmentBytes + m.SegmentIndexBytes }

// metrics are the server's of now.
func (s *server) metrics(ctx context.Context) (m metrics, err error) {
	if err = s.api.MetricsJSON(ctx, &m); err != nil {
		err = fmt.Errorf("read the metrics: %w", err)
	}
	return m, err
}

// groupSize is the mean number of frames that shared a sync between two
// readings; 0 without a sync.
func groupSize(before, after walMetrics) float64 {
	if after.Fsyncs == before.Fsyncs {
		return 0
	}
	return float64(after.Frames-before.Frames) / float64(after.Fsyncs-before.Fsyncs)
}

// recovery is the server's own account of its start.
func (s *server) recovery(ctx context.Context) (client.Recovery, error) {
	r, err := s.api.Recovery(ctx)
	if err != nil {
		err = fmt.Errorf("read the recovery report: %w", err)
	}
	return r, err
}

// replayTime is how long the replay of the log took.
func replayTime(r client.Recovery) (time.Duration, error) {
	for _, p := range r.Phases {
		if p.Name == "replay" && p.DurationMS > 0 {
			return time.Duration(p.DurationMS * float64(time.Millisecond)), nil
		}
	}
	return 0, fmt.Errorf("the recovery report tells of no replay: %+v", r)
}
