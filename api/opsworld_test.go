package api

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// opsWorld is everything a probe looks at, set by hand.
type opsWorld struct {
	progress health.Progress
	health   health.Snapshot
	beat     time.Time
	now      time.Time
}

func (w *opsWorld) Progress() health.Progress { return w.progress }
func (w *opsWorld) Snapshot() health.Snapshot { return w.health }
func (w *opsWorld) LastBeat() time.Time       { return w.beat }

// Heartbeats takes what it is given, and w.health does not show it.
func (w *opsWorld) Heartbeats() *health.Heartbeats {
	return health.NewMonitor(time.Now, time.Second).Heartbeats()
}

// opsEngine answers what probes and metrics ask; anything else would panic.
type opsEngine struct {
	Engine
	totals    topic.Totals
	page      []topics.TopicGauge
	truncated bool
	pressure  float64
	asked     int
}

func (e *opsEngine) StopDelivering() {}

func (e *opsEngine) Routers(_, _, _, _ string, _ int) ([]router.State, bool) {
	return nil, false
}

func (e *opsEngine) Totals() topic.Totals { return e.totals }

func (e *opsEngine) Pressure() float64 { return e.pressure }

func (e *opsEngine) Busiest(n int) ([]topics.TopicGauge, bool) {
	e.asked = n
	return e.page, e.truncated
}

func newWorld() *opsWorld {
	now := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	return &opsWorld{progress: phases["starting"], now: now, beat: now, health: health.Snapshot{Status: health.Healthy, Taken: now}}
}

// opsServer starts at w.now and is asked 84.012 s later.
func opsServer(w *opsWorld, more func(*Options)) *Server {
	o := Options{
		Hosts:   testHosts,
		Version: "0.1.0", NodeID: "n1", Gate: w, Health: w,
		Now: func() time.Time { return w.now },
	}
	if more != nil {
		more(&o)
	}
	s := New(o)
	w.now = w.now.Add(84_012 * time.Millisecond)
	w.beat = w.now
	return s
}

func get(s *Server, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	described(s, undescribed).ServeHTTP(w, r)
	return w
}

// object reads a JSON answer, the performance block checked and taken off.
func object(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if p, ok := m["performance"].(map[string]any); !ok || p["server_total_ms"] == nil {
		t.Errorf("no performance in %s", w.Body)
	}
	delete(m, "performance")
	return m
}

func parse(t *testing.T, s string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return m
}

var replaying = health.Progress{
	Phase: health.PhaseReplaying, Fraction: 0.62, BytesDone: 62, BytesTotal: 100, Records: 5,
	Elapsed: 2 * time.Second, ETA: 1500 * time.Millisecond, Startup: 3 * time.Second,
}

// phases is the state of the gate in each phase, and drained before ready.
var phases = map[string]health.Progress{
	"starting":  {Phase: health.PhaseStarting, ETA: -1},
	"replaying": replaying,
	"ready":     {Phase: health.PhaseReady, Fraction: 1, BytesDone: 100, BytesTotal: 100, Records: 9, Startup: 2500 * time.Millisecond},
	"draining":  {Phase: health.PhaseDraining, Fraction: 1, Startup: 2500 * time.Millisecond},
	"aborted":   {Phase: health.PhaseDraining, Fraction: 0.5, ETA: -1},
	"stopped":   {Phase: health.PhaseStopped, Fraction: 1, Startup: 2500 * time.Millisecond},
	"failed":    {Phase: health.PhaseFailed, Fraction: 0.5, ETA: -1, Err: errors.New("bad frame at 7")},
}

func finding(name string, status health.Status, reason string) health.Finding {
	return health.Finding{Name: name, Condition: health.Condition{Status: status, Reason: reason}}
}
