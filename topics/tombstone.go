package topics

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

// tombstoneLocked returns the tombstone for a reader whose last seq is from, or nil,
// and the seq that the reader examines next. t.mu is held.
func (t *topic) tombstoneLocked(from uint64) (tombstone *Tombstone, next uint64) {
	next = from + 1
	earliest := t.earliest()
	switch {
	case from > t.head:
		return t.gap(1, t.head, ReasonRecreated), t.head + 1
	case next < t.marks.low:
		return t.gap(next, earliest-1, t.marks.reason(next)), earliest
	}
	// What is neither live nor lost was deleted, and passes silently.
	live := t.nextLive(next)
	if l, ok := t.lost.from(next); ok && max(l.from, next) <= live {
		return t.gap(next, l.to, l.reason), l.to + 1
	}
	return nil, max(next, live)
}

func (t *topic) gap(from, to uint64, reason string) *Tombstone {
	return &Tombstone{
		GapFrom: from, GapTo: to, Reason: reason, Missed: to + 1 - from, AtLeast: t.lost.given(from, to),
		Earliest: t.earliest(), Head: t.head,
	}
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
