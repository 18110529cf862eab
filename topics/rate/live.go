package rate

import (
	"sync"
	"sync/atomic"
)

// Place is where something has its meter; nil while it is idle.
type Place = atomic.Pointer[Meter]

// Live holds the places that have a meter, so that Sweep finds those that are to
// be given up without looking at all there are.
type Live struct {
	mu     sync.Mutex // guards places; a leaf
	places []*Place
}

// Add counts n more of a series at a place, and gives it a meter if it has none.
func (l *Live) Add(p *Place, now int64, s Series, n uint64) {
	for {
		m := p.Load()
		if m != nil && m.add(now, s, n) {
			return
		}
		// Sweep, which has given m up, takes it away at any moment.
		fresh := new(Meter)
		fresh.Add(now, s, n)
		if m == nil && p.CompareAndSwap(nil, fresh) {
			l.mu.Lock()
			l.places = append(l.places, p)
			l.mu.Unlock()
			return
		}
		if m != nil && p.CompareAndSwap(m, fresh) {
			return // the place is in the list, or Sweep would have taken m away
		}
	}
}

// Sweep takes the meters away from the places that are idle.
func (l *Live) Sweep(now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.places[:0]
	for _, p := range l.places {
		if m := p.Load(); m.giveUp(now) && p.CompareAndSwap(m, nil) {
			continue
		}
		kept = append(kept, p)
	}
	clear(l.places[len(kept):])
	if len(kept) < cap(kept)/4 {
		kept = append([]*Place(nil), kept...) // most are idle now
	}
	l.places = kept
}

// Len returns how many places have a meter.
func (l *Live) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.places)
}
