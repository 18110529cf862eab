package topics

import (
	"math"
	"sort"
)

// arrivals holds when records of a topic arrived, on the steady clock, where their
// timestamps do not say so: they were taken while the wall clock was wrong, or
// stood still because an earlier one was. No record is held to have arrived before it
// did, and, unless spans had to be merged, none more than maxStep later. It is
// nearly always nil: all records arrived at their timestamps. The topic's lock
// guards it.
type arrivals []span

// span covers the records from a seq on, up to the next span.
type span struct {
	from  uint64
	ahead int64 // their timestamps minus the steady clock
	until int64 // none of them arrived later
}

// maxSpans bounds the memory for the arrivals of a topic. They grow while its
// timestamps stand still, until the wall clock has caught up.
const maxSpans = 256

// last returns the span of the next record.
func (a arrivals) last() span {
	if len(a) == 0 {
		return span{until: math.MaxInt64}
	}
	return a[len(a)-1]
}

// at returns when a record of the span with that timestamp arrived.
func (s *span) at(ts int64) int64 { return min(ts-s.ahead, s.until) }

// of returns when a record arrived.
func (a arrivals) of(seq uint64, ts int64) int64 {
	if len(a) == 0 {
		return ts
	}
	if i := sort.Search(len(a), func(i int) bool { return a[i].from > seq }); i > 0 {
		return a[i-1].at(ts)
	}
	return ts
}

// next returns when an entry with that timestamp, taken at m, arrives. If fits is
// false, its records need a span of their own: see begin.
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
	if ts > m.wall { // the timestamps stand still, and later records have the same
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

// coarsen at least halves the number of spans. Spans that end soon after one
// another are merged, and their records are held to have arrived with the last one.
func (a *arrivals) coarsen() {
	for step := int64(2 * maxStep); len(*a) > maxSpans/2; step *= 2 {
		open := (*a)[len(*a)-1]
		kept := (*a)[:0]
		var first int64 // end of the first span that was merged
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

// truncate removes the spans of records below the first live one, or all if there is
// none.
func (a *arrivals) truncate(earliest uint64, any bool) {
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
