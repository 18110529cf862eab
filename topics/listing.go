package topics

import (
	"context"
	"strings"

	"github.com/e6e95bb8/topics/topics/rate"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Selection is which topics a listing has.
type Selection struct {
	// Prefixes are those of the names: each name begins with one of them. They are
	// sorted, and none begins with another.
	Prefixes []string
	Contains string        // a part of the name, or empty for all
	Type     record.Type   // or empty for all
	Class    *record.Class // nil for all
}

// matches reports whether a topic of that config is selected, if its name begins as
// it should.
func (s *Selection) matches(name string, cfg *record.Config) bool {
	return strings.Contains(name, s.Contains) &&
		(s.Type == "" || cfg.Type == s.Type) &&
		(s.Class == nil || cfg.Durability == *s.Class)
}

// CountTopics returns how many topics begin with one of some prefixes, which are
// sorted and of which none begins with another. It costs a few searches for each.
func (r *Registry) CountTopics(prefixes []string) int {
	if len(prefixes) == 1 && prefixes[0] == "" {
		return int(r.shared.Counters.Topics.Load())
	}
	r.catalog.Mu.RLock()
	defer r.catalog.Mu.RUnlock()
	n := 0
	for _, p := range prefixes {
		n += r.catalog.RankLocked(p, true) - r.catalog.RankLocked(p, false)
	}
	return n
}

// SortTopics returns the names of all topics of a selection, sorted by a key as it is
// now, from the least or, if descending, from the greatest. Equals are sorted by
// name. It costs a look at each topic.
func (r *Registry) SortTopics(ctx context.Context, s *Selection, by SortKey, descending bool) ([]string, error) {
	list := make([]ranked[*topic.Topic], 0, min(r.CountTopics(s.Prefixes), scanned))
	now := r.shared.Steady()
	for _, prefix := range s.Prefixes {
		for after, more := "", true; more; {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			list, after, more = r.selectTopics(list, s, prefix, after)
		}
	}
	for i := range list {
		if i%scanned == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		list[i].key = rankOf(list[i].it, by, now)
	}
	return sortedNames(list, descending, by == SortName, func(t *topic.Topic) string { return t.Name }), nil
}

// selectTopics appends topics of a selection with names above after that begin with a
// prefix. It looks at no more than scanned, and returns the last of them.
func (r *Registry) selectTopics(list []ranked[*topic.Topic], s *Selection, prefix, after string) (_ []ranked[*topic.Topic], last string, more bool) {
	r.catalog.Mu.RLock()
	defer r.catalog.Mu.RUnlock()
	n := 0
	r.catalog.ByName.Ascend(max(prefix, after), func(name string, t *topic.Topic) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if n == scanned {
			more = true
			return false
		}
		n++
		cfg := t.ShownConfig()
		if name != after && cfg != nil && s.matches(name, cfg) {
			list = append(list, ranked[*topic.Topic]{it: t})
		}
		last = name
		return true
	})
	return list, last, more
}

// rankOf returns what a topic is sorted by.
func rankOf(t *topic.Topic, by SortKey, now int64) float64 {
	switch by {
	case SortName:
		return 0
	case SortWriteRate:
		return t.Rates.Load().PerSecond(now, rate.Writes)
	}
	t.Mu.RLock()
	defer t.Mu.RUnlock()
	switch by {
	case SortBytes:
		return float64(t.Live.Bytes)
	case SortRecords:
		return float64(t.Live.Records)
	}
	return float64(t.LastWrite)
}

// Activity returns how busy a topic is. One that does not exist is idle.
func (r *Registry) Activity(name string) (a topic.Activity) {
	t := r.catalog.Lookup(name)
	if t != nil && t.IsVisible() {
		a = t.Activity()
	}
	a.Subscriptions = r.subscriptions.Covering(name)
	return a
}
