package api

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// absent are the gauges of the contract whose features this server does not
// have, by their JSON names: always 0, because none exist.
var absent = []string{"queue_leases_in_flight"}

// readings is what the metrics read from others, once for both renderings.
type readings struct {
	ready               bool
	progress            health.Progress
	checks              []health.Finding
	uptime              time.Duration
	totals              topics.Totals
	pressure            float64
	wal                 wal.Stats
	storage             StorageStats
	diskFree, diskTotal uint64 // zero when nobody watches the disk
	streams, sockets    int64
	sessions            int64
	conns               connStats
}

// connStats are the counters of the connections.
type connStats struct{ conns.Stats }

// most is how many connections there may be; 0: there is no bound.
func (c connStats) most() int {
	if c.Bound == math.MaxInt {
		return 0
	}
	return c.Bound
}

func (s *Server) readings() readings {
	h := s.opts.Health.Snapshot()
	r := readings{
		ready:    s.serving(&h) == nil,
		progress: s.opts.Gate.Progress(),
		checks:   h.Findings,
		uptime:   s.uptime(),
	}
	if e := s.opened(); e != nil {
		r.totals, r.pressure = e.Totals(), e.Pressure()
		if s.opts.WAL != nil {
			r.wal = s.opts.WAL()
		}
		if s.opts.Storage != nil {
			r.storage = s.opts.Storage.Stats()
		}
	}
	if s.opts.Disk != nil {
		r.diskFree, r.diskTotal = s.opts.Disk()
	}
	r.sessions, r.streams = s.watches.counts()
	r.sockets = s.sockets.count()
	r.conns.Stats = s.conns.Stats()
	return r
}

// unsynced is how much of what the log has written is not durable yet.
func (r *readings) unsynced() uint64 { return r.wal.Written - min(r.wal.Synced, r.wal.Written) }

// busiest are the topics that have series of their own and that a key sees.
func (s *Server) busiest(k *auth.Key) (page []topics.TopicGauge, truncated bool) {
	if e := s.opened(); e != nil {
		page, truncated = e.Busiest(s.opts.Limits.MetricsMaxTopics)
	}
	hidden := func(t topics.TopicGauge) bool { return !k.Sees(t.Name) }
	return slices.DeleteFunc(page, hidden), truncated
}

// topicJSON is one topic's gauges.
type topicJSON struct {
	Topic       string `json:"topic"`
	HeadSeq     uint64 `json:"head_seq"`
	EarliestSeq uint64 `json:"earliest_seq"`
	RecordsLive int64  `json:"records_live"`
	BytesLive   int64  `json:"bytes_live"`
}

// metricsJSON is the JSON rendering for a key.
func (s *Server) metricsJSON(k *auth.Key) map[string]any {
	r := s.readings()
	out := totalsJSON(&r.totals)
	own := s.metrics.mirror()
	log := s.walJSON(&r)
	log["fsync_latency_us"], log["group_frames"] = own.one("topics_wal_fsync_latency_us"), own.one("topics_wal_group_frames")
	recovery := map[string]any{"bytes_done": r.progress.BytesDone, "bytes_total": r.progress.BytesTotal}
	if last := s.recovered(); last != nil {
		last.addTo(recovery)
	}
	own.addTo(out)
	maps.Copy(out, map[string]any{
		"build":               s.buildJSON(),
		"phase":               r.progress.Phase,
		"version":             s.opts.Version,
		"ready":               r.ready,
		"replay_progress":     r.progress.Fraction,
		"checks":              statuses(r.checks),
		"recovery":            recovery,
		"uptime_ms":           r.uptime.Milliseconds(),
		"pressure":            r.pressure,
		"wal":                 log,
		"storage":             r.storage.json(),
		"connections":         r.conns.Open,
		"max_connections":     r.conns.most(),
		"connections_shed":    r.conns.Shed,
		"connections_refused": r.conns.Refused,
		"sse_connections":     r.streams,
		"ws_connections":      r.sockets,
		"watch_sessions":      r.sessions,
	})
	for _, name := range absent {
		out[name] = 0
	}
	if r.diskTotal > 0 {
		out["disk_free_bytes"], out["disk_size_bytes"] = r.diskFree, r.diskTotal
	}
	page, truncated := s.busiest(k)
	list := make([]topicJSON, len(page))
	for i, p := range page {
		list[i] = topicJSON{p.Name, p.Head, p.Earliest, p.Records, p.Bytes}
	}
	out["per_router"] = s.routersJSON(k)
	out["per_topic"], out["topic_metrics_truncated"] = list, truncated
	return out
}

