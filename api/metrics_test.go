package api

import (
	"encoding/json"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/topics/topic"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
)

// busyServer has something in every series.
func busyServer(t *testing.T) (*Server, *opsEngine) {
	t.Helper()
	w := newWorld()
	w.progress = phases["ready"]
	s := opsServer(w, func(o *Options) {
		o.Limits.MetricsMaxTopics = 7
		o.Disk = func() (uint64, uint64) { return 1 << 30, 1 << 40 }
		o.Recovered = func() *metrics.Recovered {
			return &metrics.Recovered{Took: 2500 * time.Millisecond, Steps: []metrics.RecoveryStep{{Name: "lock", Took: time.Millisecond}, {Name: "replay", Took: 2 * time.Second}},
				Files: 3, Frames: 40, Records: 50, TruncatedBytes: 60, TruncatedFrames: 7, TruncatedRecords: 8, LostRanges: 9, PowerLost: true}
		}
		o.WAL = func() wal.Stats {
			return wal.Stats{Frames: 10, Batches: 5, Syncs: 4, BytesWritten: 4096, Rotations: 2, SubmitFull: 1,
				QueueDepth: 25, QueueDepthPeak: 80, QueueBytes: 100, ReadOnly: true, Full: true, Written: 900, Synced: 850}
		}
	})
	e := &opsEngine{
		totals: topic.Totals{Topics: 10, ByClass: [4]int{1, 2, 3, 4}, Queues: 2, Records: 100, Bytes: 2000, EphemeralBytes: 77,
			IdempotencyKeys: 21, IdempotencyBytes: 2100, IdempotencyRefused: 9,
			AppendedRecords: 500, AppendedBytes: 9000, DeliveredRecords: 300, DeliveredBytes: 6000,
			EvictedCap: 11, EvictedTTL: 12, Tombstones: map[string]uint64{"ttl": 2, "cap": 1}},
		page: []topics.TopicGauge{
			{Name: "orders", Head: 1 << 60, Earliest: 41, Records: 7, Bytes: 70},
			{Name: "jobs", Head: 3, Earliest: 4, Queue: true},
		},
		truncated: true, pressure: 0.5,
	}
	s.Open(e)
	for us := range 1000 {
		s.ObserveGroup(wal.Group{Sync: time.Duration(us+1) * time.Microsecond, Frames: us % 100, Bytes: 1})
	}
	get(s, "GET", "/v0/health")
	get(s, "GET", "/v0/health")
	get(s, "GET", "/nowhere/else")
	get(s, "BREW", "/v0/health")
	s.sockets.Observe("publish", nil)
	s.sockets.Observe("publish", &wire.Error{Code: "topic_full"})
	s.sockets.Observe("brew", wire.Invalid("no such op"))
	s.observeDelivery(w.now.UnixMilli()-20, 1)
	s.observeDelivery(w.now.UnixMilli()-1000, 1)
	return s, e
}

