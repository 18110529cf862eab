package bench

import (
	"encoding/json"
	"fmt"
)

// walMetrics are the log's counters of /v0/metrics.
type walMetrics struct {
	Frames       uint64 `json:"frames"`
	Fsyncs       uint64 `json:"fsyncs"`
	BytesWritten uint64 `json:"bytes_written"`
}

// metricsRequest asks for JSON: render sets Accept.
var metricsRequest = render("GET", "/v0/metrics", nil)

func readMetrics(c *conn) (walMetrics, error) {
	body, err := c.expect(metricsRequest, 200)
	if err != nil {
		return walMetrics{}, fmt.Errorf("read the metrics: %w", err)
	}
	var m struct {
		WAL walMetrics `json:"wal"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return walMetrics{}, fmt.Errorf("read the metrics: %w", err)
	}
	return m.WAL, nil
}

// groupSize is the mean number of frames that shared a sync between two
// readings; 0 without a sync.
func groupSize(before, after walMetrics) float64 {
	if after.Fsyncs == before.Fsyncs {
		return 0
	}
	return float64(after.Frames-before.Frames) / float64(after.Fsyncs-before.Fsyncs)
}
