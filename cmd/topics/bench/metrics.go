package bench

import (
	"encoding/json"
	"fmt"
	"time"
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

// replayed is how long the server says its replay of the log took.
func (s *server) replayed() (time.Duration, error) {
	body, err := s.control.expect(render("GET", "/v0/recovery", nil), 200)
	if err != nil {
		return 0, fmt.Errorf("read the recovery report: %w", err)
	}
	return parseReplay(body)
}

// parseReplay takes the replay's duration out of /v0/recovery.
func parseReplay(body []byte) (time.Duration, error) {
	var report struct {
		Phases []struct {
			Name       string  `json:"name"`
			DurationMS float64 `json:"duration_ms"`
		} `json:"phases"`
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return 0, fmt.Errorf("read the recovery report: %w", err)
	}
	for _, p := range report.Phases {
		if p.Name == "replay" && p.DurationMS > 0 {
			return time.Duration(p.DurationMS * float64(time.Millisecond)), nil
		}
	}
	return 0, fmt.Errorf("the recovery report tells of no replay: %.300s", body)
}