// busySeries is what busyServer's scrape must show.
var busySeries = map[string]float64{
	`topics_topics`: 10,
	`topics_topics_by_class{class="ephemeral"}`:                              1,
	`topics_topics_by_class{class="memory"}`:                                 2,
	`topics_topics_by_class{class="disk"}`:                                   3,
	`topics_topics_by_class{class="fsync"}`:                                  4,
	`topics_routers`:                                                         0,
	`topics_records_live`:                                                    100,
	`topics_ephemeral_bytes`:                                                 77,
	`topics_idempotency_keys`:                                                21,
	`topics_idempotency_bytes`:                                               2100,
	`topics_idempotency_refused_total`:                                       9,
	`topics_bytes_live`:                                                      2000,
	`topics_queue_topics`:                                                    2,
	`topics_queue_leases_in_flight`:                                          0,
	`topics_sse_connections`:                                                 0,
	`topics_ws_connections`:                                                  0,
	`topics_watch_sessions`:                                                  0,
	`topics_ready`:                                                           1,
	`topics_recovery_progress`:                                               1,
	`topics_uptime_ms`:                                                       84012,
	`topics_pressure`:                                                        0.5,
	`topics_topic_head_seq{topic="orders"}`:                                  1 << 60,
	`topics_topic_earliest_seq{topic="orders"}`:                              41,
	`topics_topic_records_live{topic="orders"}`:                              7,
	`topics_topic_bytes_live{topic="orders"}`:                                70,
	`topics_topic_head_seq{topic="jobs"}`:                                    3,
	`topics_topic_metrics_truncated`:                                         1,
	`topics_wal_frames_total`:                                                10,
	`topics_wal_batches_total`:                                               5,
	`topics_wal_fsyncs_total`:                                                4,
	`topics_wal_bytes_written_total`:                                         4096,
	`topics_wal_rotations_total`:                                             2,
	`topics_wal_queue_depth`:                                                 25,
	`topics_wal_queue_depth_peak`:                                            80,
	`topics_wal_submit_full_total`:                                           1,
	`topics_wal_read_only`:                                                   1,
	`topics_wal_disk_full`:                                                   1,
	`topics_wal_unsynced_bytes`:                                              50,
	`topics_wal_fsync_latency_us_bucket{le="50"}`:                            50,
	`topics_wal_fsync_latency_us_bucket{le="500"}`:                           500,
	`topics_wal_fsync_latency_us_bucket{le="1e+07"}`:                         1000,
	`topics_wal_fsync_latency_us_sum`:                                        500500,
	`topics_wal_fsync_latency_us_count`:                                      1000,
	`topics_wal_group_frames_bucket{le="1"}`:                                 20,
	`topics_wal_group_frames_count`:                                          1000,
	`topics_appended_records_total`:                                          500,
	`topics_appended_bytes_total`:                                            9000,
	`topics_delivered_records_total`:                                         300,
	`topics_delivered_bytes_total`:                                           6000,
	`topics_evicted_records_total{reason="cap"}`:                             11,
	`topics_evicted_records_total{reason="ttl"}`:                             12,
	`topics_tombstones_total{reason="cap"}`:                                  1,
	`topics_tombstones_total{reason="ttl"}`:                                  2,
	`topics_disk_free_bytes`:                                                 1 << 30,
	`topics_disk_size_bytes`:                                                 1 << 40,
	`topics_http_requests_total{route="/v0/health",method="GET",code="200"}`: 2,
	`topics_http_requests_total{route="none",method="GET",code="404"}`:       1,
	`topics_http_requests_total{route="none",method="other",code="405"}`:     1,
	`topics_http_request_duration_seconds_count{route="/v0/health",method="GET",code="200"}`:      2,
	`topics_http_request_duration_seconds_bucket{route="none",method="GET",code="404",le="+Inf"}`: 1,
	`topics_ws_operations_total{op="publish",code="ok"}`:                                          1,
	`topics_ws_operations_total{op="publish",code="topic_full"}`:                                  1,
	`topics_ws_operations_total{op="other",code="invalid_request"}`:                               1,
	`topics_delivery_delay_seconds_bucket{le="0.025"}`:                                            1,
	`topics_delivery_delay_seconds_count`:                                                         2,
	`topics_delivery_delay_seconds_sum`:                                                           1.02,
	`topics_phase{phase="ready"}`:                                                                 1,
	`topics_phase{phase="replaying"}`:                                                             0,
	`topics_recovery_duration_seconds`:                                                            2.5,
	`topics_recovery_failed`:                                                                      0,
	`topics_recovery_files`:                                                                       3,
	`topics_recovery_frames`:                                                                      40,
	`topics_recovery_records`:                                                                     50,
	`topics_recovery_truncated_bytes`:                                                             60,
	`topics_recovery_truncated_frames`:                                                            7,
	`topics_recovery_truncated_records`:                                                           8,
	`topics_recovery_lost_ranges`:                                                                 9,
	`topics_recovery_power_lost`:                                                                  1,
	`topics_recovery_step_duration_seconds{step="replay"}`:                                        2,
}

func TestMetricsText(t *testing.T) {
	s, engine := busyServer(t)
	w := get(s, "GET", "/v0/metrics")
	if w.Code != 200 || w.Header().Get("Content-Type") != metrics.MediaText {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	e := parseExposition(t, w.Body.String())
	if engine.asked != 7 {
		t.Errorf("asked for %d topics", engine.asked)
	}
	for series, want := range busySeries {
		if got, ok := e.values[series]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", series, got, ok, want)
		}
	}
	if info := `topics_build_info{version="0.1.0",go="` + runtime.Version() + `"}`; e.values[info] != 1 {
		t.Errorf("no %s", info)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes", "process_start_time_seconds"} {
		if e.values[name] <= 0 {
			t.Errorf("%s is %v", name, e.values[name])
		}
	}
	if kind := e.kinds["topics_wal_fsync_latency_us"]; kind != "histogram" {
		t.Errorf("fsync latency is a %s", kind)
	}
	for series := range e.values {
		if strings.Contains(series, "nowhere") {
			t.Errorf("a raw path: %s", series)
		}
	}
}

