package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Every phase and every probe: the status, and the Retry-After of each 503.
func TestProbeStatuses(t *testing.T) {
	const (
		o = http.StatusOK
		u = http.StatusServiceUnavailable
	)
	columns := []string{"starting", "replaying", "ready", "draining", "aborted", "stopped", "failed"}
	rows := []struct {
		paths string
		want  [7]int
	}{
		{"/v0/health /healthz", [7]int{o, o, o, o, o, o, o}},
		{"/v0/ready /readyz /ready", [7]int{u, u, o, u, u, u, u}},
		{"/startupz", [7]int{u, u, o, o, u, o, u}},
		{"/live /health", [7]int{o, o, o, o, o, o, o}},
		{"/health/quick", [7]int{u, u, o, u, u, u, u}},
		{"/actuator/health/liveness", [7]int{u, u, o, o, o, o, u}},
		{"/actuator/health/readiness /actuator/health", [7]int{u, u, o, u, u, u, u}},
		{"/", [7]int{u, u, o, u, u, u, u}},
		{"/v0 /actuator", [7]int{o, o, o, o, o, o, o}},
		{"/actuator/info /actuator/metrics /v0/metrics /metrics", [7]int{o, o, o, o, o, o, o}},
	}
	for _, row := range rows {
		for _, path := range strings.Fields(row.paths) {
			for i, phase := range columns {
				w := newWorld()
				w.progress = phases[phase]
				s := opsServer(w, nil)
				if w.progress.Fraction == 1 {
					s.Open(&opsEngine{})
				}
				got := get(s, "GET", path)
				if got.Code != row.want[i] {
					t.Errorf("%s while %s: %d %s", path, phase, got.Code, got.Body)
				}
				retry := got.Header().Get("Retry-After")
				if wanted := map[bool]string{true: "1"}[got.Code == u]; phase != "replaying" && retry != wanted {
					t.Errorf("%s while %s: Retry-After %q", path, phase, retry)
				}
				if got.Code == u && phase == "replaying" && retry != "2" {
					t.Errorf("%s: Retry-After %q with 1.5 s to go", path, retry)
				}
				if c := got.Header().Get("Cache-Control"); c != "no-store" {
					t.Errorf("%s: Cache-Control %q", path, c)
				}
				head := get(s, "HEAD", path)
				if head.Code != got.Code || head.Body.Len() != 0 {
					t.Errorf("HEAD %s while %s: %d with %d bytes", path, phase, head.Code, head.Body.Len())
				}
			}
		}
	}
}

