package topic

import "github.com/e6e95bb8/topics/wal"

// Gauge reads how full something is, from 0 to 1.
type Gauge func() float64

// QueueGauge is of the log's queue.
func QueueGauge(log *wal.Log) *Gauge {
	size := float64(max(log.Stats().QueueBytes, 1))
	g := Gauge(func() float64 {
		written := log.Written() // first: it never passes the tail
		return float64(log.Tail()-written) / size
	})
	return &g
}
