package telemetry

import (
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
)

// takeMetrics reserves the memory for a rendering of the metrics without those of
// single topics and routers. There is no scrape without it.
func (h *Handlers) takeMetrics(c *call.Call) error {
	return c.Take(int64(h.Set.Size() * metrics.Copies))
}

// takeGauges reserves the memory for rendering the metrics of the topics and routers in
// r. While memory is short it drops the last ones, so that they take at most a quarter
// of what is left.
func (h *Handlers) takeGauges(c *call.Call, r *metrics.Readings) error {
	room := (h.Bounds.Usage().Left()) / 4
	taken := int64(0)
	for i := range r.Topics {
		cost := metrics.TopicCost(&r.Topics[i])
		if taken+cost > room {
			r.Topics, r.TopicsTruncated = r.Topics[:i], true
			break
		}
		taken += cost
	}
	for i := range r.Routers {
		cost := metrics.RouterCost(r.Routers[i].Name)
		if taken+cost > room {
			r.Routers, r.TopicsTruncated = r.Routers[:i], true
			break
		}
		taken += cost
	}
	return c.Take(taken)
}