func TestProbeBodies(t *testing.T) {
	progress := `"replay_progress":0.62,"phase":"replaying","bytes_done":62,"bytes_total":100,"records":5,"elapsed_ms":2000,"eta_ms":1500`
	answer := func(status, phase string, active string, checks string) string {
		return `{"status":"` + status + `","timestamp":"2025-03-04T05:07:30.5Z","version":"0.1.0","node_id":"n1",
			"uptime_seconds":84.012,"phase":"` + phase + `","checks":{` + checks + `},"total_shards":1,"active_shards":` + active + `,
			"shards":[{"id":0,"status":"healthy","is_leader":true,"raft_term":7,"commit_index":900,"last_applied":800}]}`
	}
	okChecks := `"log":{"status":"healthy"},"disk_space":{"status":"degraded","reason":"low"}`
	rows := []struct {
		path, phase, want string
	}{
		{"/v0/health", "replaying", `{"status":"ok","version":"0.1.0","uptime_ms":84012}`},
		{"/healthz", "ready", `{"status":"ok","version":"0.1.0","uptime_ms":84012}`},
		{"/v0/ready", "ready", `{"status":"ready","wal_replay_complete":true,"topics":42,"checks":{"log":"ok","disk_space":"degraded"}}`},
		{"/readyz", "replaying", `{"error":{"code":"not_ready","message":"WAL replay in progress","detail":{` + progress + `}}}`},
		{"/v0/ready", "draining", `{"error":{"code":"shutting_down","message":"the server is shutting down"}}`},
		{"/v0/ready", "failed", `{"error":{"code":"not_ready","message":"recovery failed: bad frame at 7","detail":{"replay_progress":0.5,
			"phase":"failed","bytes_done":0,"bytes_total":0,"records":0,"elapsed_ms":0,"eta_ms":null}}}`},
		{"/startupz", "replaying", `{"status":"starting",` + progress + `}`},
		{"/startupz", "ready", `{"status":"started","startup_time_seconds":2.5}`},
		{"/startupz", "failed", `{"status":"failed","reason":"recovery failed: bad frame at 7","replay_progress":0.5,
			"phase":"failed","bytes_done":0,"bytes_total":0,"records":0,"elapsed_ms":0,"eta_ms":null}`},
		{"/health", "ready", answer("degraded", "ready", "1", okChecks)},
		{"/live", "replaying", answer("degraded", "replaying", "0", okChecks)},
		{"/ready", "ready", answer("degraded", "ready", "1", okChecks)},
		{"/ready", "draining", answer(`degraded","reason":"the server is shutting down`, "draining", "1", okChecks)},
		{"/ready", "replaying", answer(`degraded","reason":"WAL replay in progress`, "replaying", "0", okChecks)},
		{"/actuator/health/liveness", "ready", `{"status":"UP","components":{"livenessProbe":{"status":"UP","details":{}}}}`},
		{"/actuator/health/liveness", "replaying", `{"status":"INIT","components":{"livenessProbe":{"status":"INIT","details":{` + progress + `}}}}`},
		{"/actuator/health/readiness", "ready", `{"status":"UP","components":{"readinessProbe":{"status":"UP","details":{}}}}`},
		{"/actuator/health/readiness", "draining", `{"status":"DOWN","components":{"readinessProbe":{"status":"DOWN","details":{"reason":"the server is shutting down","phase":"draining"}}}}`},
		{"/actuator/health/readiness", "failed", `{"status":"DOWN","components":{"readinessProbe":{"status":"DOWN","details":{"reason":"recovery failed: bad frame at 7"}}}}`},
	}
	for _, row := range rows {
		w := newWorld()
		w.progress = phases[row.phase]
		w.health = health.Snapshot{Status: health.Degraded, Taken: w.now.Add(84*time.Second - 500*time.Millisecond), Findings: []health.Finding{
			finding("disk_space", health.Degraded, "low"), finding("log", health.Healthy, "")}}
		s := opsServer(w, func(o *Options) {
			o.Position = func() probes.LogPosition { return probes.LogPosition{Synced: 900, Applied: 800, Starts: 7} }
		})
		if w.progress.Fraction == 1 {
			s.Open(&opsEngine{totals: topic.Totals{Topics: 42}})
		}
		got := get(s, "GET", row.path)
		if ct := got.Header().Get("Content-Type"); ct != "application/json" {
			t.Errorf("%s: Content-Type %q", row.path, ct)
		}
		if b := object(t, got); !reflect.DeepEqual(b, parse(t, row.want)) || !inOrder(got.Body.Bytes(), []byte(row.want)) {
			t.Errorf("%s while %s:\n%s, want\n%s", row.path, row.phase, got.Body, row.want)
		}
	}
}

// inOrder reports whether the names in got stand in the order of those in want;
// maps of checks are left out. People read these answers.
func inOrder(got, want []byte) bool {
	name := regexp.MustCompile(`"(\w+)":`)
	names := func(b []byte) (list []string) {
		for _, m := range name.FindAllSubmatch(b, -1) {
			if n := string(m[1]); n != "log" && n != "disk_space" && n != "reason" && n != "performance" && n != "server_total_ms" {
				list = append(list, n)
			}
		}
		return list
	}
	return slices.Equal(names(got), names(want))
}

func TestStrictHealth(t *testing.T) {
	for query, strict := range map[string]bool{"": false, "?strict=1": true, "?strict": true, "?strict=true": true, "?strict=0": false, "?strict=false": false} {
		for status, want := range map[health.Status]int{health.Healthy: 200, health.Degraded: 200, health.Unhealthy: 503} {
			if strict && status == health.Degraded {
				want = 503
			}
			w := newWorld()
			w.progress, w.health.Status = phases["ready"], status
			s := opsServer(w, nil)
			s.Open(&opsEngine{})
			if got := get(s, "GET", "/health"+query); got.Code != want {
				t.Errorf("%s while %s: %d", query, status, got.Code)
			}
		}
	}
}

