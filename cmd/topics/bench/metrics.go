package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// metrics is the part of /v0/metrics that is used.
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

// storageMetrics are the storage's counters since the start, and gauges.
type storageMetrics struct {
	Checkpoints       uint64 `json:"checkpoints"`
	Merges            uint64 `json:"merges"`
	MergeReadBytes    int64  `json:"merge_read_bytes"`
	Segments          int    `json:"segments"`
	SegmentBytes      int64  `json:"segment_bytes"`       // data, including cold data
	ColdSegmentBytes  int64  `json:"cold_segment_bytes"`  // data
	SegmentIndexBytes int64  `json:"segment_index_bytes"` // index files, which are never cold
	LogBytes          int64  `json:"wal_size_bytes"`      // size of the files on disk
}

// disk returns the total disk usage of the storage.
func (m *storageMetrics) disk() int64 { return m.LogBytes + m.SegmentBytes + m.SegmentIndexBytes }

// metrics returns the server's current metrics.
func (s *server) metrics(ctx context.Context) (m metrics, err error) {
	if err = s.api.MetricsJSON(ctx, &m); err != nil {
		err = fmt.Errorf("read the metrics: %w", err)
	}
	return m, err
}

// groupSize returns the mean number of frames that shared a sync between two
// readings, or 0 if there was no sync.
func groupSize(before, after walMetrics) float64 {
	if after.Fsyncs == before.Fsyncs {
		return 0
	}
	return float64(after.Frames-before.Frames) / float64(after.Fsyncs-before.Fsyncs)
}

// recovery returns the server's report of its recovery.
func (s *server) recovery(ctx context.Context) (client.Recovery, error) {
	r, err := s.api.Recovery(ctx)
	if err != nil {
		err = fmt.Errorf("read the recovery report: %w", err)
	}
	return r, err
}

// replayTime returns how long the replay of the log took.
func replayTime(r client.Recovery) (time.Duration, error) {
	for _, p := range r.Phases {
		if p.Name == "replay" && p.DurationMS > 0 {
			return time.Duration(p.DurationMS * float64(time.Millisecond)), nil
		}
	}
	return 0, fmt.Errorf("the recovery report has no replay: %+v", r)
}