// Each check is there with one status, in both forms.
func TestHealthChecksAreMetrics(t *testing.T) {
	w := newWorld()
	w.health = health.Snapshot{Status: health.Unhealthy, Taken: w.now, Findings: []health.Finding{finding("disk_space", health.Degraded, "low"), finding("log", health.Unhealthy, "read-only"), finding("memory", health.Healthy, "")}}
	s := opsServer(w, nil)
	e := parseExposition(t, get(s, "GET", "/metrics").Body.String())
	statuses := map[string]any{"disk_space": "degraded", "log": "unhealthy", "memory": "healthy"}
	for name, is := range statuses {
		for _, status := range []string{"healthy", "degraded", "unhealthy"} {
			want := map[bool]float64{true: 1}[status == is]
			if got, ok := e.values[`topics_health_check{check="`+name+`",status="`+status+`"}`]; !ok || got != want {
				t.Errorf("%s %s: %v, %v", name, status, got, ok)
			}
		}
	}
	m := object(t, get(s, "GET", "/metrics", "Accept", "application/json"))
	if !reflect.DeepEqual(m["checks"], statuses) {
		t.Errorf("JSON: %v", m["checks"])
	}
}

// The scrape works in every phase, with and without anything to show.
func TestMetricsInEveryPhase(t *testing.T) {
	for phase, progress := range phases {
		w := newWorld()
		w.progress = progress
		s := opsServer(w, nil)
		ready := 0.0
		if progress.Fraction == 1 {
			s.Open(&opsEngine{})
			if phase == "ready" {
				ready = 1
			}
		}
		e := parseExposition(t, get(s, "GET", "/metrics").Body.String())
		if got := e.values["topics_ready"]; got != ready {
			t.Errorf("%s: topics_ready %v", phase, got)
		}
		if got := e.values["topics_recovery_progress"]; got != progress.Fraction {
			t.Errorf("%s: topics_recovery_progress %v", phase, got)
		}
		if done, total := e.values["topics_recovery_bytes_done"], e.values["topics_recovery_bytes_total"]; done != float64(progress.BytesDone) || total != float64(progress.BytesTotal) {
			t.Errorf("%s: %v bytes of %v, want those of %+v", phase, done, total, progress)
		}
		m := object(t, get(s, "GET", "/metrics", "Accept", "application/json"))
		amounts := map[string]any{"bytes_done": float64(progress.BytesDone), "bytes_total": float64(progress.BytesTotal)}
		if !reflect.DeepEqual(m["recovery"], amounts) {
			t.Errorf("%s: recovery %v, want %v", phase, m["recovery"], amounts)
		}
		if m["ready"] != (ready == 1) || m["replay_progress"] != progress.Fraction {
			t.Errorf("%s: JSON says %v, %v", phase, m["ready"], m["replay_progress"])
		}
	}
}

func TestMetricsJSON(t *testing.T) {
	s, _ := busyServer(t)
	w := get(s, "GET", "/v0/metrics", "Accept", "application/json")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Vary") == "" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	m := object(t, w)
	walPart := m["wal"].(map[string]any)
	for name, want := range map[string]any{
		"topics": 10.0, "topics_ephemeral": 1.0, "topics_memory": 2.0, "topics_disk": 3.0, "topics_fsync": 4.0,
		"routers": 0.0, "records_live": 100.0, "bytes_live": 2000.0, "ephemeral_bytes": 77.0, "queue_topics": 2.0, "queue_leases_in_flight": 0.0,
		"sse_connections": 0.0, "ws_connections": 0.0, "watch_sessions": 0.0, "ready": true, "replay_progress": 1.0,
		"uptime_ms": 84012.0, "disk_free_bytes": float64(1 << 30), "topic_metrics_truncated": true, "pressure": 0.5,
	} {
		if m[name] != want {
			t.Errorf("%s is %v, want %v", name, m[name], want)
		}
	}
	for name, want := range map[string]any{
		"fsyncs": 4.0, "frames": 10.0, "batches": 5.0, "bytes_written": 4096.0, "rotations": 2.0, "queue_depth": 25.0,
		"queue_depth_peak": 80.0, "submit_full_total": 1.0, "read_only": 1.0, "fsync_count": 1000.0, "fsync_micros_total": 500500.0,
	} {
		if walPart[name] != want {
			t.Errorf("wal.%s is %v, want %v", name, walPart[name], want)
		}
	}
	for name, want := range map[string]float64{"fsync_p50_us": 500, "fsync_p99_us": 990} {
		if got := walPart[name].(float64); got < want*0.95 || got > want*1.05 {
			t.Errorf("wal.%s is %v, want about %v", name, got, want)
		}
	}
	if build := m["build"]; !reflect.DeepEqual(build, map[string]any{"version": "0.1.0", "go": runtime.Version()}) || m["phase"] != "ready" {
		t.Errorf("build %v, phase %v", build, m["phase"])
	}
	recovery := m["recovery"].(map[string]any)
	if recovery["duration_seconds"] != 2.5 || recovery["records"] != 50.0 || recovery["bytes_done"] != 100.0 ||
		!reflect.DeepEqual(recovery["step_duration_seconds"], map[string]any{"lock": 0.001, "replay": 2.0}) {
		t.Errorf("recovery %v", recovery)
	}
	first := m["per_topic"].([]any)[0].(map[string]any)
	if first["topic"] != "orders" || first["earliest_seq"] != 41.0 {
		t.Errorf("first topic is %v", first)
	}
}