func TestHealthQuickIsOneWord(t *testing.T) {
	for status, want := range map[health.Status]string{health.Healthy: "OK", health.Degraded: "OK", health.Unhealthy: "UNAVAILABLE"} {
		w := newWorld()
		w.progress, w.health.Status = phases["ready"], status
		s := opsServer(w, nil)
		s.Open(&opsEngine{})
		got := get(s, "GET", "/health/quick")
		if got.Body.String() != want || (got.Code == http.StatusOK) != (want == "OK") {
			t.Errorf("%s: %d %q", status, got.Code, got.Body)
		}
		if ct := got.Header().Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") {
			t.Errorf("Content-Type %q", ct)
		}
	}
}

// What an unhealthy server answers: reads go on, so readiness stays.
func TestUnhealthy(t *testing.T) {
	w := newWorld()
	w.progress = phases["ready"]
	w.health = health.Snapshot{Status: health.Unhealthy, Findings: []health.Finding{finding("log", health.Unhealthy, "read-only")}}
	s := opsServer(w, nil)
	s.Open(&opsEngine{})
	for path, want := range map[string]int{
		"/v0/health": 200, "/v0/ready": 200, "/live": 200, "/ready": 200, "/startupz": 200,
		"/health": 503, "/health/quick": 503,
		"/actuator/health/liveness": 200, "/actuator/health/readiness": 503,
	} {
		got := get(s, "GET", path)
		if got.Code != want || (got.Header().Get("Retry-After") != "") != (want == 503) {
			t.Errorf("%s: %d, Retry-After %q", path, got.Code, got.Header().Get("Retry-After"))
		}
	}
	details := object(t, get(s, "GET", "/actuator/health/readiness"))["components"].(map[string]any)["readinessProbe"].(map[string]any)["details"]
	if !reflect.DeepEqual(details, parse(t, `{"reason":"log: read-only","phase":"ready"}`)) {
		t.Errorf("readiness says %v", details)
	}
	shard := object(t, get(s, "GET", "/health"))["shards"].([]any)[0].(map[string]any)
	if shard["status"] != "unhealthy" {
		t.Errorf("shard is %v", shard)
	}
}

// The one shard is as healthy as the log, whatever else is wrong, and active while
// the server serves.
func TestShardIsAsHealthyAsTheLog(t *testing.T) {
	for _, log := range []health.Status{health.Healthy, health.Degraded, health.Unhealthy} {
		for phase, active := range map[string]float64{"replaying": 0, "ready": 1} {
			w := newWorld()
			w.progress = phases[phase]
			w.health = health.Snapshot{Status: health.Unhealthy, Findings: []health.Finding{finding("disk_space", health.Unhealthy, "full"), finding("log", log, "why")}}
			s := opsServer(w, nil)
			if w.progress.Fraction == 1 {
				s.Open(&opsEngine{})
			}
			b := object(t, get(s, "GET", "/health"))
			shards := b["shards"].([]any)
			if shard := shards[0].(map[string]any); len(shards) != 1 || shard["id"] != 0.0 || shard["status"] != fmt.Sprint(log) || shard["is_leader"] != true {
				t.Errorf("with a %s log: %v", log, shards)
			}
			if b["total_shards"] != 1.0 || b["active_shards"] != active {
				t.Errorf("while %s: %v of %v shards are active", phase, b["active_shards"], b["total_shards"])
			}
		}
	}
}

// The watchdog missed ten seconds.
func TestStuck(t *testing.T) {
	w := newWorld()
	w.progress = phases["ready"]
	s := opsServer(w, nil)
	s.Open(&opsEngine{})
	for _, row := range []struct {
		silent time.Duration
		want   int
	}{{10 * time.Second, 200}, {10*time.Second + 1, 503}} {
		w.beat = w.now.Add(-row.silent)
		for _, path := range []string{"/live", "/actuator/health/liveness"} {
			if got := get(s, "GET", path); got.Code != row.want {
				t.Errorf("%s after %s of silence: %d", path, row.silent, got.Code)
			}
		}
		if got := get(s, "GET", "/v0/health"); got.Code != 200 {
			t.Errorf("/v0/health: %d", got.Code)
		}
	}
}

