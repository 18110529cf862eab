package api

import (
	"bytes"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// mediaText is the Prometheus text format.
const mediaText = "text/plain; version=0.0.4; charset=utf-8"

// metricsText renders everything that a key may see in the Prometheus text
// format.
func (s *Server) metricsText(k *auth.Key) []byte {
	var raw bytes.Buffer
	s.writeGauges(&raw)
	s.metrics.set.WritePrometheus(&raw)
	s.writeTopicSeries(&raw, k)
	s.writeRouterSeries(&raw, k)
	metrics.WriteProcessMetrics(&raw)
	metrics.WriteFDMetrics(&raw)
	return annotate(raw.Bytes())
}

// sample writes one line of the text format. name may carry labels.
func sample[N int | int64 | uint64](w *bytes.Buffer, name string, value N) {
	b := append(w.AvailableBuffer(), name...)
	b = append(b, ' ')
	if value < 0 {
		b = strconv.AppendInt(b, int64(value), 10)
	} else {
		b = strconv.AppendUint(b, uint64(value), 10)
	}
	w.Write(append(b, '\n'))
}

func sampleFloat(w *bytes.Buffer, name string, value float64) {
	b := append(w.AvailableBuffer(), name...)
	b = strconv.AppendFloat(append(b, ' '), value, 'g', -1, 64)
	w.Write(append(b, '\n'))
}

// writeGauges writes what others count, each family in one piece.
func (s *Server) writeGauges(w *bytes.Buffer) {
	r := s.readings()
	sample(w, "topics_ready", bit(r.ready))
	sampleFloat(w, "topics_recovery_progress", r.progress.Fraction)
	sample(w, "topics_recovery_bytes_done", r.progress.BytesDone)
	sample(w, "topics_recovery_bytes_total", r.progress.BytesTotal)
	if last := s.recovered(); last != nil {
		last.write(w)
	}
	for _, phase := range health.Phases {
		sample(w, `topics_phase{phase="`+string(phase)+`"}`, bit(phase == r.progress.Phase))
	}
	for _, c := range r.checks {
		for _, status := range [...]health.Status{health.Healthy, health.Degraded, health.Unhealthy} {
			sample(w, `topics_health_check{check="`+escapeLabel(c.Name)+`",status="`+status.String()+`"}`, bit(c.Status == status))
		}
	}
	sample(w, "topics_uptime_ms", r.uptime.Milliseconds())
	sample(w, `topics_build_info{version="`+escapeLabel(s.opts.Version)+`",go="`+escapeLabel(runtime.Version())+`"}`, 1)

	t := r.totals
	sample(w, "topics_topics", t.Topics)
	for class, n := range t.ByClass {
		sample(w, `topics_topics_by_class{class="`+record.Class(class).String()+`"}`, n)
	}
	sample(w, "topics_queue_topics", t.Queues)
	sample(w, "topics_routers", t.Routers)
	sample(w, "topics_routers_blocked", t.BlockedRouters)
	sample(w, "topics_forwarded_records_total", t.ForwardedRecords)
	sample(w, "topics_records_live", t.Records)
	sample(w, "topics_bytes_live", t.Bytes)
	sample(w, "topics_ephemeral_bytes", t.EphemeralBytes)
	sample(w, "topics_idempotency_keys", t.IdempotencyKeys)
	sample(w, "topics_idempotency_bytes", t.IdempotencyBytes)
	sample(w, "topics_idempotency_refused_total", t.IdempotencyRefused)
	sample(w, "topics_appended_records_total", t.AppendedRecords)
	sample(w, "topics_appended_bytes_total", t.AppendedBytes)
	sample(w, "topics_delivered_records_total", t.DeliveredRecords)
	sample(w, "topics_delivered_bytes_total", t.DeliveredBytes)
	sample(w, `topics_evicted_records_total{reason="cap"}`, t.EvictedCap)
	sample(w, `topics_evicted_records_total{reason="ttl"}`, t.EvictedTTL)
	sample(w, "topics_records_deleted_total", t.DeletedRecords)
	sample(w, "topics_damaged_pages_total", t.DamagedPages)
	for _, reason := range tombstoneReasons(t.Tombstones) {
		sample(w, `topics_tombstones_total{reason="`+escapeLabel(reason)+`"}`, t.Tombstones[reason])
	}

	sample(w, "topics_connections", r.conns.Open)
	sample(w, "topics_connections_refused_total", r.conns.Refused)
	sample(w, "topics_connections_shed_total", r.conns.Shed)
	if most := r.conns.most(); most > 0 {
		sample(w, "topics_max_connections", most)
	}
	sample(w, "topics_sse_connections", r.streams)
	sample(w, "topics_ws_connections", r.sockets)
	sample(w, "topics_watch_sessions", r.sessions)
	// These are true counts of what does not exist.
	for _, name := range absent {
		sample(w, "topics_"+name, 0)
	}

	sample(w, "topics_wal_frames_total", r.wal.Frames)
	sample(w, "topics_wal_batches_total", r.wal.Batches)
	sample(w, "topics_wal_fsyncs_total", r.wal.Syncs)
	sample(w, "topics_wal_bytes_written_total", r.wal.BytesWritten)
	sample(w, "topics_wal_rotations_total", r.wal.Rotations)
	sample(w, "topics_wal_submit_full_total", r.wal.SubmitFull)
	sample(w, "topics_wal_queue_depth", r.wal.QueueDepth)
	sample(w, "topics_wal_queue_depth_peak", r.wal.QueueDepthPeak)
	sample(w, "topics_wal_unsynced_bytes", r.unsynced())
	sample(w, "topics_wal_read_only", bit(r.wal.ReadOnly))
	sample(w, "topics_wal_disk_full", bit(r.wal.Full))
	sampleFloat(w, "topics_wal_sync_in_flight_seconds", r.wal.Syncing.Seconds())
	sampleFloat(w, "topics_wal_write_in_flight_seconds", r.wal.Writing.Seconds())
	sample(w, "topics_wal_waiting_writers", r.wal.Waiting+r.wal.Blocked)
	sampleFloat(w, "topics_pressure", r.pressure)
	for _, series := range storageSeries {
		sampleFloat(w, "topics_"+series.name, series.value(&r.storage))
	}
	if r.diskTotal > 0 {
		sample(w, "topics_disk_free_bytes", r.diskFree)
		sample(w, "topics_disk_size_bytes", r.diskTotal)
	}
}

// writeTopicSeries writes the gauges of the busiest topics. They are not in
// the metric set, because topics come and go.
func (s *Server) writeTopicSeries(w *bytes.Buffer, k *auth.Key) {
	page, truncated := s.busiest(k)
	for _, f := range []struct {
		name  string
		value func(*topics.TopicGauge) uint64
	}{
		{"topics_topic_head_seq", func(t *topics.TopicGauge) uint64 { return t.Head }},
		{"topics_topic_earliest_seq", func(t *topics.TopicGauge) uint64 { return t.Earliest }},
		{"topics_topic_records_live", func(t *topics.TopicGauge) uint64 { return uint64(t.Records) }},
		{"topics_topic_bytes_live", func(t *topics.TopicGauge) uint64 { return uint64(t.Bytes) }},
	} {
		for i := range page {
			sample(w, f.name+`{topic="`+escapeLabel(page[i].Name)+`"}`, f.value(&page[i]))
		}
	}
	sample(w, "topics_topic_metrics_truncated", bit(truncated))
}

// tombstoneReasons is every reason that a series is shown for, sorted.
func tombstoneReasons(counts map[string]uint64) []string {
	reasons := make([]string, 0, len(counts))
	for reason := range counts {
		reasons = append(reasons, reason)
	}
	sort.Strings(reasons)
	return reasons
}

// catalogue is families by name.
var catalogue = sync.OnceValue(func() map[string]family {
	m := make(map[string]family, len(families))
	for _, f := range families {
		m[f.name] = f
	}
	return m
})

// annotate puts HELP and TYPE before each family of a text of samples, which
// must hold each family in one piece. The library can write the two lines
// only without a sentence, and takes the type from the name. A family that
// the catalogue does not know is left out.
func annotate(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/2)
	current := ""
	for line := range bytes.Lines(raw) {
		f, ok := familyOf(line)
		if !ok {
			continue
		}
		if f.name != current {
			current = f.name
			out = append(out, "# HELP "+f.name+" "+f.help+"\n# TYPE "+f.name+" "+f.kind+"\n"...)
		}
		out = append(out, line...)
	}
	return out
}

// familyOf finds the family of a line's sample: the one of its name, or the
// histogram or summary that its name is a part of.
func familyOf(line []byte) (family, bool) {
	end := bytes.IndexAny(line, "{ ")
	if end <= 0 {
		return family{}, false
	}
	name := string(line[:end])
	if f, ok := catalogue()[name]; ok {
		return f, true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, ok := strings.CutSuffix(name, suffix)
		if f := catalogue()[base]; ok && (f.kind == histogram || f.kind == summary) {
			return f, true
		}
	}
	return family{}, false
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// escapeLabel makes s safe between the quotes of a label's value.
func escapeLabel(s string) string { return labelEscaper.Replace(s) }

// bit is how a gauge says yes and no.
func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
