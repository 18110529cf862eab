package topics

import "sort"

// Why records cannot be delivered.
const (
	ReasonCap       = "cap"
	ReasonTTL       = "ttl"
	ReasonMixed     = "mixed"
	ReasonRecreated = "recreated"
	ReasonCrash     = "crash"
	ReasonCorrupt   = "corrupt"     // damaged on disk, and given up by a repair
	ReasonTrim      = "source_trim" // lost by a router's source before it was forwarded
)

var reasons = [...]string{ReasonCap, ReasonTTL, ReasonMixed, ReasonRecreated, ReasonCrash, ReasonCorrupt, ReasonTrim}

// tombstone is what a reader at from (the last seq it has) must be told, or
// nil, and the seq that it examines next. t.mu is held.
func (t *topic) tombstone(from uint64) (stone *Tombstone, next uint64) {
	next = from + 1
	earliest := t.earliest()
	switch {
	case from > t.head:
		return t.stone(1, t.head, ReasonRecreated), t.head + 1
	case next < t.evictFloor:
		return t.stone(next, earliest-1, t.evictReason(next)), earliest
	}
	// What is neither live nor lost was deleted, and passes silently.
	live := t.nextLive(next)
	if l, ok := t.lostFrom(next); ok && max(l.from, next) <= live {
		return t.stone(next, l.to, l.reason), l.to + 1
	}
	return nil, max(next, live)
}

func (t *topic) stone(from, to uint64, reason string) *Tombstone {
	return &Tombstone{
		GapFrom: from, GapTo: to, Reason: reason, Missed: to + 1 - from,
		Earliest: t.earliest(), Head: t.head,
	}
}

// evictReason says what took the seqs from next up to the floor.
func (t *topic) evictReason(next uint64) string {
	switch byCap, byTTL := t.capThrough >= next, t.ttlThrough >= next; {
	case byCap && byTTL:
		return ReasonMixed
	case byTTL:
		return ReasonTTL
	}
	return ReasonCap
}

// lostFrom is the first lost range that ends at seq or later.
func (t *topic) lostFrom(seq uint64) (lostRange, bool) {
	i := sort.Search(len(t.lost), func(i int) bool { return t.lost[i].to >= seq })
	if i == len(t.lost) {
		return lostRange{}, false
	}
	return t.lost[i], true
}