// statuses are the checks' statuses by name.
func statuses(checks []health.Finding) map[string]health.Status {
	all := make(map[string]health.Status, len(checks))
	for _, c := range checks {
		all[c.Name] = c.Status
	}
	return all
}

// totalsJSON is what the registry counts.
func totalsJSON(t *topics.Totals) map[string]any {
	out := map[string]any{
		"topics":          t.Topics,
		"records_live":    t.Records,
		"bytes_live":      t.Bytes,
		"ephemeral_bytes": t.EphemeralBytes,
		"idempotency": map[string]any{
			"keys": t.IdempotencyKeys, "bytes": t.IdempotencyBytes, "refused": t.IdempotencyRefused,
		},
		"queue_topics":      t.Queues,
		"routers":           t.Routers,
		"routers_blocked":   t.BlockedRouters,
		"forwarded_records": t.ForwardedRecords,
		"appended_records":  t.AppendedRecords,
		"appended_bytes":    t.AppendedBytes,
		"delivered_records": t.DeliveredRecords,
		"delivered_bytes":   t.DeliveredBytes,
		"evicted":           map[string]uint64{"cap": t.EvictedCap, "ttl": t.EvictedTTL},
		"records_deleted":   t.DeletedRecords,
		"damaged_pages":     t.DamagedPages,
		"tombstones":        t.Tombstones,
	}
	if t.Tombstones == nil {
		out["tombstones"] = map[string]uint64{}
	}
	for class, n := range t.ByClass {
		out["topics_"+record.Class(class).String()] = n
	}
	return out
}

// json is the storage's part of a JSON answer.
func (s *StorageStats) json() map[string]any {
	out := make(map[string]any, len(storageSeries)+1)
	for _, series := range storageSeries {
		out[strings.TrimSuffix(series.name, "_total")] = series.value(s)
	}
	out["last_error"] = s.LastError
	return out
}

func (s *Server) walJSON(r *readings) map[string]any {
	q := quantiles(&s.metrics.spread, 0.50, 0.99)
	return map[string]any{
		"fsyncs":             r.wal.Syncs,
		"frames":             r.wal.Frames,
		"batches":            r.wal.Batches,
		"bytes_written":      r.wal.BytesWritten,
		"rotations":          r.wal.Rotations,
		"queue_depth":        r.wal.QueueDepth,
		"queue_depth_peak":   r.wal.QueueDepthPeak,
		"submit_full_total":  r.wal.SubmitFull,
		"read_only":          bit(r.wal.ReadOnly),
		"disk_full":          bit(r.wal.Full),
		"unsynced_bytes":     r.unsynced(),
		"sync_in_flight_ms":  r.wal.Syncing.Milliseconds(),
		"write_in_flight_ms": r.wal.Writing.Milliseconds(),
		"waiting_writers":    r.wal.Waiting + r.wal.Blocked,
		"fsync_count":        s.metrics.syncs.Load(),
		"fsync_micros_total": s.metrics.micros.Load(),
		"fsync_p50_us":       q[0],
		"fsync_p99_us":       q[1],
	}
}

// handleMetrics answers in text or JSON, as Accept prefers, always with 200.
func (s *Server) handleMetrics(c *call) error {
	c.Header().Set("Cache-Control", "no-store")
	c.Header().Add("Vary", "Accept")
	if wire.PrefersJSON(c.r.Header["Accept"]) {
		wire.WriteJSON(c, http.StatusOK, s.metricsJSON(c.key))
		return nil
	}
	c.Header().Set("Content-Type", mediaText)
	c.WriteHeader(http.StatusOK)
	_, _ = c.Write(s.metricsText(c.key)) // a call buffers: it cannot fail
	return nil
}
