package topics

import "strings"

// present appends the topics that f follows by prefixes and that are there, as
// Created, but for those that into has already.
func (r *Registry) present(f *Follower, into []Movement) []Movement {
	has := make(map[string]bool, len(into))
	for i := range into {
		has[into[i].Topic] = true
	}
	for _, prefix := range r.following.prefixesOf(f) {
		var ids []uint64
		r.mu.RLock()
		r.byName.Ascend(prefix, func(name string, t *topic) bool {
			if !strings.HasPrefix(name, prefix) {
				return false
			}
			if t.isVisible() && !has[name] {
				has[name] = true
				into, ids = append(into, Movement{Topic: name, Created: true}), append(ids, t.id)
			}
			return true
		})
		f.knows(ids) // before any of them can be deleted
		r.mu.RUnlock()
	}
	return into
}

// prefixesOf are the prefixes that f follows.
func (s *following) prefixesOf(f *Follower) []string {
	s.telling.Lock()
	defer s.telling.Unlock()
	prefixes := make([]string, 0, len(f.prefixes))
	for prefix := range f.prefixes {
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

// knows notes topics that the consumer learns of.
func (f *Follower) knows(ids []uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		f.newest = max(f.newest, id)
	}
}
