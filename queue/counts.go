// Package queue is what makes a topic of type queue one: the state of its
// jobs. It is pure: no disk, no HTTP, no clock of its own.
package queue

// Counts says how many jobs of a queue are in which state. Every job that is
// not acked is in exactly one of them.
type Counts struct {
	Ready        int64 `json:"ready"`         // claimable now
	InFlight     int64 `json:"in_flight"`     // leased
	Delayed      int64 `json:"delayed"`       // not claimable before their time
	DeadLettered int64 `json:"dead_lettered"` // out of deliveries, still in the queue
}
