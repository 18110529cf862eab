package metrics

import (
	"maps"
	"strings"
)

// topicJSON is one topic's gauges.
type topicJSON struct {
	Topic       string     `json:"topic"`
	HeadSeq     uint64     `json:"head_seq"`
	EarliestSeq uint64     `json:"earliest_seq"`
	RecordsLive int64      `json:"records_live"`
	BytesLive   int64      `json:"bytes_live"`
	Queue       *queueJSON `json:"queue,omitempty"`
}

// routerJSON is one router's gauges.
type routerJSON struct {
	Router    string `json:"router"`
	Forwarded uint64 `json:"forwarded_total"`
	Lag       uint64 `json:"lag"`
}

// JSON returns the JSON rendering of the set and of what was read from others.
func (m *Set) JSON(r *Readings) map[string]any {
	out := perName.json(r)
	for i := range table {
		s := &table[i]
		if s.field == "" {
			maps.Copy(out, s.json(r))
		} else {
			out[s.field] = s.json(r)
		}
	}
	own := m.mirror()
	own.addTo(out)
	log := m.LogJSON(r)
	log["fsync_latency_us"], log["group_frames"] = own.one("topics_wal_fsync_latency_us"), own.one("topics_wal_group_frames")
	out["wal"] = log
	return out
}

// TotalsJSON returns what the registry counts.
func (r *Readings) TotalsJSON() map[string]any { return totals.json(r) }

// QueuesJSON returns what the queues have and have done.
func (r *Readings) QueuesJSON() map[string]any { return queues.json(r) }

// StorageJSON returns what the storage counts.
func (r *Readings) StorageJSON() map[string]any { return storage.json(r) }

// LogJSON returns what the log counts, and the quantiles of its syncs.
func (m *Set) LogJSON(r *Readings) map[string]any {
	out := log.json(r)
	q := quantiles(&m.spread, 0.50, 0.99)
	out["fsync_count"], out["fsync_micros_total"] = m.syncs.Load(), m.micros.Load()
	out["fsync_p50_us"], out["fsync_p99_us"] = q[0], q[1]
	return out
}

// json returns the fields of a section.
func (s *section) json(r *Readings) map[string]any {
	out := make(map[string]any, len(s.series))
	for _, row := range s.series {
		if row.field == "" {
			continue
		}
		if v := row.value(r); v != nil {
			setField(out, row.field, v)
		}
	}
	return out
}

// setField sets a field of an object, or of an object inside it.
func setField(object map[string]any, path string, value any) {
	outer, inner, nested := strings.Cut(path, ".")
	if !nested {
		object[path] = value
		return
	}
	within, ok := object[outer].(map[string]any)
	if !ok {
		within = map[string]any{}
		object[outer] = within
	}
	setField(within, inner, value)
}
