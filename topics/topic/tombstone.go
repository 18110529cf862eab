package topic

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

// TombstoneLocked returns the tombstone for a reader whose last seq is from, or nil,
// and the seq that the reader examines next. t.Mu is held.
func (t *Topic) TombstoneLocked(from uint64) (tombstone *Tombstone, next uint64) {
	next = from + 1
	earliest := t.Earliest()
	switch {
	case from > t.Head:
		return t.gap(1, t.Head, ReasonRecreated), t.Head + 1
	case next < t.Marks.Low:
		return t.gap(next, earliest-1, t.Marks.reason(next)), earliest
	}
	// What is neither live nor lost was deleted, and passes silently.
	live := t.nextLive(next)
	if l, ok := t.Lost.From(next); ok && max(l.From, next) <= live {
		return t.gap(next, l.To, l.Reason), l.To + 1
	}
	return nil, max(next, live)
}

func (t *Topic) gap(from, to uint64, reason string) *Tombstone {
	return &Tombstone{
		GapFrom: from, GapTo: to, Reason: reason, Missed: to + 1 - from, AtLeast: t.Lost.given(from, to),
		Earliest: t.Earliest(), Head: t.Head,
	}
}

// Crashed is a lost range above the head. What the log says had been given out
// is known, the rest was reserved.
func (t *Topic) Crashed(from, to uint64, reason string) LostRange {
	l := LostRange{From: from, To: to, Reason: reason}
	if known := min(t.Reserve.given, to); known >= from && reason == ReasonCrash {
		l.Given = known - from + 1
	}
	return l
}
