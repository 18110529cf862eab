package api

import (
	"math"
	"net/http"
	runtimemetrics "runtime/metrics"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/wire"
)

// overviewAge is how old the overview may be: however many consoles look at
// it, it is put together once in this time.
const overviewAge = time.Second

// overview is the body of the admin overview as it was last put together.
type overview struct {
	mu   sync.Mutex // held while a body is put together
	at   time.Time
	body map[string]any // never changed once it is here
}

// stats answers the overview.
func (s *Server) stats(c *call) error {
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, s.overview.get(s))
	return nil
}

func (o *overview) get(s *Server) map[string]any {
	o.mu.Lock()
	defer o.mu.Unlock()
	// An age below 0 is a clock that was put back.
	if age := s.opts.Now().Sub(o.at); o.body == nil || age < 0 || age >= overviewAge {
		o.at, o.body = s.opts.Now(), s.overviewJSON()
	}
	return o.body
}

func (s *Server) overviewJSON() map[string]any {
	r := s.readings()
	return map[string]any{
		"version":   s.opts.Version,
		"node_id":   s.opts.NodeID,
		"timestamp": s.opts.Now().UTC().Format(time.RFC3339Nano),
		"uptime_ms": r.Uptime.Milliseconds(),
		"phase":     r.Progress.Phase,
		"health":    s.opts.Health.Snapshot().Status,
		"topics":    r.TotalsJSON(),
		"wal":       s.metrics.LogJSON(&r),
		"storage":   r.StorageJSON(),
		"connections": map[string]any{
			"open": r.Conns.Open, "max": r.MaxConnections(), "shed": r.Conns.Shed, "refused": r.Conns.Refused,
			"streams": r.Streams, "sockets": r.Sockets, "watch_sessions": r.Sessions,
		},
		"memory": s.memoryJSON(),
	}
}

// memoryJSON is what the process takes, as the Go runtime counts it, and what
// of it the requests under way hold.
func (s *Server) memoryJSON() map[string]any {
	out := map[string]any{
		"inflight_bytes":     s.memory.used.Load(),
		"inflight_max_bytes": s.memory.limit,
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
