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
		GapFrom: from, GapTo: to, Reason: reason, Missed: to + 1 - from, AtLeast: t.given(from, to),
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

// crashed is a lost range above the head. What the log says had been given out
// is known, the rest was reserved.
func (t *topic) crashed(from, to uint64, reason string) lostRange {
	l := lostRange{from: from, to: to, reason: reason}
	if known := min(t.reserve.given, to); known >= from && reason == ReasonCrash {
		l.given = known - from + 1
	}
	return l
}

// given is how many seqs of [from, to], which are not above the head, are known
// to have been given out, deleted ones included: all but those of lost ranges of
// which that is not known. t.mu is held.
func (t *topic) given(from, to uint64) uint64 {
	from = max(from, t.doubt+1)
	if from > to {
		return 0
	}
	n := to - from + 1
	for i := sort.Search(len(t.lost), func(i int) bool { return t.lost[i].to >= from }); i < len(t.lost) && t.lost[i].from <= to; i++ {
		l := &t.lost[i]
		inside := min(l.to, to) - max(l.from, from) + 1
		outside := l.size() - inside
		n -= inside - (l.given - min(l.given, outside)) // those outside may be the ones that are known
	}
	return n
}
