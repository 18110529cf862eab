package metrics

import "github.com/e6e95bb8/topics/topics"

const (
	// GaugeRow is the memory of a topic's or router's gauges before they are rendered.
	GaugeRow = 1 << 10
	// Copies is how often the text of a line is in memory at a time: as samples, in a
	// buffer and in the answer, of which each may have grown to twice its length.
	Copies = 6
	// gaugeLine is the length of a line of the text beside the name, at most.
	gaugeLine = 72
)

// TopicCost returns the memory for rendering the gauges of a topic.
func TopicCost(t *topics.TopicGauge) int64 {
	if t.Queue {
		return linesCost(t.Name, 10)
	}
	return linesCost(t.Name, 4)
}

// RouterCost returns the memory for rendering the gauges of a router.
func RouterCost(name string) int64 { return linesCost(name, 2) }

// linesCost returns the memory for the lines of a name.
func linesCost(name string, lines int) int64 {
	return int64(lines * Copies * (len(name) + gaugeLine))
}
