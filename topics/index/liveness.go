package index

import "github.com/e6e95bb8/topics/topics/segment"

// Liveness holds which records were live at a checkpoint, by topic id. Recovery
// may start from that checkpoint and then needs all of them. A compaction of
// segments may leave out only what was dead there.
type Liveness map[uint64]liveTopic

type liveTopic struct {
	earliest uint64
	deleted  *SeqSet
}

// Add records that the topic has live records from earliest on, except the
// deleted ones.
func (l Liveness) Add(id, earliest uint64, deleted *SeqSet) {
	l[id] = liveTopic{earliest, deleted.Clone()}
}

// Topic returns the first seq of the topic that was live, if any was.
func (l Liveness) Topic(id uint64) (earliest uint64, ok bool) {
	t, ok := l[id]
	return t.earliest, ok
}

// Deleted returns a function that reports whether a seq of [from, to] was
// deleted on its own, and whether any was.
func (l Liveness) Deleted(id, from, to uint64) (dead func(seq uint64) bool, any bool) {
	set := l[id].deleted
	return set.Has, set.Any(from, to)
}

// Fraction estimates how much of an extent was live, from 0 to 1.
func (l Liveness) Fraction(e *segment.Extent) float64 {
	t, ok := l[e.Topic]
	if !ok || e.Last < t.earliest {
		return 0
	}
	first := max(e.First, t.earliest)
	alive := e.Last - first + 1 - t.deleted.Count(first, e.Last)
	return min(1, float64(alive)/float64(e.Count)) // an earlier compaction may have left gaps
}
