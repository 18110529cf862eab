package topics

import (
	"container/heap"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Totals returns the registry's counters without taking a lock.
func (r *Registry) Totals() topic.Totals { return r.shared.Counters.Read() }

// Served is the number of records written and read since the start.
func (r *Registry) Served() int64 {
	return r.shared.Counters.Appended.Records.Load() + r.shared.Counters.Delivered.Records.Load()
}

// TopicGauge is one topic for a metrics page.
type TopicGauge struct {
	Name           string
	Head, Earliest uint64
	Records, Bytes int64
	Queue          bool
	Jobs           queue.Counts // of a queue
}

// Busiest returns the n topics with the most seqs given out, busiest first,
// and whether that left any out.
func (r *Registry) Busiest(n int) (page []TopicGauge, truncated bool) {
	var top gaugeHeap
	for _, t := range r.catalog.All() {
		g, ok := gaugeOf(t)
		if !ok {
			continue
		}
		heap.Push(&top, g)
		if len(top) > n {
			heap.Pop(&top)
			truncated = true
		}
	}
	page = make([]TopicGauge, len(top))
	for i := len(page) - 1; i >= 0; i-- {
		page[i] = heap.Pop(&top).(TopicGauge)
	}
	return page, truncated
}

func gaugeOf(t *topic.Topic) (TopicGauge, bool) {
	t.Mu.RLock()
	if !t.Visible {
		t.Mu.RUnlock()
		return TopicGauge{}, false
	}
	s := t.StateOf(0)
	g := TopicGauge{Name: t.Name, Head: s.Head, Earliest: s.Earliest, Records: s.Count, Bytes: s.Bytes, Queue: s.Queue != nil}
	if s.Queue != nil {
		g.Jobs = *s.Queue
	}
	return g, true
}

// gaugeHeap has the least busy topic on top.
type gaugeHeap []TopicGauge

func (h gaugeHeap) Len() int           { return len(h) }
func (h gaugeHeap) Less(i, j int) bool { return h[i].Head < h[j].Head }
func (h gaugeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *gaugeHeap) Push(x any)        { *h = append(*h, x.(TopicGauge)) }
func (h *gaugeHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
