package api

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/e6e95bb8/topics/api/wire"
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
	// Timestamps are whole milliseconds.
	deliveryBounds = []float64{0, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
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

	delivery *metrics.PrometheusHistogram

	// requests and operations are fixed when the server is made, so reading
	// them needs no lock.
	requests   map[endpoint]*requestSeries
	other      *requestSeries         // of an endpoint that is not in requests
	operations map[string]*operations // by op
}

// otherOperation labels WebSocket commands that are none.
const otherOperation = "other"

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
		delivery: set.NewPrometheusHistogramExt("topics_delivery_delay_seconds", deliveryBounds),

		requests:   make(map[endpoint]*requestSeries),
		operations: make(map[string]*operations),
	}
	for _, op := range []string{"publish", "subscribe", "unsubscribe", "ping", otherOperation} {
		m.operations[op] = newOperations(op, set)
	}
	add := func(route, method string) *requestSeries {
		e := endpoint{route, method}
		if m.requests[e] == nil {
			m.requests[e] = newRequestSeries(e, set)
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
	series := r.of(code)
	series.count.Inc()
	series.seconds.Update(d.Seconds())
}

// requestSeries are the series of one endpoint, by status.
type requestSeries struct {
	labelled[int, statusSeries]
}

// statusSeries are the series of an endpoint's answers with one status.
type statusSeries struct {
	count   *metrics.Counter
	seconds *metrics.PrometheusHistogram
}

func newRequestSeries(e endpoint, set *metrics.Set) *requestSeries {
	r := new(requestSeries)
	r.made = func(code int) statusSeries {
		labels := `{route="` + escapeLabel(e.route) + `",method="` + escapeLabel(e.method) + `",code="` + strconv.Itoa(code) + `"}`
		return statusSeries{
			set.NewCounter("topics_http_requests_total" + labels),
			set.NewPrometheusHistogramExt("topics_http_request_duration_seconds"+labels, requestBounds),
		}
	}
	return r
}

// operations is the counts of one kind of WebSocket command, by outcome.
type operations struct {
	labelled[string, *metrics.Counter]
}

func newOperations(op string, set *metrics.Set) *operations {
	o := new(operations)
	o.made = func(code string) *metrics.Counter {
		return set.NewCounter(`topics_ws_operations_total{op="` + op + `",code="` + escapeLabel(code) + `"}`)
	}
	return o
}

// observeOperation counts a WebSocket command that has been answered: with an
// error, or without one. An op that is none of the known ones is other.
func (s *Server) observeOperation(op string, refused *wire.Error) {
	o := s.metrics.operations[op]
	if o == nil {
		o = s.metrics.operations[otherOperation]
	}
	code := "ok"
	if refused != nil {
		code = refused.Code
	}
	o.of(code).Inc()
}

// observeDelivery counts records that have just been handed to a client that
// waited for them; ts is when the first of them was appended, in Unix
// milliseconds.
func (s *Server) observeDelivery(ts int64) {
	s.metrics.delivery.Update(float64(max(0, s.opts.Now().UnixMilli()-ts)) / 1000)
}
