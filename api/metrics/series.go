package metrics

import (
	"runtime"
	"slices"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// series is a row of the table of what the metrics read from others.
type series struct {
	// family is the name in the text, with any fixed labels. If it is empty, the
	// text does not have the row.
	family string
	// field is the path in the section's JSON object, with dots between the
	// names. If it is empty, JSON does not have the row.
	field string
	// value returns an integer, a float, a bool (0 or 1 in the text), or for the
	// text alone a []sample. Of a nil value nothing is shown.
	value func(*Readings) any
}

// sample is one value of a family whose labels vary.
type sample struct {
	labels string // rendered, without braces
	value  any
}

// section is the rows that share an object of the JSON rendering.
type section struct {
	name   string
	field  string // of the object; if it is empty, the fields are at the top
	series []series
}

// The sections of the table, which the text has in this order.
var (
	process     = section{"process", "", processSeries()}
	recovery    = section{"recovery", "recovery", recoverySeries}
	phases      = section{"phases", "", phaseSeries()}
	totals      = section{"topics", "", totalsSeries()}
	queues      = section{"queues", "queues", queueSeries}
	connections = section{"connections", "", connectionSeries}
	log         = section{"wal", "wal", logSeries}
	pressure    = section{"pressure", "", []series{{"topics_pressure", "pressure", func(r *Readings) any { return r.Pressure }}}}
	storage     = section{"storage", "storage", storageSeries}
	disk        = section{"disk", "", diskSeries}
	perName     = section{"per name", "", append(perNameSeries, perQueueSeries...)} // the text has it after the server's own series

	table = []section{process, recovery, phases, totals, queues, connections, log, pressure, storage, disk}
)

func processSeries() []series {
	return []series{
		{"topics_ready", "", func(r *Readings) any { return r.Ready }},
		{"", "ready", func(r *Readings) any { return r.Ready }},
		{"topics_recovery_progress", "replay_progress", func(r *Readings) any { return r.Progress.Fraction }},
		{"", "version", func(r *Readings) any { return r.Version }},
		{"", "phase", func(r *Readings) any { return r.Progress.Phase }},
		{"", "build", func(r *Readings) any { return map[string]string{"version": r.Version, "go": runtime.Version()} }},
	}
}

func phaseSeries() []series {
	var rows []series
	for _, phase := range health.Phases {
		family := `topics_phase{phase="` + string(phase) + `"}`
		rows = append(rows, series{family, "", func(r *Readings) any { return r.Progress.Phase == phase }})
	}
	return append(rows,
		series{"topics_health_check", "", checkSamples},
		series{"", "checks", func(r *Readings) any {
			all := make(map[string]health.Status, len(r.Checks))
			for _, c := range r.Checks {
				all[c.Name] = c.Status
			}
			return all
		}},
		series{"topics_uptime_ms", "uptime_ms", func(r *Readings) any { return r.Uptime.Milliseconds() }},
		series{"topics_build_info", "", func(r *Readings) any {
			return []sample{{labels("version", r.Version, "go", runtime.Version()), 1}}
		}},
	)
}

func checkSamples(r *Readings) any {
	var all []sample
	for _, c := range r.Checks {
		for _, status := range [...]health.Status{health.Healthy, health.Degraded, health.Unhealthy} {
			all = append(all, sample{labels("check", c.Name, "status", status.String()), c.Status == status})
		}
	}
	return all
}

// totalsSeries is what the registry counts.
func totalsSeries() []series {
	rows := []series{{"topics_topics", "topics", func(r *Readings) any { return r.Totals.Topics }}}
	for class := range (topic.Totals{}).ByClass {
		name := record.Class(class).String()
		rows = append(rows, series{`topics_topics_by_class{class="` + name + `"}`, "topics_" + name,
			func(r *Readings) any { return r.Totals.ByClass[class] }})
	}
	return append(rows, []series{
		{"topics_queue_topics", "queue_topics", func(r *Readings) any { return r.Totals.Queues }},
		{"topics_routers", "routers", func(r *Readings) any { return r.Totals.Routers }},
		{"topics_routers_blocked", "routers_blocked", func(r *Readings) any { return r.Totals.BlockedRouters }},
		{"topics_forwarded_records_total", "forwarded_records", func(r *Readings) any { return r.Totals.ForwardedRecords }},
		{"topics_records_live", "records_live", func(r *Readings) any { return r.Totals.Records }},
		{"topics_bytes_live", "bytes_live", func(r *Readings) any { return r.Totals.Bytes }},
		{"topics_ephemeral_bytes", "ephemeral_bytes", func(r *Readings) any { return r.Totals.EphemeralBytes }},
		{"topics_idempotency_keys", "idempotency.keys", func(r *Readings) any { return r.Totals.IdempotencyKeys }},
		{"topics_idempotency_bytes", "idempotency.bytes", func(r *Readings) any { return r.Totals.IdempotencyBytes }},
		{"topics_idempotency_refused_total", "idempotency.refused", func(r *Readings) any { return r.Totals.IdempotencyRefused }},
		{"topics_appended_records_total", "appended_records", func(r *Readings) any { return r.Totals.AppendedRecords }},
		{"topics_appended_bytes_total", "appended_bytes", func(r *Readings) any { return r.Totals.AppendedBytes }},
		{"topics_delivered_records_total", "delivered_records", func(r *Readings) any { return r.Totals.DeliveredRecords }},
		{"topics_delivered_bytes_total", "delivered_bytes", func(r *Readings) any { return r.Totals.DeliveredBytes }},
		{`topics_evicted_records_total{reason="cap"}`, "evicted.cap", func(r *Readings) any { return r.Totals.EvictedCap }},
		{`topics_evicted_records_total{reason="ttl"}`, "evicted.ttl", func(r *Readings) any { return r.Totals.EvictedTTL }},
		{"topics_records_deleted_total", "records_deleted", func(r *Readings) any { return r.Totals.DeletedRecords }},
		{"topics_damaged_pages_total", "damaged_pages", func(r *Readings) any { return r.Totals.DamagedPages }},
		{"topics_tombstones_total", "", tombstoneSamples},
		{"", "tombstones", func(r *Readings) any {
			if r.Totals.Tombstones == nil {
				return map[string]uint64{}
			}
			return r.Totals.Tombstones
		}},
	}...)
}

func tombstoneSamples(r *Readings) any {
	var all []sample
	for reason, n := range r.Totals.Tombstones {
		all = append(all, sample{labels("reason", reason), n})
	}
	slices.SortFunc(all, bySampleLabels)
	return all
}

var connectionSeries = []series{
	{"topics_connections", "connections", func(r *Readings) any { return r.Conns.Open }},
	{"topics_connections_looped", "connections_looped", func(r *Readings) any { return r.Looped }},
	{"topics_connections_refused_total", "connections_refused", func(r *Readings) any { return r.Conns.Refused }},
	{"topics_connections_shed_total", "connections_shed", func(r *Readings) any { return r.Conns.Shed }},
	{"topics_max_connections", "", func(r *Readings) any {
		if r.MaxConnections() == 0 {
			return nil
		}
		return r.MaxConnections()
	}},
	{"", "max_connections", func(r *Readings) any { return r.MaxConnections() }},
	{"topics_sse_connections", "sse_connections", func(r *Readings) any { return r.Streams }},
	{"topics_ws_connections", "ws_connections", func(r *Readings) any { return r.Sockets }},
	{"topics_watch_sessions", "watch_sessions", func(r *Readings) any { return r.Sessions }},
	{"", "queue_leases_in_flight", func(r *Readings) any { return r.Totals.Jobs.InFlight }},
}

var logSeries = []series{
	{"topics_wal_frames_total", "frames", func(r *Readings) any { return r.Log.Frames }},
	{"topics_wal_batches_total", "batches", func(r *Readings) any { return r.Log.Batches }},
	{"topics_wal_fsyncs_total", "fsyncs", func(r *Readings) any { return r.Log.Syncs }},
	{"topics_wal_bytes_written_total", "bytes_written", func(r *Readings) any { return r.Log.BytesWritten }},
	{"topics_wal_rotations_total", "rotations", func(r *Readings) any { return r.Log.Rotations }},
	{"topics_wal_submit_full_total", "submit_full_total", func(r *Readings) any { return r.Log.SubmitFull }},
	{"topics_wal_queue_depth", "queue_depth", func(r *Readings) any { return r.Log.QueueDepth }},
	{"topics_wal_queue_depth_peak", "queue_depth_peak", func(r *Readings) any { return r.Log.QueueDepthPeak }},
	{"topics_wal_unsynced_bytes", "unsynced_bytes", func(r *Readings) any { return r.Unsynced() }},
	{"topics_wal_read_only", "read_only", func(r *Readings) any { return bit(r.Log.ReadOnly) }},
	{"topics_wal_disk_full", "disk_full", func(r *Readings) any { return bit(r.Log.Full) }},
	{"topics_wal_sync_in_flight_seconds", "", func(r *Readings) any { return r.Log.Syncing.Seconds() }},
	{"", "sync_in_flight_ms", func(r *Readings) any { return r.Log.Syncing.Milliseconds() }},
	{"topics_wal_write_in_flight_seconds", "", func(r *Readings) any { return r.Log.Writing.Seconds() }},
	{"", "write_in_flight_ms", func(r *Readings) any { return r.Log.Writing.Milliseconds() }},
	{"topics_wal_waiting_writers", "waiting_writers", func(r *Readings) any { return r.Log.Waiting + r.Log.Blocked }},
}

var diskSeries = []series{
	{"topics_disk_free_bytes", "disk_free_bytes", func(r *Readings) any { return ofDisk(r, r.DiskFree) }},
	{"topics_disk_size_bytes", "disk_size_bytes", func(r *Readings) any { return ofDisk(r, r.DiskTotal) }},
}

func ofDisk(r *Readings, bytes uint64) any {
	if r.DiskTotal == 0 {
		return nil
	}
	return bytes
}

// perNameSeries are the gauges of the busiest topics and of routers.
var perNameSeries = []series{
	{"topics_topic_head_seq", "", perTopic(func(t *topics.TopicGauge) uint64 { return t.Head })},
	{"topics_topic_earliest_seq", "", perTopic(func(t *topics.TopicGauge) uint64 { return t.Earliest })},
	{"topics_topic_records_live", "", perTopic(func(t *topics.TopicGauge) uint64 { return uint64(t.Records) })},
	{"topics_topic_bytes_live", "", perTopic(func(t *topics.TopicGauge) uint64 { return uint64(t.Bytes) })},
	{"topics_topic_metrics_truncated", "", func(r *Readings) any { return r.TopicsTruncated }},
	{"topics_router_lag", "", perRouter(func(r *router.State) uint64 { return r.Lag })},
	{"topics_router_forwarded_total", "", perRouter(func(r *router.State) uint64 { return r.Forwarded })},
	{"", "topic_metrics_truncated", func(r *Readings) any { return r.TopicsTruncated }},
	{"", "per_topic", func(r *Readings) any {
		list := make([]topicJSON, len(r.Topics))
		for i, t := range r.Topics {
			list[i] = topicJSON{t.Name, t.Head, t.Earliest, t.Records, t.Bytes, queueOf(&t)}
		}
		return list
	}},
	{"", "per_router", func(r *Readings) any {
		list := make([]routerJSON, len(r.Routers))
		for i, x := range r.Routers {
			list[i] = routerJSON{x.Name, x.Forwarded, x.Lag}
		}
		return list
	}},
}

func perTopic(value func(*topics.TopicGauge) uint64) func(*Readings) any {
	return func(r *Readings) any {
		all := make([]sample, len(r.Topics))
		for i := range r.Topics {
			all[i] = sample{labels("topic", r.Topics[i].Name), value(&r.Topics[i])}
		}
		return all
	}
}

func perRouter(value func(*router.State) uint64) func(*Readings) any {
	return func(r *Readings) any {
		all := make([]sample, len(r.Routers))
		for i := range r.Routers {
			all[i] = sample{labels("router", r.Routers[i].Name), value(&r.Routers[i])}
		}
		return all
	}
}
