package clock

import (
	"math"
	"sort"
)

// Arrivals holds when records of a topic arrived, on the steady clock, where their
// timestamps do not say so: they were taken while the wall clock was wrong, or
// stood still because an earlier one was. No record is held to have arrived before it
// did, and, unless spans had to be merged, none more than MaxStep later. It is
// nearly always nil: all records arrived at their timestamps. The topic's lock
// guards it.
type Arrivals []span

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
func (a Arrivals) last() span {
	if len(a) == 0 {
		return span{until: math.MaxInt64}
	}
	return a[len(a)-1]
}

// at returns when a record of the span with that timestamp arrived.
func (s *span) at(ts int64) int64 { return min(ts-s.ahead, s.until) }

// Of returns when a record arrived.
func (a Arrivals) Of(seq uint64, ts int64) int64 {
	if len(a) == 0 {
		return ts
	}
	if i := sort.Search(len(a), func(i int) bool { return a[i].from > seq }); i > 0 {
		return a[i-1].at(ts)
	}
	return ts
}

// Next returns when an entry with that timestamp, taken at m, arrives. If fits is
// false, its records need a span of their own: see Begin.
func (a Arrivals) Next(ts int64, m Moment) (at int64, fits bool) {
	s := a.last()
	if at = s.at(ts); at >= m.Steady && at-m.Steady <= MaxStep {
		return at, true
	}
	return m.Steady, false
}

// Begin begins a span with a record that was taken at m.
func (a *Arrivals) Begin(from uint64, ts int64, m Moment) {
	s := span{from: from, ahead: m.Ahead(), until: math.MaxInt64}
	if ts > m.Wall { // the timestamps stand still, and later records have the same
		s.until = m.Steady + MaxStep
	}
	if n := len(*a); n > 0 {
		before := &(*a)[n-1]
		before.until = min(before.until, m.Steady+MaxStep)
	}
	if *a = append(*a, s); len(*a) > maxSpans {
		a.coarsen()
	}
}

// coarsen at least halves the number of spans. Spans that end soon after one
// another are merged, and their records are held to have arrived with the last one.
func (a *Arrivals) coarsen() {
	for step := int64(2 * MaxStep); len(*a) > maxSpans/2; step *= 2 {
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

// Truncate removes the spans of records below the first live one, or all if there is
// none.
func (a *Arrivals) Truncate(earliest uint64, any bool) {
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
