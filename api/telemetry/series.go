package telemetry

import (
	"math"
	"net/http"
	"runtime"

	"github.com/e6e95bb8/topics/api/history"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
)

// counts are cumulative counters, NaN where they are unknown: what the engine
// counts is unknown before there is one.
type counts struct {
	appends, appendBytes, deliveries, deliveredBytes float64
	claims, acks, nacks                              float64
	reads, requests, errors, syncs                   float64
}

// readRoute is the route of which each answer is a read.
const readRoute = "/v0/topics/:topic/diff"

func (h *Handlers) counted() counts {
	unknown := math.NaN()
	commands, refused := h.Set.Operations()
	c := counts{
		reads: float64(h.Set.Requests(func(e metrics.Endpoint, code int) bool {
			return e.Route == readRoute && code < http.StatusBadRequest
		})),
		requests: float64(commands + h.Set.Requests(func(metrics.Endpoint, int) bool { return true })),
		errors: float64(refused + h.Set.Requests(func(_ metrics.Endpoint, code int) bool {
			return code >= http.StatusBadRequest && code != wire.StatusClientGone
		})),
		appends: unknown, appendBytes: unknown, deliveries: unknown, deliveredBytes: unknown,
		claims: unknown, acks: unknown, nacks: unknown, syncs: unknown,
	}
	e := h.Engine()
	if e == nil {
		return c
	}
	t := e.Totals()
	c.appends, c.appendBytes = float64(t.AppendedRecords), float64(t.AppendedBytes)
	c.deliveries, c.deliveredBytes = float64(t.DeliveredRecords), float64(t.DeliveredBytes)
	c.claims, c.acks, c.nacks = float64(t.Jobs.Claimed), float64(t.Jobs.Acked), float64(t.Jobs.Nacked)
	c.syncs = 0
	for _, n := range h.Set.FsyncBuckets() {
		c.syncs += float64(n)
	}
	return c
}

// rates are the counters of which the overview shows rates.
var rates = []struct {
	name  string
	value func(*counts) float64
}{
	{"appends", func(c *counts) float64 { return c.appends }},
	{"reads", func(c *counts) float64 { return c.reads }},
	{"deliveries", func(c *counts) float64 { return c.deliveries }},
	{"claims", func(c *counts) float64 { return c.claims }},
	{"acks", func(c *counts) float64 { return c.acks }},
	{"requests", func(c *counts) float64 { return c.requests }},
	{"errors", func(c *counts) float64 { return c.errors }},
}

// sampled is what the series of the history are read from.
type sampled struct {
	counts
	metrics.Readings
	engine   Engine // nil before there is one
	handlers *Handlers
}

// sample is a series of the history. value returns NaN for what is unknown; it
// is nil if the series is made of the histogram of syncs.
type sample struct {
	name  string
	kind  history.Kind
	value func(*sampled) float64
}

