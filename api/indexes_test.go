package api

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery/health"
)

// Whatever an index links to is there, on every listener.
func TestIndexesLinkToWhatIsThere(t *testing.T) {
	w := newWorld()
	w.health.Findings = []health.Finding{finding("log", health.Healthy, "")}
	s := opsServer(w, nil)
	apart := opsServer(w, func(o *Options) { o.OpsApart = true })
	w.progress = phases["ready"]
	s.Open(&opsEngine{})
	apart.Open(&opsEngine{})
	for _, index := range []string{"/", "/v0", "/actuator", "/actuator/health"} {
		for name, h := range map[string]http.Handler{"only": s, "main": apart, "operators'": apart.ops} {
			got := do(h, "GET", index, "")
			links, _ := object(t, got)["_links"].(map[string]any)
			if got.Code != 200 || len(links) < 3 {
				t.Errorf("%s: %d %s", index, got.Code, got.Body)
			}
			if _, has := links["metrics"]; index != "/actuator/health" && has != (name != "main") {
				t.Errorf("%s on the %s listener: a link to the metrics: %v", index, name, has)
			}
			for to, l := range links {
				href := l.(map[string]any)["href"].(string)
				path := strings.NewReplacer("{check}", "log", "{name}", "topics_ready").Replace(href)
				if allow := do(h, "OPTIONS", path, "").Header().Get("Allow"); allow == "" {
					t.Errorf("%s on the %s listener: %s links to %s, where nothing is", index, name, to, path)
				}
			}
		}
	}
	if b := object(t, get(s, "GET", "/v0")); b["name"] != "topics" || b["version"] != "0.1.0" {
		t.Errorf("/v0 is %v", b)
	}
}

func TestActuatorHealth(t *testing.T) {
	for _, tt := range []struct {
		phase  string
		log    health.Status
		status string
	}{
		{"ready", health.Healthy, "UP"}, {"ready", health.Degraded, "UP"}, {"ready", health.Unhealthy, "DOWN"},
		{"replaying", health.Healthy, "INIT"}, {"failed", health.Healthy, "DOWN"}, {"draining", health.Healthy, "DOWN"},
	} {
		w := newWorld()
		w.progress = phases[tt.phase]
		w.health = health.Snapshot{Status: tt.log, Taken: w.now, Findings: []health.Finding{finding("log", tt.log, "why")}}
		s := opsServer(w, nil)
		if w.progress.Fraction == 1 {
			s.Open(&opsEngine{})
		}
		code := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}
		got := get(s, "GET", "/actuator/health")
		b := object(t, got)
		component := map[string]any{
			"status":  map[bool]string{true: "DOWN", false: "UP"}[tt.log == health.Unhealthy],
			"details": map[string]any{"health": tt.log.String(), "reason": "why"},
		}
		if b["status"] != tt.status || got.Code != code[tt.status == "UP"] || !reflect.DeepEqual(b["components"], map[string]any{"log": component}) {
			t.Errorf("%s with a log that is %s: %d %v", tt.phase, tt.log, got.Code, b)
		}
		got = get(s, "GET", "/actuator/health/log")
		if b := object(t, got); !reflect.DeepEqual(b, component) || got.Code != code[tt.log != health.Unhealthy] {
			t.Errorf("the log alone, %s: %d %v", tt.log, got.Code, b)
		}
		if got := get(s, "GET", "/actuator/health/nothing"); got.Code != 404 {
			t.Errorf("no check: %d", got.Code)
		}
	}
}

func TestOneMetric(t *testing.T) {
	s, _ := busyServer(t)
	names, _ := object(t, get(s, "GET", "/actuator/metrics"))["names"].([]any)
	if len(names) < 50 {
		t.Errorf("%d names", len(names))
	}
	for _, name := range names {
		if got := get(s, "GET", "/actuator/metrics/"+name.(string)); got.Code != 200 {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
	for path, want := range map[string]string{
		"topics_bytes_live":                                              `{"measurements":[{"statistic":"VALUE","value":2000}],"availableTags":[]}`,
		"topics_topics_by_class?tag=class:disk":                          `{"measurements":[{"statistic":"VALUE","value":3}],"availableTags":[]}`,
		"topics_topics_by_class?tag=class:none":                          `{"measurements":[],"availableTags":[]}`,
		"topics_topics_by_class":                                         `{"measurements":[{"statistic":"VALUE","value":10}],"availableTags":[{"tag":"class","values":["disk","ephemeral","fsync","memory"]}]}`,
		"topics_http_requests_total?tag=route:/v0/health&tag=method:GET": `{"measurements":[{"statistic":"COUNT","value":2}],"availableTags":[{"tag":"code","values":["200"]}]}`,
	} {
		got := object(t, get(s, "GET", "/actuator/metrics/"+path))
		for name, value := range parse(t, want) {
			if !reflect.DeepEqual(got[name], value) {
				t.Errorf("%s: %s is %v, want %v", path, name, got[name], value)
			}
		}
	}
	b := object(t, get(s, "GET", "/actuator/metrics/topics_wal_fsync_latency_us"))
	var statistics []string
	for _, m := range b["measurements"].([]any) {
		statistics = append(statistics, m.(map[string]any)["statistic"].(string))
	}
	if b["type"] != "histogram" || len(statistics) != 2 {
		t.Errorf("a histogram: %v", b)
	}
	for path, want := range map[string]int{"nothing": 404, "topics_ready?tag=x": 400} {
		if got := get(s, "GET", "/actuator/metrics/"+path); got.Code != want {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}
