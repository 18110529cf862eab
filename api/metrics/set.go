package metrics

import (
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/e6e95bb8/topics/wal"
)

// Histogram bounds. The log's are microseconds, dense where a good disk's
// syncs are; a request's are seconds, up to the longest poll.
var (
	fsyncBounds = [...]float64{
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

// Set is what the server counts itself. All its methods are safe for concurrent
// use, and allocate only for the first observation of a series.
type Set struct {
	set    *metrics.Set
	fsync  *metrics.PrometheusHistogram
	frames *metrics.PrometheusHistogram
	// spread has the same observations as fsync in finer buckets that adapt
	// to the values: quantiles are taken from it.
	spread metrics.Histogram
	syncs  atomic.Uint64
	micros atomic.Uint64 // of all syncs together
	size   atomic.Int64  // see Size
	// synced has the same observations as fsync by bucket, the last one of what
	// is above all bounds: the library shows those of fsync in its text only.
	synced [len(fsyncBounds) + 1]atomic.Uint64

	delivery *metrics.PrometheusHistogram
	claims   *metrics.PrometheusHistogram

	// requests and operations are fixed when the server is made, so reading
	// them needs no lock.
	requests   map[Endpoint]*requestSeries
	other      *requestSeries         // of an endpoint that is not in requests
	operations map[string]*operations // by op
}

// otherOperation labels unknown WebSocket commands.
const otherOperation = "other"

// Endpoint is a row of the route table as the metrics label it.
type Endpoint struct{ Route, Method string }

// New returns a set for requests to the Endpoints. Those to all others count as
// other's.
func New(Endpoints []Endpoint, other Endpoint) *Set {
	set := metrics.NewSet()
	m := &Set{
		set:      set,
		fsync:    set.NewPrometheusHistogramExt("topics_wal_fsync_latency_us", fsyncBounds[:]),
		frames:   set.NewPrometheusHistogramExt("topics_wal_group_frames", groupBounds),
		delivery: set.NewPrometheusHistogramExt("topics_delivery_delay_seconds", deliveryBounds),
		claims:   set.NewPrometheusHistogramExt("topics_queue_claim_duration_seconds", deliveryBounds),

		requests:   make(map[Endpoint]*requestSeries),
		operations: make(map[string]*operations),
	}
	for _, op := range []string{
		"publish", "subscribe", "unsubscribe", "claim", "ack", "nack", "extend", "work", "stop", "ping", otherOperation,
	} {
		m.operations[op] = newOperations(op, set)
	}
	for _, e := range Endpoints {
		m.requests[e] = newRequestSeries(e, set)
	}
	m.other = newRequestSeries(other, set)
	m.requests[other] = m.other
	return m
}

// ObserveGroup counts one sync of the log.
func (m *Set) ObserveGroup(g wal.Group) {
	us := float64(g.Sync.Nanoseconds()) / 1000
	m.fsync.Update(us)
	m.spread.Update(us)
	m.frames.Update(float64(g.Frames))
	bucket, _ := slices.BinarySearch(fsyncBounds[:], us)
	m.synced[bucket].Add(1)
	m.syncs.Add(1)
	m.micros.Add(uint64(max(0, g.Sync.Microseconds())))
}

// Observe counts one answered request, which took d.
func (m *Set) Observe(e Endpoint, code int, d time.Duration) {
	r := m.requests[e]
	if r == nil {
		r = m.other
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

func newRequestSeries(e Endpoint, set *metrics.Set) *requestSeries {
	r := new(requestSeries)
	r.made = func(code int) statusSeries {
		labels := `{route="` + escapeLabel(e.Route) + `",method="` + escapeLabel(e.Method) + `",code="` + strconv.Itoa(code) + `"}`
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

// ObserveOperation counts a WebSocket command that has been answered, with ok or
// the code of an error. An op that is unknown counts as other.
func (m *Set) ObserveOperation(op, code string) {
	o := m.operations[op]
	if o == nil {
		o = m.operations[otherOperation]
	}
	o.of(code).Inc()
}

// ObserveDelivery counts records that were just handed to a client that waited
// for them, ms milliseconds after the first of them was appended.
func (m *Set) ObserveDelivery(ms int64, clients int) {
	for range clients {
		m.delivery.Update(float64(max(0, ms)) / 1000)
	}
}

// ObserveClaim counts a claim that got jobs, after so many seconds.
func (m *Set) ObserveClaim(seconds float64) { m.claims.Update(seconds) }