// A gate that is ready before the engine is there does not make the server
// ready; StopServing ends it.
func TestReadyNeedsTheEngine(t *testing.T) {
	w := newWorld()
	w.progress = phases["ready"]
	s := opsServer(w, nil)
	if got := get(s, "GET", "/v0/ready"); got.Code != 503 {
		t.Errorf("without an engine: %d", got.Code)
	}
	s.Open(&opsEngine{})
	if got := get(s, "GET", "/v0/ready"); got.Code != 200 {
		t.Errorf("with an engine: %d", got.Code)
	}
	s.StopServing()
	if got := get(s, "GET", "/v0/ready"); got.Code != 503 || !strings.Contains(got.Body.String(), "shutting_down") {
		t.Errorf("after StopServing: %d %s", got.Code, got.Body)
	}
}

func TestActuatorInfo(t *testing.T) {
	w := newWorld()
	s := opsServer(w, func(o *Options) { o.Config = map[string]any{"TOPICS_PORT": 4000} })
	b := object(t, get(s, "GET", "/actuator/info"))
	if !reflect.DeepEqual(b["app"], parse(t, `{"name":"topics","version":"0.1.0"}`)) ||
		!reflect.DeepEqual(b["config"], parse(t, `{"TOPICS_PORT":4000}`)) {
		t.Errorf("info is %v", b)
	}
	if build := b["build"].(map[string]any); build["go"] == "" || build["os"] == "" {
		t.Errorf("build is %v", build)
	}
	if c := object(t, get(opsServer(newWorld(), nil), "GET", "/actuator/info"))["config"]; !reflect.DeepEqual(c, map[string]any{}) {
		t.Errorf("config without one is %v", c)
	}
}

func TestRecoveryReport(t *testing.T) {
	w := newWorld()
	w.progress = replaying
	var report any
	s := opsServer(w, func(o *Options) { o.Report = func(func(string) bool) any { return report } })
	if got := get(s, "GET", "/v0/recovery"); got.Code != 503 || !strings.Contains(got.Body.String(), `"replay_progress":0.62`) {
		t.Errorf("while replaying: %d %s", got.Code, got.Body)
	}
	report = struct {
		Files int `json:"files"`
	}{3}
	got := get(s, "GET", "/v0/recovery")
	if b := object(t, got); got.Code != 200 || !reflect.DeepEqual(b, parse(t, `{"files":3}`)) {
		t.Errorf("then: %d %s", got.Code, got.Body)
	}
	if got := get(opsServer(w, nil), "GET", "/v0/recovery"); got.Code != 503 {
		t.Errorf("nobody reports: %d", got.Code)
	}
}

func TestProbeOptionsAndMethods(t *testing.T) {
	s := opsServer(newWorld(), nil)
	for _, path := range []string{"/v0/health", "/healthz", "/v0/ready", "/startupz", "/live", "/actuator/info", "/metrics", "/v0/recovery"} {
		got := get(s, "OPTIONS", path)
		if got.Code/100 != 2 || !strings.Contains(got.Header().Get("Allow"), "GET, HEAD") {
			t.Errorf("OPTIONS %s: %d, Allow %q", path, got.Code, got.Header().Get("Allow"))
		}
		if got := get(s, "POST", path); got.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, got.Code)
		}
	}
}

// A probe takes under a millisecond, with as many heartbeats as there may be:
// most of a thousand do, whatever else runs on the machine.
func TestProbesAreQuick(t *testing.T) {
	s, _ := checkedServer(t, "")
	for i := range health.MaxHeartbeats {
		if _, err := s.opts.Health.Heartbeats().Put(fmt.Sprint("a", i), health.Heartbeat{TTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	for _, probe := range []string{"/health/quick", "/v0/health", "/v0/ready", "/live", "/health", "/startupz", "/actuator/health/liveness", "/actuator/health/readiness"} {
		took := make([]time.Duration, 1000)
		for i := range took {
			r := httptest.NewRequest("GET", probe, nil)
			r.Host = "localhost"
			began := time.Now()
			s.ServeHTTP(httptest.NewRecorder(), r)
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		if median := took[len(took)/2]; median > time.Millisecond {
			t.Errorf("%s takes %s", probe, median)
		}
	}
}
