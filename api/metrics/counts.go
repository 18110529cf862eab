package metrics

import "github.com/VictoriaMetrics/metrics"

// FsyncBounds returns the upper bounds of the buckets of FsyncBuckets, in
// microseconds.
func FsyncBounds() []float64 { return fsyncBounds[:] }

// FsyncBuckets returns how many syncs of the log there were in each bucket, the
// last one of those above all bounds.
func (m *Set) FsyncBuckets() []uint64 {
	out := make([]uint64, len(m.synced))
	for i := range m.synced {
		out[i] = m.synced[i].Load()
	}
	return out
}

// Requests returns how many answers there were to requests of the endpoints and
// statuses that are counted.
func (m *Set) Requests(counted func(e Endpoint, code int) bool) (n uint64) {
	for e, series := range m.requests {
		series.each(func(code int, s statusSeries) {
			if counted(e, code) {
				n += s.count.Get()
			}
		})
	}
	return n
}

// Operations returns how many WebSocket commands were answered, and how many of
// them were refused.
func (m *Set) Operations() (all, refused uint64) {
	for _, series := range m.operations {
		series.each(func(code string, count *metrics.Counter) {
			n := count.Get()
			all += n
			if code != "ok" {
				refused += n
			}
		})
	}
	return all, refused
}
