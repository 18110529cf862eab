package topics

import (
	"container/heap"
	"sync/atomic"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
)

// Totals are the registry's counters: gauges of now, and totals since start.
type Totals struct {
	Topics           int
	ByClass          [4]int // indexed by Class
	Queues           int
	Routers          int
	BlockedRouters   int   // that have to wait
	Records, Bytes   int64 // live
	EphemeralBytes   int64 // memory held by ephemeral records
	AppendedRecords  uint64
	AppendedBytes    uint64
	DeliveredRecords uint64
	DeliveredBytes   uint64
	EvictedCap       uint64
	EvictedTTL       uint64
	Tombstones       map[string]uint64 // delivered, by reason
	DeletedRecords   uint64
	ForwardedRecords uint64 // by routers
	DamagedPages     uint64 // of segments, met while counting
	DamagedReads     uint64 // that were refused for damage

	Jobs JobTotals // of all queues

	IdempotencyKeys    int64 // remembered
	IdempotencyBytes   int64 // memory that they take
	IdempotencyRefused uint64
}

// totals are kept as atomics: reading them takes no lock.
type totals struct {
	topics, queues         atomic.Int64
	routers, blocked       atomic.Int64
	forwarded              atomic.Int64
	byClass                [len(record.ClassNames)]atomic.Int64
	live                   atomicSums
	ephemeral              atomic.Int64
	appended, delivered    atomicSums
	evictedCap, evictedTTL atomic.Uint64
	deleted, damaged       atomic.Uint64
	damagedReads           atomic.Uint64
	tombstones             [len(reasons)]atomic.Uint64
	met                    atomic.Pointer[string] // damage, by a read
	jobs                   jobTotals
	keys                   struct {
		held, bytes atomic.Int64 // bytes count those of writes on their way, too
		refused     atomic.Uint64
	}
}

type atomicSums struct{ records, bytes atomic.Int64 }

func (a *atomicSums) add(d record.Size) {
	a.records.Add(d.Records)
	a.bytes.Add(d.Bytes)
}

// restart zeroes what counts since start, which replay went through again.
func (t *totals) restart() {
	t.appended.records.Store(0)
	t.appended.bytes.Store(0)
	t.evictedCap.Store(0)
	t.evictedTTL.Store(0)
	t.deleted.Store(0)
	t.jobs.restart()
}

// count adds n topics of a config; nil is none.
func (t *totals) count(c *record.Config, n int64) {
	if c == nil {
		return
	}
	t.byClass[c.Durability].Add(n)
	if c.Type == record.TypeQueue {
		t.queues.Add(n)
	}
}

// Totals returns the registry's counters without taking a lock.
func (r *Registry) Totals() Totals {
	t := &r.shared.totals
	out := Totals{
		Topics: int(t.topics.Load()), Queues: int(t.queues.Load()), Routers: int(t.routers.Load()), BlockedRouters: int(t.blocked.Load()),
		Records: t.live.records.Load(), Bytes: t.live.bytes.Load(),
		EphemeralBytes:  t.ephemeral.Load(),
		AppendedRecords: uint64(t.appended.records.Load()), AppendedBytes: uint64(t.appended.bytes.Load()),
		DeliveredRecords: uint64(t.delivered.records.Load()), DeliveredBytes: uint64(t.delivered.bytes.Load()),
		EvictedCap: t.evictedCap.Load(), EvictedTTL: t.evictedTTL.Load(),
		DeletedRecords: t.deleted.Load(), ForwardedRecords: uint64(t.forwarded.Load()), DamagedPages: t.damaged.Load(), DamagedReads: t.damagedReads.Load(),
		IdempotencyKeys: t.keys.held.Load(), IdempotencyBytes: t.keys.bytes.Load(), IdempotencyRefused: t.keys.refused.Load(),
		Jobs:       t.jobs.read(),
		Tombstones: make(map[string]uint64, len(reasons)),
	}
	for i := range t.byClass {
		out.ByClass[i] = int(t.byClass[i].Load())
	}
	for i, reason := range reasons {
		out.Tombstones[reason] = t.tombstones[i].Load()
	}
	return out
}

// Served is the number of records written and read since the start.
func (r *Registry) Served() int64 {
	return r.shared.totals.appended.records.Load() + r.shared.totals.delivered.records.Load()
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
	for _, t := range r.all() {
		g, ok := r.gaugeOf(t)
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

func (r *Registry) gaugeOf(t *topic) (TopicGauge, bool) {
	t.mu.RLock()
	if !t.visible {
		t.mu.RUnlock()
		return TopicGauge{}, false
	}
	s := t.stateOf(0)
	g := TopicGauge{Name: t.name, Head: s.Head, Earliest: s.Earliest, Records: s.Count, Bytes: s.Bytes, Queue: s.Queue != nil}
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
