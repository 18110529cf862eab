package topics

import "github.com/e6e95bb8/topics/topics/segment"

// Liveness is what was live at a checkpoint. Recovery may begin at that
// checkpoint, and then needs all of it: what was dead there is what a merge of
// segments may leave out.
type Liveness map[uint64]liveTopic

type liveTopic struct {
	earliest uint64
	deleted  *seqSet
}

// note captures t, whose lock is held.
func (l Liveness) note(t *topic) {
	if t.history.seq > 0 || len(t.index.blocks) > 0 {
		l[t.id] = liveTopic{t.earliest(), t.deleted.clone()}
	}
}

// Topic returns the first seq of the topic that was live; false: none was.
func (l Liveness) Topic(id uint64) (earliest uint64, ok bool) {
	t, ok := l[id]
	return t.earliest, ok
}

// Deleted says which seqs of [from, to] were deleted one by one; any: there
// are such.
func (l Liveness) Deleted(id, from, to uint64) (dead func(seq uint64) bool, any bool) {
	set := l[id].deleted
	return set.has, set.any(from, to)
}

// Fraction estimates how much of an extent was live.
func (l Liveness) Fraction(e *segment.Extent) float64 {
	t, ok := l[e.Topic]
	if !ok || e.Last < t.earliest {
		return 0
	}
	first := max(e.First, t.earliest)
	alive := e.Last - first + 1 - t.deleted.count(first, e.Last)
	return min(1, float64(alive)/float64(e.Count)) // an earlier merge has left gaps
}
