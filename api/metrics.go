package api

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/e6e95bb8/topics/wal"
)

// Histogram bounds. The log's are microseconds, dense where a good disk's
// syncs are; a request's are seconds, up to the longest poll.
var (
	fsyncBounds = []float64{
		50, 100, 150, 200, 300, 500, 750, 1000, 2500, 5000, 10_000, 25_000, 50_000,
		100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
	}
	groupBounds   = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096}
	requestBounds = []float64{
		.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30,
	}
)

// metricSet is what the server counts itself. Everything else in the metrics
// is read from its owner when they are asked for.
type metricSet struct {
	set    *metrics.Set
	fsync  *metrics.PrometheusHistogram
	frames *metrics.PrometheusHistogram
	// spread has the same observations as fsync in finer buckets that adapt
	// to the values: quantiles are taken from it.
	spread metrics.Histogram
	syncs  atomic.Uint64
	micros atomic.Uint64 // of all syncs together

	// requests is fixed when the server is made, so reading it needs no lock.
	requests map[endpoint]*requestSeries
	other    *requestSeries // of an endpoint that is not in requests
}

// endpoint is a row of the route table as the metrics label it.
type endpoint struct{ route, method string }

// unmatched labels requests outside the route table.
const unmatched = "none"

func newMetrics(s *Server) *metricSet {
	set := metrics.NewSet()
	m := &metricSet{
		set:      set,
		fsync:    set.NewPrometheusHistogramExt("topics_wal_fsync_latency_us", fsyncBounds),
		frames:   set.NewPrometheusHistogramExt("topics_wal_group_frames", groupBounds),
		requests: make(map[endpoint]*requestSeries),
	}
	add := func(route, method string) *requestSeries {
		e := endpoint{route, method}
		if m.requests[e] == nil {
			m.requests[e] = &requestSeries{endpoint: e, set: set}
		}
		return m.requests[e]
	}
	for _, rt := range s.routes() {
		add(rt.pattern, rt.method)
		if rt.method == "GET" {
			add(rt.pattern, "HEAD")
		}
	}
	for _, method := range append([]string{"OPTIONS"}, methods...) {
		add(unmatched, method)
	}
	m.other = add(unmatched, "other")
	return m
}

// ObserveGroup counts one sync of the log; it is for wal.Options.Observe.
func (s *Server) ObserveGroup(g wal.Group) {
	m := s.metrics
	us := float64(g.Sync.Nanoseconds()) / 1000
	m.fsync.Update(us)
	m.spread.Update(us)
	m.frames.Update(float64(g.Frames))
	m.syncs.Add(1)
	m.micros.Add(uint64(max(0, g.Sync.Microseconds())))
}

// observe counts one answered request. route is a pattern of the route table.
// It allocates only for the first answer of an endpoint with a status.
func (s *Server) observe(route, method string, code int, d time.Duration) {
	r := s.metrics.requests[endpoint{route, method}]
	if r == nil {
		r = s.metrics.other
	}
	r.observe(code, d)
}

// requestSeries is the series of one endpoint. They come into being with its
// first request: a scrape is not filled with routes that nobody calls.
type requestSeries struct {
	endpoint
	set  *metrics.Set
	seen atomic.Pointer[seenSeries]
	mu   sync.Mutex // held while seen is replaced
}

// seenSeries is immutable.
type seenSeries struct {
	seconds *metrics.PrometheusHistogram
	codes   []codeCounter // a route answers with few codes: a scan is fastest
}

type codeCounter struct {
	code  int
	count *metrics.Counter
}

func (r *requestSeries) observe(code int, d time.Duration) {
	seen := r.seen.Load()
	c := seen.counter(code)
	if c == nil {
		seen = r.extend(code)
		c = seen.counter(code)
	}
	c.Inc()
	seen.seconds.Update(d.Seconds())
}

func (s *seenSeries) counter(code int) *metrics.Counter {
	if s == nil {
		return nil
	}
	for i := range s.codes {
		if s.codes[i].code == code {
			return s.codes[i].count
		}
	}
	return nil
}

// extend adds the counter of a status that is new to the endpoint.
func (r *requestSeries) extend(code int) *seenSeries {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.seen.Load()
	if old.counter(code) != nil {
		return old
	}
	labels := `route="` + escapeLabel(r.route) + `",method="` + escapeLabel(r.method) + `"`
	next := &seenSeries{}
	if old != nil {
		*next = *old
	} else {
		next.seconds = r.set.NewPrometheusHistogramExt("topics_http_request_duration_seconds{"+labels+"}", requestBounds)
	}
	count := r.set.NewCounter("topics_http_requests_total{" + labels + `,code="` + strconv.Itoa(code) + `"}`)
	next.codes = append(next.codes[:len(next.codes):len(next.codes)], codeCounter{code, count})
	r.seen.Store(next)
	return next
}