// countJSON and histogramJSON are what a client reads of the server's own series.
type (
	labelsJSON struct {
		Route, Method, Op, Code string
	}
	countJSON struct {
		labelsJSON
		Count uint64
	}
	bucketJSON struct {
		Le    string
		Count uint64
	}
	histogramJSON struct {
		labelsJSON
		Count   uint64
		Sum     float64
		Buckets []bucketJSON
	}
)

// What the server counts itself is the same in both forms.
func TestMetricsJSONMirrorsTheText(t *testing.T) {
	s, _ := busyServer(t)
	var m struct {
		Requests   []countJSON     `json:"http_requests"`
		Durations  []histogramJSON `json:"http_request_duration_seconds"`
		Operations []countJSON     `json:"ws_operations"`
		Delivery   histogramJSON   `json:"delivery_delay_seconds"`
		WAL        struct {
			Fsync  histogramJSON `json:"fsync_latency_us"`
			Frames histogramJSON `json:"group_frames"`
		}
	}
	if err := json.Unmarshal(get(s, "GET", "/metrics", "Accept", "application/json").Body.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	counts := func(name string, list []countJSON) {
		for _, c := range list {
			got[name+c.text("")] = float64(c.Count)
		}
	}
	histograms := func(name string, list ...histogramJSON) {
		for _, h := range list {
			got[name+"_count"+h.text("")], got[name+"_sum"+h.text("")] = float64(h.Count), h.Sum
			for _, b := range h.Buckets {
				got[name+"_bucket"+h.text(b.Le)] = float64(b.Count)
			}
		}
	}
	counts("topics_http_requests_total", m.Requests)
	counts("topics_ws_operations_total", m.Operations)
	histograms("topics_http_request_duration_seconds", m.Durations...)
	histograms("topics_delivery_delay_seconds", m.Delivery)
	histograms("topics_wal_fsync_latency_us", m.WAL.Fsync)
	histograms("topics_wal_group_frames", m.WAL.Frames)

	want := map[string]float64{}
	for series, value := range parseExposition(t, get(s, "GET", "/metrics").Body.String()).values {
		for _, family := range []string{"topics_http_request", "topics_ws_operations", "topics_delivery_delay", "topics_wal_fsync_latency", "topics_wal_group"} {
			if strings.HasPrefix(series, family) && !strings.Contains(series, `route="/metrics"`) { // the scrape itself
				want[series] = value
			}
		}
	}
	if len(want) < 100 || !reflect.DeepEqual(got, want) {
		t.Errorf("JSON has\n%v\nthe text has\n%v", got, want)
	}
}

// text spells labels as the text does.
func (l labelsJSON) text(le string) string {
	var parts []string
	for _, p := range [][2]string{{"route", l.Route}, {"method", l.Method}, {"op", l.Op}, {"code", l.Code}, {"le", le}} {
		if p[1] != "" {
			parts = append(parts, p[0]+`="`+p[1]+`"`)
		}
	}
	if parts == nil {
		return ""
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// A server that has done nothing has empty lists, not missing ones.
func TestMetricsJSONOfAnIdleServer(t *testing.T) {
	w := newWorld()
	w.progress = phases["starting"]
	s := opsServer(w, nil)
	b := get(s, "GET", "/metrics", "Accept", "application/json").Body.String()
	for _, part := range []string{`"http_requests":[]`, `"http_request_duration_seconds":[]`, `"ws_operations":[]`, `"phase":"starting"`} {
		if !strings.Contains(b, part) {
			t.Errorf("no %s in %s", part, b)
		}
	}
}
