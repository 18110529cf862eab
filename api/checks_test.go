package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
)

// vitals is a monitor without checks and a watchdog that has just been fed.
type vitals struct {
	*health.Monitor
	now func() time.Time
}

func (v vitals) LastBeat() time.Time { return v.now() }

// checkedServer is a server whose health is what its heartbeats say, with a
// clock that is moved by hand.
func checkedServer(t *testing.T, keys string) (s *Server, forward func(time.Duration)) {
	t.Helper()
	clock := time.Unix(1_700_000_000, 0)
	now := func() time.Time { return clock }
	healthy := func(o *Options) { o.Now, o.Health = now, vitals{health.NewMonitor(now, time.Second), now} }
	if keys == "" {
		s, _ = openServer(healthy)
	} else {
		s, _ = keyedServer(t, keys, healthy)
	}
	return s, func(d time.Duration) { clock = clock.Add(d) }
}

func TestHeartbeatsOverHTTP(t *testing.T) {
	s, forward := checkedServer(t, "")
	put := func(body string) (int, string) {
		w := do(s, "PUT", "/v0/admin/checks/backup", body, "X-Confirm", "true")
		object(t, w)
		answer, _, _ := strings.Cut(w.Body.String(), `,"performance"`)
		return w.Code, answer
	}
	check := func() string {
		w := do(s, "GET", "/actuator/health/backup", "")
		answer, _, _ := strings.Cut(w.Body.String(), `,"performance"`)
		return fmt.Sprint(w.Code, " ", answer)
	}
	if code, got := put(`{"status":"healthy"}`); code != 201 || got != `{"name":"backup","status":"healthy","ttl_ms":60000,"affects":"health","created":true` {
		t.Errorf("%d %s", code, got)
	}
	if got := check(); got != `200 {"status":"UP","details":{"health":"healthy"}` {
		t.Error(got)
	}
	if code, got := put(`{"status":"degraded","reason":"old","ttl_ms":1000,"affects":"liveness"}`); code != 200 ||
		got != `{"name":"backup","status":"degraded","reason":"old","ttl_ms":1000,"affects":"liveness","created":false` {
		t.Errorf("%d %s", code, got)
	}
	if got := check(); got != `200 {"status":"UP","details":{"health":"degraded","reason":"old"}` {
		t.Error(got)
	}
	forward(1500 * time.Millisecond)
	if got := check(); got != `503 {"status":"DOWN","details":{"health":"unhealthy","reason":"no heartbeat for 1.5s; its ttl is 1s; the last one was degraded: old"}` {
		t.Error(got)
	}
	for _, deleted := range []string{"true", "false"} {
		w := do(s, "DELETE", "/v0/admin/checks/backup", "", "X-Confirm", "true")
		if w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"name":"backup","deleted":`+deleted+`,`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if got := check(); !strings.HasPrefix(got, "404 ") {
		t.Error(got)
	}
}

func TestRefusedHeartbeats(t *testing.T) {
	s, _ := checkedServer(t, "")
	for _, tt := range []struct{ name, body, field string }{
		{"a", ``, "status"},
		{"a", `{}`, "status"},
		{"a", `{"status":null}`, "status"},
		{"a", `{"status":"fine"}`, "status"},
		{"a", `{"status":"healthy","ttl_ms":99}`, "ttl_ms"},
		{"a", `{"status":"healthy","ttl_ms":86400001}`, "ttl_ms"},
		{"a", `{"status":"healthy","ttl_ms":9223372036854775807}`, "ttl_ms"},
		{"a", `{"status":"healthy","affects":"server"}`, "affects"},
		{"a", `{"status":"healthy","reason":"` + strings.Repeat("x", 257) + `"}`, "reason"},
		{"log", `{"status":"healthy"}`, "name"},
		{"readiness", `{"status":"healthy"}`, "name"},
		{"A", `{"status":"healthy"}`, "name"},
		{"a%2Fb", `{"status":"healthy"}`, "name"},
	} {
		w := do(s, "PUT", "/v0/admin/checks/"+tt.name, tt.body, "X-Confirm", "true")
		wantCode(t, w, 400, "invalid_request")
		if !strings.Contains(w.Body.String(), `"field":"`+tt.field+`"`) {
			t.Errorf("%s %s: %s", tt.name, tt.body, w.Body)
		}
	}
	if w := do(s, "PUT", "/v0/admin/checks/a", `{"status":"healthy"}`); w.Code != 400 || !strings.Contains(w.Body.String(), "X-Confirm") {
		t.Errorf("without a confirmation: %d %s", w.Code, w.Body)
	}
	for i := range health.MaxHeartbeats {
		if w := do(s, "PUT", fmt.Sprint("/v0/admin/checks/a", i), `{"status":"healthy"}`, "X-Confirm", "true"); w.Code != 201 {
			t.Fatal(w.Code, w.Body)
		}
	}
	w := do(s, "PUT", "/v0/admin/checks/more", `{"status":"healthy"}`, "X-Confirm", "true")
	if wantCode(t, w, 429, "throttled"); !strings.Contains(w.Body.String(), `"limit":"heartbeats","max":100`) {
		t.Errorf("%s", w.Body)
	}
}

// Heartbeats need admin-write and all names, are on the trail, and work in every
// phase.
func TestWhoMaySendHeartbeats(t *testing.T) {
	s, _ := checkedServer(t, rights)
	s.StopServing()
	for _, row := range []struct {
		key    string
		status int
		code   string
	}{{"", 401, "unauthorized"}, {"read", 403, "forbidden"}, {"looks", 403, "forbidden"}, {"inside", 403, "forbidden"}, {"rules", 201, "ok"}, {"all", 200, "ok"}} {
		header := []string{"X-Confirm", "true"}
		if row.key != "" {
			header = append(header, "Authorization", "Bearer "+row.key)
		}
		if w := do(s, "PUT", "/v0/admin/checks/a", `{"status":"healthy"}`, header...); w.Code != row.status {
			t.Errorf("PUT with %s: %d %s", row.key, w.Code, w.Body)
		}
		if got, want := trailOf(t, s, "looks", "?limit=1")[0], "PUT /v0/admin/checks/:check a "+row.code; got != want {
			t.Errorf("on the trail: %s, want %s", got, want)
		}
		if w := do(s, "DELETE", "/v0/admin/checks/b", "", header...); w.Code != row.status && row.status != 201 {
			t.Errorf("DELETE with %s: %d %s", row.key, w.Code, w.Body)
		}
		if got, want := trailOf(t, s, "looks", "?limit=1")[0], "DELETE /v0/admin/checks/:check b "+row.code; got != want {
			t.Errorf("on the trail: %s, want %s", got, want)
		}
	}
}

// What an unhealthy check affects is what fails; all show it.
func TestWhatACheckAffects(t *testing.T) {
	probes := []string{"/health", "/health/quick", "/actuator/health", "/actuator/health/a", "/v0/ready", "/readyz", "/ready", "/actuator/health/readiness", "/live", "/actuator/health/liveness", "/v0/health", "/startupz"}
	health := []string{"/health", "/health/quick", "/actuator/health", "/actuator/health/a"}
	for affects, fails := range map[string][]string{
		"health":    health,
		"readiness": append([]string{"/v0/ready", "/readyz", "/ready", "/actuator/health/readiness"}, health...),
		"liveness":  append([]string{"/live", "/actuator/health/liveness"}, health...),
	} {
		for _, status := range []string{"healthy", "degraded", "unhealthy"} {
			s, _ := checkedServer(t, "")
			body := `{"status":"` + status + `","reason":"none left","affects":"` + affects + `"}`
			if w := do(s, "PUT", "/v0/admin/checks/a", body, "X-Confirm", "true"); w.Code != 201 {
				t.Fatal(w.Code, w.Body)
			}
			for _, probe := range probes {
				want := 200
				for _, f := range fails {
					if status == "unhealthy" && f == probe {
						want = 503
					}
				}
				w := do(s, "GET", probe, "")
				if w.Code != want || want == 503 && w.Header().Get("Retry-After") == "" {
					t.Errorf("%s while a check of %s is %s: %d %s", probe, affects, status, w.Code, w.Body)
				}
				if want == 503 && probe != "/health/quick" && !strings.Contains(w.Body.String(), "none left") {
					t.Errorf("%s gives no reason: %s", probe, w.Body)
				}
			}
			shown := map[string]string{
				"/health":          `"a":{"status":"` + status + `","reason":"none left"}`,
				"/live":            `"a":{"status":"` + status + `","reason":"none left"}`,
				"/actuator/health": `"a":{"status":"`,
				"/metrics":         `topics_health_check{check="a",status="` + status + `"} 1`,
			}
			for path, part := range shown {
				if w := do(s, "GET", path, ""); !strings.Contains(w.Body.String(), part) {
					t.Errorf("%s does not show it: %s", path, w.Body)
				}
			}
			if w := do(s, "GET", "/metrics", "", "Accept", "application/json"); !strings.Contains(w.Body.String(), `"a":"`+status+`"`) {
				t.Errorf("the JSON metrics do not show it: %s", w.Body)
			}
			if w := do(s, "POST", "/v0/topics/t", `{"records":[{"data":1}]}`); w.Code != 201 {
				t.Errorf("data is not served: %d %s", w.Code, w.Body)
			}
		}
	}
}
