package top

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// counters are what the server counts, at one time.
type counters struct {
	at        time.Time
	Phase     string  `json:"phase"`
	UptimeMS  int64   `json:"uptime_ms"`
	Appended  uint64  `json:"appended_records"`
	AppendedB uint64  `json:"appended_bytes"`
	Delivered uint64  `json:"delivered_records"`
	Forwarded uint64  `json:"forwarded_records"`
	Records   int64   `json:"records_live"`
	Bytes     int64   `json:"bytes_live"`
	Topics    int     `json:"topics"`
	Conns     int     `json:"connections"`
	Streams   int     `json:"sse_connections"`
	Sockets   int     `json:"ws_connections"`
	Pressure  float64 `json:"pressure"`
	DiskFree  int64   `json:"disk_free_bytes"`
	Requests  []struct {
		Count uint64 `json:"count"`
		Code  string `json:"code"`
	} `json:"http_requests"`
	WAL struct {
		Syncs  uint64    `json:"fsyncs"`
		Sync   histogram `json:"fsync_latency_us"`
		Behind int64     `json:"unsynced_bytes"`
	} `json:"wal"`
	Queues struct {
		Claimed  uint64 `json:"claimed"`
		Acked    uint64 `json:"acked"`
		Ready    int64  `json:"ready"`
		InFlight int64  `json:"leases_in_flight"`
		Delayed  int64  `json:"delayed"`
		Dead     int64  `json:"dead_lettered"`
	} `json:"queues"`
	PerTopic []struct {
		Topic   string `json:"topic"`
		Head    uint64 `json:"head_seq"`
		Records int64  `json:"records_live"`
		Bytes   int64  `json:"bytes_live"`
	} `json:"per_topic"`
	Checks map[string]string `json:"checks"`
}

// histogram has for each bucket how many values were at most its bound.
type histogram struct {
	Buckets []struct {
		Le    string `json:"le"`
		Count uint64 `json:"count"`
	} `json:"buckets"`
}

func read(ctx context.Context, api *client.Client) (*counters, error) {
	c := &counters{}
	err := api.MetricsJSON(ctx, c)
	c.at = time.Now()
	return c, err
}

// reading is what happened between two times, and how things are at the end.
type reading struct {
	Time        time.Time         `json:"time"`
	Phase       string            `json:"phase"`
	UptimeMS    int64             `json:"uptime_ms"`
	Appends     float64           `json:"appends_per_s"`
	AppendBytes float64           `json:"append_bytes_per_s"`
	Deliveries  float64           `json:"deliveries_per_s"`
	Forwards    float64           `json:"forwards_per_s"`
	Claims      float64           `json:"claims_per_s"`
	Acks        float64           `json:"acks_per_s"`
	Requests    float64           `json:"requests_per_s"`
	Errors      float64           `json:"errors_per_s"`
	Syncs       float64           `json:"fsyncs_per_s"`
	SyncP50     *float64          `json:"fsync_p50_us"` // null without a sync
	SyncP99     *float64          `json:"fsync_p99_us"`
	Pressure    float64           `json:"pressure"`
	Unsynced    int64             `json:"unsynced_bytes"`
	Subscribers int               `json:"subscribers"` // streams and WebSockets
	Connections int               `json:"connections"`
	Topics      int               `json:"topics"`
	Records     int64             `json:"records_live"`
	Bytes       int64             `json:"bytes_live"`
	DiskFree    int64             `json:"disk_free_bytes"`
	Ready       int64             `json:"queue_ready"`
	InFlight    int64             `json:"queue_in_flight"`
	Delayed     int64             `json:"queue_delayed"`
	Dead        int64             `json:"queue_dead"`
	Checks      map[string]string `json:"unhealthy,omitempty"` // checks that are not healthy
	Busiest     []busy            `json:"busiest"`
}

