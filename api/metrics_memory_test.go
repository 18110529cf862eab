package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unsafe"

	"github.com/e6e95bb8/topics/api/audit"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
)

// metricTargets are the requests that render the metrics.
var metricTargets = []string{"/metrics", "/v0/metrics json", "/actuator/metrics", "/actuator/metrics/topics_topic_head_seq"}

func scrape(s *Server, target string) (code int, body string) {
	target, json, _ := strings.Cut(target, " ")
	accept := "*/*"
	if json != "" {
		accept = "application/json"
	}
	w := do(s, "GET", target, "", "Accept", accept)
	return w.Code, w.Body.String()
}

// Without memory for them the metrics are not rendered: the refusal comes before
// anything of a topic is read.
func TestMetricsTakeMemoryFirst(t *testing.T) {
	reads := 0
	s, _ := openServer(nil)
	s.Open(countingEngine{s.opened(), &reads})
	do(s, "PUT", "/v0/topics/t", `{}`)
	full := callOf(s, s.open)
	if err := full.Take(s.bounds.Usage().Left()); err != nil {
		t.Fatal(err)
	}
	for _, target := range metricTargets {
		if code, body := scrape(s, target); code != http.StatusTooManyRequests || !strings.Contains(body, `"inflight_bytes"`) || reads != 0 {
			t.Errorf("%s without memory: %d %s, topics read %d times", target, code, body, reads)
		}
	}
	full.Give()
	for i, target := range metricTargets {
		if code, body := scrape(s, target); code != http.StatusOK || reads != i+1 {
			t.Errorf("%s: %d %s, topics read %d times", target, code, body, reads)
		}
	}
	if used := s.bounds.Usage().Memory; used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// countingEngine counts how often the metrics read the topics.
type countingEngine struct {
	Engine
	reads *int
}

func (e countingEngine) Busiest(n int) ([]topics.TopicGauge, bool) {
	*e.reads++
	return e.Engine.Busiest(n)
}

// While memory is short the metrics have fewer topics, and say so.
func TestMetricsShrink(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxInflightBytes = 16 << 20 }, nil).Server
	longNames(t, s, 200)
	shown := func(target string) int {
		_, body := scrape(s, target)
		return strings.Count(body, `topics_topic_head_seq{`) + strings.Count(body, `"head_seq"`)
	}
	for _, target := range metricTargets[:2] {
		all := shown(target)
		other := callOf(s, s.open)
		if err := other.Take(12 << 20); err != nil {
			t.Fatal(err)
		}
		few := shown(target)
		if _, body := scrape(s, target); !strings.Contains(body, "topics_topic_metrics_truncated 1") && !strings.Contains(body, `"topic_metrics_truncated":true`) {
			t.Errorf("%s does not say that it is truncated", target)
		}
		other.Give()
		if all != 200 || few == 0 || few >= 150 {
			t.Errorf("%s has %d topics, and %d while memory is short", target, all, few)
		}
	}
}

// The series of topics and routers take no more memory than is reserved for them.
func TestGaugesTakeWhatIsReserved(t *testing.T) {
	if n := 2 * max(unsafe.Sizeof(topics.TopicGauge{}), unsafe.Sizeof(router.State{})); n > metrics.GaugeRow {
		t.Errorf("gauges in a list that has grown take %d bytes, and %d are reserved", n, metrics.GaugeRow)
	}
	s := serveReal(t, nil, nil)
	long := strings.Repeat("n", record.MaxName-1)
	for _, kind := range []string{"log", "queue"} {
		s.put(t, long+kind[:1], fmt.Sprintf(`{"type":%q}`, kind))
	}
	if w := do(s.Server, "PUT", "/v0/routers/"+long, fmt.Sprintf(`{"source":"%sl","dest":"%sd","create_dest":true}`, long, long)); w.Code != http.StatusCreated {
		t.Fatal(w.Code, w.Body)
	}
	text := s.exposition()
	for name, reserved := range map[string]int64{
		`="` + long + `l"`: metrics.TopicCost(&topics.TopicGauge{Name: long + "l"}),
		`="` + long + `q"`: metrics.TopicCost(&topics.TopicGauge{Name: long + "q", Queue: true}),
		`="` + long + `"}`: metrics.RouterCost(long),
	} {
		size := 0
		for line := range strings.Lines(text) {
			if strings.Contains(line, name) {
				size += len(line)
			}
		}
		if n := int64(metrics.Copies * size); n == 0 || n > reserved {
			t.Errorf("%s takes %d bytes, and %d are reserved", name, n, reserved)
		}
	}
	without := len(text)
	if size := s.metrics.Size(); size > 2*without || without > 2*size {
		t.Errorf("the size is %d, and the text has %d bytes", size, without)
	}
}

// The audit list takes memory before it is put together.
func TestAuditTakesMemoryFirst(t *testing.T) {
	s, _ := openServer(nil)
	for i := range 100 {
		do(s, "PUT", fmt.Sprintf("/v0/topics/t%d", i), `{}`)
	}
	full := callOf(s, s.open)
	if err := full.Take(s.bounds.Usage().Left() - 50*audit.Row); err != nil {
		t.Fatal(err)
	}
	defer full.Give()
	if w := do(s, "GET", "/v0/admin/audit", ""); w.Code != http.StatusTooManyRequests {
		t.Errorf("100 entries, and memory for 50: %d", w.Code)
	}
	if w := do(s, "GET", "/v0/admin/audit?limit=5", ""); w.Code != http.StatusOK {
		t.Errorf("5 entries: %d %s", w.Code, w.Body)
	}
}
