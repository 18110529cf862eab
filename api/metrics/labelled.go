package metrics

import (
	"sync"
	"sync/atomic"
)

// labelled is the series of one family that differ in one label, such as the
// status of an answer. A series exists from its first observation on, so that a
// scrape has no series of what never happened. To get one that exists takes no
// lock and allocates nothing.
type labelled[K comparable, V any] struct {
	made func(K) V
	seen atomic.Pointer[[]labelledSeries[K, V]] // few: a scan is fastest
	mu   sync.Mutex                             // held while seen is replaced
}

type labelledSeries[K comparable, V any] struct {
	label  K
	series V
}

func (l *labelled[K, V]) of(label K) V {
	if v, ok := l.find(label); ok {
		return v
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if v, ok := l.find(label); ok {
		return v
	}
	next := labelledSeries[K, V]{label, l.made(label)}
	var all []labelledSeries[K, V]
	if seen := l.seen.Load(); seen != nil {
		all = append(all, *seen...)
	}
	all = append(all, next)
	l.seen.Store(&all)
	return next.series
}

func (l *labelled[K, V]) find(label K) (series V, ok bool) {
	if seen := l.seen.Load(); seen != nil {
		for i := range *seen {
			if s := &(*seen)[i]; s.label == label {
				return s.series, true
			}
		}
	}
	return series, false
}

// each calls visit for all series.
func (l *labelled[K, V]) each(visit func(label K, series V)) {
	if seen := l.seen.Load(); seen != nil {
		for i := range *seen {
			visit((*seen)[i].label, (*seen)[i].series)
		}
	}
}
