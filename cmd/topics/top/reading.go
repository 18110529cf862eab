package top

import (
	"math"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// reading is what a server is doing. What is unknown is null.
type reading struct {
	Time        time.Time         `json:"time"` // of the server
	Phase       string            `json:"phase"`
	UptimeMS    int64             `json:"uptime_ms"`
	Appends     *float64          `json:"appends_per_s"` // rates are those of the last second
	AppendBytes *float64          `json:"append_bytes_per_s"`
	Deliveries  *float64          `json:"deliveries_per_s"`
	Forwards    *float64          `json:"forwards_per_s"`
	Claims      *float64          `json:"claims_per_s"`
	Acks        *float64          `json:"acks_per_s"`
	Requests    *float64          `json:"requests_per_s"`
	Errors      *float64          `json:"errors_per_s"`
	Syncs       *float64          `json:"fsyncs_per_s"`
	SyncP50     *float64          `json:"fsync_p50_us"` // of five seconds; null without a sync
	SyncP99     *float64          `json:"fsync_p99_us"`
	Pressure    *float64          `json:"pressure"`
	Unsynced    *int64            `json:"unsynced_bytes"`
	Subscribers int               `json:"subscribers"` // streams and WebSockets
	Connections int               `json:"connections"`
	Topics      int               `json:"topics"`
	Records     int64             `json:"records_live"`
	Bytes       int64             `json:"bytes_live"`
	DiskFree    *float64          `json:"disk_free_bytes"`
	Ready       *float64          `json:"queue_ready"`
	InFlight    *float64          `json:"queue_in_flight"`
	Delayed     *float64          `json:"queue_delayed"`
	Dead        *float64          `json:"queue_dead"`
	Checks      map[string]string `json:"unhealthy,omitempty"` // checks that are not healthy
	Busiest     []busy            `json:"busiest"`             // null if the key may not list topics, or the server is not ready

	past []float64 // records written per second, in the last minutes
}

// busy is a topic that was written to.
type busy struct {
	Topic   string  `json:"topic"`
	Appends float64 `json:"appends_per_s"` // on average over the last minute
	Records int64   `json:"records_live"`
	Bytes   int64   `json:"bytes_live"`
}

// readings makes readings of snapshots. The zero value is ready.
type readings struct {
	before, last client.Stats // the last two that differ; zero if there are none
}

// of returns the reading of a snapshot.
func (rs *readings) of(now *snapshot) *reading {
	s := &now.stats
	if !s.Timestamp.Equal(rs.last.Timestamp) { // the server gives out the same for a second
		rs.before, rs.last = rs.last, *s
	}
	rates := &s.Rates.Second
	r := &reading{
		Time: s.Timestamp.UTC(), Phase: s.Phase, UptimeMS: s.UptimeMS,
		Appends: rates.Appends, Deliveries: rates.Deliveries, Claims: rates.Claims,
		Acks: rates.Acks, Requests: rates.Requests, Errors: rates.Errors,
		AppendBytes: rs.rate(func(s *client.Stats) uint64 { return s.Topics.AppendedBytes }),
		Forwards:    rs.rate(func(s *client.Stats) uint64 { return s.Topics.ForwardedRecords }),
		Syncs:       rs.rate(func(s *client.Stats) uint64 { return s.WAL.Fsyncs }),
		SyncP50:     latest(&now.past, "fsync_p50_us"), SyncP99: latest(&now.past, "fsync_p99_us"),
		Pressure: latest(&now.past, "pressure"), DiskFree: latest(&now.past, "disk_free_bytes"),
		Unsynced: s.UnsyncedBytes, Subscribers: s.Connections.Streams + s.Connections.Sockets, Connections: s.Connections.Open,
		Topics: s.Topics.Topics, Records: s.Topics.RecordsLive, Bytes: s.Topics.BytesLive,
		Ready: latest(&now.past, "queue_ready"), InFlight: latest(&now.past, "queue_in_flight"),
		Delayed: latest(&now.past, "queue_delayed"), Dead: latest(&now.past, "queue_dead"),
		Checks: now.checks,
	}
	for _, v := range now.past.Series["appends_per_s"] {
		if v != nil {
			r.past = append(r.past, *v)
		}
	}
	for i := range now.busiest {
		t := &now.busiest[i]
		r.Busiest = append(r.Busiest, busy{t.Topic, t.WriteRate, t.Count, t.Bytes})
	}
	if r.Busiest == nil && now.busiest != nil {
		r.Busiest = []busy{}
	}
	return r
}

// rate returns how much a counter grew in a second, or nil before there are two
// readings. A server that was restarted meanwhile began at 0.
func (rs *readings) rate(counter func(*client.Stats) uint64) *float64 {
	if rs.before.Timestamp.IsZero() {
		return nil
	}
	then, since := counter(&rs.before), rs.before.Timestamp
	if rs.last.UptimeMS < rs.before.UptimeMS {
		then, since = 0, rs.last.Timestamp.Add(-time.Duration(rs.last.UptimeMS)*time.Millisecond)
	}
	now, seconds := counter(&rs.last), rs.last.Timestamp.Sub(since).Seconds()
	if seconds <= 0 { // the server's clock was put back
		return nil
	}
	v := math.Round(float64(now-min(then, now))/seconds*10) / 10
	return &v
}

// latest returns a series' last value, or nil if it is unknown.
func latest(h *client.History, series string) *float64 {
	values := h.Series[series]
	if len(values) == 0 {
		return nil
	}
	return values[len(values)-1]
}
