package topics

import "github.com/e6e95bb8/topics/wal"

// gauge reads how full something is, from 0 to 1.
type gauge func() float64

// queueGauge is of the log's queue.
func queueGauge(log *wal.Log) *gauge {
	size := float64(max(log.Stats().QueueBytes, 1))
	g := gauge(func() float64 {
		written := log.Written() // first: it never passes the tail
		return float64(log.Tail()-written) / size
	})
	return &g
}
