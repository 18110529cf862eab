package telemetry

import (
	"maps"
	"math"
	"net/http"
	runtimemetrics "runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// overviewAge is how old the overview may be: however many consoles look at
// it, it is put together once in this time.
const overviewAge = time.Second

// overview is the body of the admin overview as it was last put together, and
// the parts of it that belong to prefixes.
type overview struct {
	mu     sync.Mutex // held while something is put together
	at     time.Time
	body   map[string]any         // never changed once it is here
	within map[string]*withinView // by prefixes, since at
}

// Stats answers the overview. The totals are those of the whole server; with a
// prefix, or a key that is bound to some, those of its names are beside them.
func (h *Handlers) Stats(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	prefix := query.Get("prefix")
	if len(prefix) > record.MaxName {
		return wire.InvalidField("prefix", "has %d bytes; a name has at most %d", len(prefix), record.MaxName)
	}
	body := maps.Clone(h.overview.get(h))
	if prefix != "" || !c.Key.SeesAll() {
		body["within"] = h.overview.of(h, c.Key.Within(prefix))
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, body)
	return nil
}

func (o *overview) get(h *Handlers) map[string]any {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refreshLocked(h)
	return o.body
}

// refreshLocked puts the overview together again if it is too old.
func (o *overview) refreshLocked(h *Handlers) {
	now := h.Now()
	// An age below 0 is a clock that was put back.
	if age := now.Sub(o.at); o.body == nil || age < 0 || age >= overviewAge {
		o.at, o.body, o.within = now, h.overviewJSON(), nil
	}
}

// of returns what there is within prefixes, of which none begins with another.
func (o *overview) of(h *Handlers, prefixes []string) *withinView {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refreshLocked(h)
	name := strings.Join(prefixes, "|") // no name has this
	if v := o.within[name]; v != nil {
		return v
	}
	if o.within == nil || len(o.within) == maxWithin {
		o.within = make(map[string]*withinView)
	}
	v := h.within(prefixes)
	o.within[name] = v
	return v
}

func (h *Handlers) overviewJSON() map[string]any {
	r := h.readings()
	var replay, unsynced any // unknown before there is data
	if h.Engine() != nil {
		replay, unsynced = r.Storage.ReplayBytes, r.Unsynced()
	}
	return map[string]any{
		"version":   h.Probes.Version,
		"node_id":   h.Probes.NodeID,
		"timestamp": h.Now().UTC().Format(time.RFC3339Nano),
		"uptime_ms": r.Uptime.Milliseconds(),
		"phase":     r.Progress.Phase,
		"health":    h.Probes.Health.Snapshot().Status,
		"topics":    r.TotalsJSON(),
		"queues":    r.QueuesJSON(),
		"wal":       h.Set.LogJSON(&r),
		"storage":   r.StorageJSON(),
		"connections": map[string]any{
			"open": r.Conns.Open, "max": r.MaxConnections(), "shed": r.Conns.Shed, "refused": r.Conns.Refused,
			"streams": r.Streams, "sockets": r.Sockets, "watch_sessions": r.Sessions,
		},
		"memory":         h.memoryJSON(&r),
		"rates":          map[string]any{"1s": h.meter.perSecond(time.Second), "60s": h.meter.perSecond(time.Minute)},
		"replay_bytes":   replay,
		"unsynced_bytes": unsynced,
	}
}

// memoryJSON is what the process takes, as the Go runtime counts it, and what
// of it the requests under way and the work in the background hold.
func (h *Handlers) memoryJSON(r *metrics.Readings) map[string]any {
	used := h.Bounds.Usage()
	out := map[string]any{
		"inflight_bytes":     used.Memory,
		"inflight_max_bytes": used.MemoryLimit,
		"work_bytes":         r.Storage.WorkBytes,
		"work_max_bytes":     r.Storage.MaxWorkBytes,
	}
	names := []string{"heap_bytes", "total_bytes", "limit_bytes", "goroutines"}
	samples := []runtimemetrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/gomemlimit:bytes"}, // MaxInt64: there is none
		{Name: "/sched/goroutines:goroutines"},
	}
	runtimemetrics.Read(samples)
	for i, name := range names {
		v := samples[i].Value
		if v.Kind() == runtimemetrics.KindUint64 && v.Uint64() != math.MaxInt64 { // unknown names are KindBad
			out[name] = v.Uint64()
		}
	}
	return out
}