// busy is a topic that was written to.
type busy struct {
	Topic   string  `json:"topic"`
	Appends float64 `json:"appends_per_s"`
	Records int64   `json:"records_live"`
	Bytes   int64   `json:"bytes_live"`
}

// mostBusy is how many topics a reading names.
const mostBusy = 10

// since compares with an earlier time. A server that was restarted meanwhile
// begins at 0.
func (c *counters) since(before *counters) *reading {
	if c.UptimeMS < before.UptimeMS {
		before = &counters{at: before.at}
	}
	seconds := c.at.Sub(before.at).Seconds()
	rate := func(now, then uint64) float64 {
		return math.Round(float64(now-min(then, now))/seconds*10) / 10
	}
	requests, failures := c.requests()
	earlier, failed := before.requests()
	return &reading{
		Time: c.at.UTC(), Phase: c.Phase, UptimeMS: c.UptimeMS,
		Appends: rate(c.Appended, before.Appended), AppendBytes: rate(c.AppendedB, before.AppendedB),
		Deliveries: rate(c.Delivered, before.Delivered), Forwards: rate(c.Forwarded, before.Forwarded),
		Claims: rate(c.Queues.Claimed, before.Queues.Claimed), Acks: rate(c.Queues.Acked, before.Queues.Acked),
		Requests: rate(requests, earlier), Errors: rate(failures, failed),
		Syncs:   rate(c.WAL.Syncs, before.WAL.Syncs),
		SyncP50: c.WAL.Sync.quantile(&before.WAL.Sync, 0.5), SyncP99: c.WAL.Sync.quantile(&before.WAL.Sync, 0.99),
		Pressure: c.Pressure, Unsynced: c.WAL.Behind, Subscribers: c.Streams + c.Sockets, Connections: c.Conns,
		Topics: c.Topics, Records: c.Records, Bytes: c.Bytes, DiskFree: c.DiskFree,
		Ready: c.Queues.Ready, InFlight: c.Queues.InFlight, Delayed: c.Queues.Delayed, Dead: c.Queues.Dead,
		Checks: c.unhealthy(), Busiest: c.busiest(before, rate),
	}
}

// requests returns how many requests were answered, and with how many errors.
func (c *counters) requests() (all, failed uint64) {
	for _, r := range c.Requests {
		all += r.Count
		if r.Code >= "400" {
			failed += r.Count
		}
	}
	return all, failed
}

func (c *counters) unhealthy() map[string]string {
	bad := map[string]string{}
	for name, status := range c.Checks {
		if status != "healthy" {
			bad[name] = status
		}
	}
	return bad
}

func (c *counters) busiest(before *counters, rate func(now, then uint64) float64) []busy {
	heads := map[string]uint64{}
	for _, t := range before.PerTopic {
		heads[t.Topic] = t.Head
	}
	all := []busy{}
	for _, t := range c.PerTopic {
		all = append(all, busy{t.Topic, rate(t.Head, heads[t.Topic]), t.Records, t.Bytes})
	}
	slices.SortStableFunc(all, func(a, b busy) int {
		switch {
		case a.Appends > b.Appends:
			return -1
		case a.Appends < b.Appends:
			return 1
		}
		return 0
	})
	return all[:min(len(all), mostBusy)]
}

// quantile returns the bound of the bucket that the quantile of the values since
// before lies in, or nil if there were none.
func (h *histogram) quantile(before *histogram, q float64) *float64 {
	grown := func(i int) uint64 {
		n := h.Buckets[i].Count
		if i < len(before.Buckets) {
			n -= min(before.Buckets[i].Count, n)
		}
		return n
	}
	last := len(h.Buckets) - 1
	if last < 1 || grown(last) == 0 {
		return nil
	}
	for i := range h.Buckets {
		if float64(grown(i)) < q*float64(grown(last)) {
			continue
		}
		bound, err := strconv.ParseFloat(h.Buckets[min(i, last-1)].Le, 64)
		if err != nil {
			return nil
		}
		return &bound
	}
	return nil
}
