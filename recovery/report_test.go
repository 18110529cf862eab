package recovery

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	start := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	r := NewReport(start)
	r.Bytes = 3000
	r.Phase("open", 1500*time.Microsecond)
	r.Phase(ReplayStep, 2*time.Second)
	for i := range uint64(maxLostRanges + 5) {
		r.Lost(LostRange{Topic: "t", From: i, To: i, Reason: "crash", AtLeast: 2})
	}
	r.Finish(start.Add(3*time.Second), errors.New("bad frame"))
	if len(r.LostRanges) != maxLostRanges || r.LostRangesTotal != maxLostRanges+5 {
		t.Errorf("%d lost ranges of %d", len(r.LostRanges), r.LostRangesTotal)
	}
	r.LostRanges = r.LostRanges[:1]
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"started":"2025-01-02T03:04:05Z","finished":"2025-01-02T03:04:08Z","duration_ms":3000,` +
		`"bytes_per_second":1500,"phases":[{"name":"open","duration_ms":1.5},{"name":"replay","duration_ms":2000}],` +
		`"files":0,"bytes":3000,"frames_replayed":0,"records_replayed":0,"bytes_truncated":0,"frames_truncated":0,` +
		`"records_truncated":0,"power_lost":false,"clean_shutdown":false,` +
		`"lost_ranges":[{"topic":"t","from":0,"to":0,"reason":"crash","missed_at_least":2}],"lost_ranges_total":1005,"error":"bad frame"}`
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
}
