package api

import (
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/topics"
)

const (
	// gaugeRow is the memory of a topic's or router's gauges before they are rendered.
	gaugeRow = 1 << 10
	// gaugeLine is the length of a line of the text beside the name, at most.
	gaugeLine = 72
	// gaugeCopies is how often the text of a line is in memory at a time: as samples, in
	// a buffer and in the answer, of which each may have grown to twice its length.
	gaugeCopies = 6
)

// gaugeCost returns the memory for the lines of a name.
func gaugeCost(name string, lines int) int64 {
	return int64(lines * gaugeCopies * (len(name) + gaugeLine))
}

// gaugeLines returns the number of lines that the text has of a topic.
func gaugeLines(t *topics.TopicGauge) int {
	if t.Queue {
		return 10
	}
	return 4
}

// routerLines is the number of lines that the text has of a router.
const routerLines = 2

// takeMetrics reserves the memory for a rendering of the metrics without those of
// single topics and routers. There is no scrape without it.
func (s *Server) takeMetrics(c *call.Call) error {
	return c.Take(int64(s.metrics.Size() * gaugeCopies))
}

// takeGauges reserves the memory for rendering the metrics of the topics and routers in
// r. While memory is short it drops the last ones, so that they take at most a quarter
// of what is left.
func (s *Server) takeGauges(c *call.Call, r *metrics.Readings) error {
	room := (s.bounds.Usage().Left()) / 4
	taken := int64(0)
	for i := range r.Topics {
		cost := gaugeCost(r.Topics[i].Name, gaugeLines(&r.Topics[i]))
		if taken+cost > room {
			r.Topics, r.TopicsTruncated = r.Topics[:i], true
			break
		}
		taken += cost
	}
	for i := range r.Routers {
		cost := gaugeCost(r.Routers[i].Name, routerLines)
		if taken+cost > room {
			r.Routers, r.TopicsTruncated = r.Routers[:i], true
			break
		}
		taken += cost
	}
	return c.Take(taken)
}