var samples = []sample{
	{"appends_per_s", history.Rate, func(s *sampled) float64 { return s.appends }},
	{"append_bytes_per_s", history.Rate, func(s *sampled) float64 { return s.appendBytes }},
	{"reads_per_s", history.Rate, func(s *sampled) float64 { return s.reads }},
	{"deliveries_per_s", history.Rate, func(s *sampled) float64 { return s.deliveries }},
	{"delivered_bytes_per_s", history.Rate, func(s *sampled) float64 { return s.deliveredBytes }},
	{"claims_per_s", history.Rate, func(s *sampled) float64 { return s.claims }},
	{"acks_per_s", history.Rate, func(s *sampled) float64 { return s.acks }},
	{"nacks_per_s", history.Rate, func(s *sampled) float64 { return s.nacks }},
	{"requests_per_s", history.Rate, func(s *sampled) float64 { return s.requests }},
	{"errors_per_s", history.Rate, func(s *sampled) float64 { return s.errors }},

	{"fsyncs_per_s", history.Rate, func(s *sampled) float64 { return s.syncs }},
	{"fsync_p50_us", history.Median, nil},
	{"fsync_p99_us", history.Slowest, nil},
	{"sync_under_way_ms", history.Peak, known(func(s *sampled) float64 { return float64(s.Log.Syncing.Milliseconds()) })},
	{"wal_queue_ratio", history.Peak, func(s *sampled) float64 { return ratio(s.Log.QueueDepth, s.Log.QueueBytes) }},
	{"unsynced_bytes", history.Peak, known(func(s *sampled) float64 { return float64(s.Unsynced()) })},
	{"router_lag", history.Peak, known((*sampled).routerLag)},

	{"records_live", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.Records) })},
	{"bytes_live", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.Bytes) })},
	{"topics", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.Topics) })},
	{"sse_connections", history.Gauge, func(s *sampled) float64 { return float64(s.Streams) }},
	{"ws_connections", history.Gauge, func(s *sampled) float64 { return float64(s.Sockets) }},
	{"watch_sessions", history.Gauge, func(s *sampled) float64 { return float64(s.Sessions) }},
	{"queue_ready", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.Jobs.Ready) })},
	{"queue_in_flight", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.Jobs.InFlight) })},
	{"queue_delayed", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.Jobs.Delayed) })},
	{"queue_dead", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.Jobs.DeadLettered) })},

	{"memory_used_bytes", history.Peak, func(*sampled) float64 { used, _ := health.MemoryUse(); return float64(used) }},
	{"memory_limit_bytes", history.Gauge, func(*sampled) float64 { _, limit := health.MemoryUse(); return unlessZero(limit) }},
	{"memory_cache_bytes", history.Gauge, known(func(s *sampled) float64 { return float64(s.Storage.CacheBytes) })},
	{"memory_requests_bytes", history.Peak, func(s *sampled) float64 { return float64(s.handlers.Bounds.Usage().Memory) }},
	{"memory_ephemeral_bytes", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.EphemeralBytes) })},
	{"memory_streams_bytes", history.Gauge, func(s *sampled) float64 { return float64(s.handlers.Bounds.Usage().Following) }},
	{"memory_log_queue_bytes", history.Peak, known(func(s *sampled) float64 { return float64(s.Log.QueueDepth) })},
	{"memory_keys_bytes", history.Gauge, known(func(s *sampled) float64 { return float64(s.Totals.IdempotencyBytes) })},

	{"disk_free_bytes", history.Gauge, func(s *sampled) float64 { return ifWatched(s, s.DiskFree) }},
	{"disk_total_bytes", history.Gauge, func(s *sampled) float64 { return unlessZero(s.DiskTotal) }},
	{"goroutines", history.Gauge, func(*sampled) float64 { return float64(runtime.NumGoroutine()) }},
	{"descriptors", history.Gauge, func(s *sampled) float64 { return s.handlers.descriptors() }},
	{"pressure", history.Peak, known(func(s *sampled) float64 { return s.Pressure })},
}

// historySeries are the samples as the ring takes them.
func historySeries() []history.Series {
	all := make([]history.Series, len(samples))
	for i, row := range samples {
		all[i] = history.Series{Name: row.name, Kind: row.kind}
	}
	return all
}

// known makes a value unknown until there is an engine.
func known(value func(*sampled) float64) func(*sampled) float64 {
	return func(s *sampled) float64 {
		if s.engine == nil {
			return math.NaN()
		}
		return value(s)
	}
}

func unlessZero(n uint64) float64 {
	if n == 0 {
		return math.NaN()
	}
	return float64(n)
}

func ifWatched(s *sampled, bytes uint64) float64 {
	if s.DiskTotal == 0 {
		return math.NaN()
	}
	return float64(bytes)
}

// ratio is NaN if there is no whole.
func ratio(part, whole int64) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}

// lagPage is how many routers are asked for at a time.
const lagPage = 1000

// routerLag is the largest lag of a router.
func (s *sampled) routerLag() (lag float64) {
	after := ""
	for {
		page, more := s.engine.Routers("", "", "", after, lagPage)
		for i := range page {
			lag = max(lag, float64(page[i].Lag))
		}
		if !more || len(page) == 0 {
			return lag
		}
		after = page[len(page)-1].Name
	}
}

// descriptors is how many are open, NaN if that is unknown.
func (h *Handlers) descriptors() float64 {
	if h.Descriptors == nil {
		return math.NaN()
	}
	return float64(h.Descriptors())
}
