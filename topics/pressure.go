package topics

import "github.com/e6e95bb8/topics/wal"

// logGauge is the log and how much its queue holds.
type logGauge struct {
	log        *wal.Log
	queueBytes int64
}

// Pressure is how full what bounds the writers is, from 0 to 1: the log's queue,
// or the memory that ephemeral records may use, whichever is fuller. Deliveries
// go by it; the last step, a write that finds the queue full for longer than it
// may wait, is KindThrottled.
func (r *Registry) Pressure() float64 {
	var pressure float64
	if g := r.gauge.Load(); g != nil {
		written := g.log.Written() // first: it never passes the tail
		pressure = float64(g.log.Tail()-written) / float64(max(g.queueBytes, 1))
	}
	if most := r.opts.EphemeralBytes; most > 0 {
		pressure = max(pressure, float64(r.totals.ephemeral.Load())/float64(most))
	}
	return min(max(pressure, 0), 1)
}
