package topics

import (
	"math"
	"sort"
)

// arrivals say when a topic's records came, on the steady clock, where their
// timestamps do not: those were taken while the wall clock was wrong, or stood
// still because the one before was. No record is said to have come before it
// did, and none more than maxStep after, but where there are many spans. The
// topic's lock guards it. Nil, as it nearly always is: all came at their
// timestamps.
type arrivals []span

// span is about the records from a seq on, up to the next span's.
type span struct {
	from  uint64
	ahead int64 // their timestamps are so far ahead of the steady clock
	until int64 // none of them came later than that
}

// maxSpans bounds the memory for the arrivals of a topic, which would grow for
// as long as a clock that was ahead is waited for.
const maxSpans = 256

// last is the span that the next record falls into.
func (a arrivals) last() span {
	if len(a) == 0 {
		return span{until: math.MaxInt64}
	}
	return a[len(a)-1]
}

// at is when a record with that timestamp came, if it is in the span.
func (s *span) at(ts int64) int64 { return min(ts-s.ahead, s.until) }

// of is when a record came.
func (a arrivals) of(seq uint64, ts int64) int64 {
	if len(a) == 0 {
		return ts
	}
	if i := sort.Search(len(a), func(i int) bool { return a[i].from > seq }); i > 0 {
		return a[i-1].at(ts)
	}
	return ts
}

// next is when an entry comes to the topic that has that timestamp and was taken
// at m. fits: a record that comes with it needs no span of its own.
func (a arrivals) next(ts int64, m moment) (at int64, fits bool) {
	s := a.last()
	if at = s.at(ts); at >= m.steady && at-m.steady <= maxStep {
		return at, true
	}
	return m.steady, false
}

// begin begins a span with a record that was taken at m.
func (a *arrivals) begin(from uint64, ts int64, m moment) {
	s := span{from: from, ahead: m.ahead(), until: math.MaxInt64}
	if ts > m.wall { // it stands still, and those after it come later
		s.until = m.steady + maxStep
	}
	if n := len(*a); n > 0 {
		before := &(*a)[n-1]
		before.until = min(before.until, m.steady+maxStep)
	}
	if *a = append(*a, s); len(*a) > maxSpans {
		a.coarsen()
	}
}

// coarsen halves the number of spans, or more: those that end soon after one
// another become one, which says that their records came when the last one did.
func (a *arrivals) coarsen() {
	for step := int64(2 * maxStep); len(*a) > maxSpans/2; step *= 2 {
		open := (*a)[len(*a)-1]
		kept := (*a)[:0]
		var first int64 // where the first of those that became one ends
		for _, s := range (*a)[:len(*a)-1] {
			if n := len(kept); n > 0 && s.until-first <= step {
				kept[n-1].ahead, kept[n-1].until = min(kept[n-1].ahead, s.ahead), max(kept[n-1].until, s.until)
				continue
			}
			first = s.until
			kept = append(kept, s)
		}
		*a = append(kept, open)
	}
}

// cut forgets what is about records below the first live one.
func (a *arrivals) cut(earliest uint64, any bool) {
	switch {
	case len(*a) == 0:
		return
	case !any:
		*a = nil
		return
	}
	n := sort.Search(len(*a), func(i int) bool { return (*a)[i].from > earliest })
	if n > 1 {
		*a = (*a)[n-1:]
	}
}

// arriveBy notes that whatever t has came before now, if a timestamp of it says
// otherwise: the clock of an earlier run was ahead, or this one is behind.
func (t *topic) arriveBy(now int64) {
	if t.assignedTS-now > maxStep {
		t.came.begin(1, t.assignedTS, moment{now, now})
	}
}
