package topics

// Pressure is how full the log's queue is, from 0 to 1. Deliveries
// slow down with it, because they compete with the writer that empties the queue. A
// write that finds the queue full for longer than it may wait is KindThrottled. Full
// memory is no pressure: delivering later frees none.
func (r *Registry) Pressure() float64 {
	return r.shared.Pressure()
}
