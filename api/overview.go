package api

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

// stats answers the overview. The totals are those of the whole server; with a
// prefix, or a key that is bound to some, those of its names are beside them.
func (s *Server) stats(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	prefix := query.Get("prefix")
	if len(prefix) > record.MaxName {
		return wire.InvalidField("prefix", "has %d bytes; a name has at most %d", len(prefix), record.MaxName)
	}
	body := maps.Clone(s.overview.get(s))
	if prefix != "" || !c.Key.SeesAll() {
		body["within"] = s.overview.of(s, c.Key.Within(prefix))
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, body)
	return nil
}

func (o *overview) get(s *Server) map[string]any {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refreshLocked(s)
	return o.body
}

// refreshLocked puts the overview together again if it is too old.
func (o *overview) refreshLocked(s *Server) {
	now := s.opts.Now()
	// An age below 0 is a clock that was put back.
	if age := now.Sub(o.at); o.body == nil || age < 0 || age >= overviewAge {
		o.at, o.body, o.within = now, s.overviewJSON(), nil
	}
}

// of returns what there is within prefixes, of which none begins with another.
func (o *overview) of(s *Server, prefixes []string) *withinView {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refreshLocked(s)
	name := strings.Join(prefixes, "|") // no name has this
	if v := o.within[name]; v != nil {
		return v
	}
	if o.within == nil || len(o.within) == maxWithin {
		o.within = make(map[string]*withinView)
	}
	v := s.within(prefixes)
	o.within[name] = v
	return v
}

func (s *Server) overviewJSON() map[string]any {
	r := s.readings()
	var replay, unsynced any // unknown before there is data
	if s.opened() != nil {
		replay, unsynced = r.Storage.ReplayBytes, r.Unsynced()
	}
	return map[string]any{
		"version":   s.opts.Version,
		"node_id":   s.opts.NodeID,
		"timestamp": s.opts.Now().UTC().Format(time.RFC3339Nano),
		"uptime_ms": r.Uptime.Milliseconds(),
		"phase":     r.Progress.Phase,
		"health":    s.opts.Health.Snapshot().Status,
		"topics":    r.TotalsJSON(),
		"queues":    r.QueuesJSON(),
		"wal":       s.metrics.LogJSON(&r),
		"storage":   r.StorageJSON(),
		"connections": map[string]any{
			"open": r.Conns.Open, "max": r.MaxConnections(), "shed": r.Conns.Shed, "refused": r.Conns.Refused,
			"streams": r.Streams, "sockets": r.Sockets, "watch_sessions": r.Sessions,
		},
		"memory":         s.memoryJSON(&r),
		"rates":          map[string]any{"1s": s.meter.perSecond(time.Second), "60s": s.meter.perSecond(time.Minute)},
		"replay_bytes":   replay,
		"unsynced_bytes": unsynced,
	}
}

// memoryJSON is what the process takes, as the Go runtime counts it, and what
// of it the requests under way and the work in the background hold.
func (s *Server) memoryJSON(r *metrics.Readings) map[string]any {
	used := s.bounds.Usage()
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
