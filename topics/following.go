package topics

import (
	"slices"
	"sync"
	"sync/atomic"
)

// following is who follows what.
//
// A writer asks only whether anybody follows its topic: it takes mu, for a
// moment, with the topic's lock held. Followers are told without any topic's
// lock, one delivery at a time.
type following struct {
	any atomic.Bool // somebody follows something

	// telling is held while followers are told, so that they are in the order
	// of what happened. Taken before mu, a topic's lock and a follower's.
	telling sync.Mutex
	births  func() // tells what was made and deleted so far; telling is held

	// Which names and prefixes there are is changed with both locks held, who
	// follows them with telling only.
	mu              sync.RWMutex
	names, prefixes map[string]audience
	lengths         []prefixLength // of prefixes, ascending
}

// audience are the followers of a name or a prefix.
type audience map[*Follower]struct{}

type prefixLength struct{ bytes, prefixes int }

// follows reports whether anybody follows the topic of that name.
func (s *following) follows(name string) bool {
	if !s.any.Load() {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.names[name] != nil {
		return true
	}
	for _, l := range s.lengths {
		if l.bytes > len(name) {
			break
		}
		if s.prefixes[name[:l.bytes]] != nil {
			return true
		}
	}
	return false
}

// tell tells everybody who follows the topic of that name in r. s.telling is
// held.
func (s *following) tell(r *Registry, name string, b *birth) {
	for f := range s.names[name] {
		f.tell(r, name, b)
	}
	for _, l := range s.lengths {
		if l.bytes > len(name) {
			break
		}
		for f := range s.prefixes[name[:l.bytes]] {
			f.tell(r, name, b)
		}
	}
}

// change is one change of who follows what, under both locks.
func (s *following) change(f func()) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.changeLocked(f)
}

// end is a change that ends something that f follows. Writers do not wait for
// what comes of it.
func (s *following) end(f *Follower, change func()) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.changeLocked(change)
	f.keep()
}

// changeLocked is change with telling held. What was made before is for those
// who followed then: its end may have been noted for nobody.
func (s *following) changeLocked(f func()) {
	s.births()
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.any.Store(len(s.names)+len(s.prefixes) > 0)
}

// add makes f follow a name. added: by name it did not before; covered: by name
// or prefix it did. false: it had left.
func (s *following) add(f *Follower, name string) (added, covered, ok bool) {
	s.change(func() {
		if ok = !f.left; !ok {
			return
		}
		covered = f.covers(name, nil)
		if _, had := f.names[name]; had {
			return
		}
		added = true
		f.names[name] = struct{}{}
		if s.names == nil {
			s.names = map[string]audience{}
		}
		if s.names[name] == nil {
			s.names[name] = audience{}
		}
		s.names[name][f] = struct{}{}
	})
	return added, covered, ok
}

// addPrefix makes f follow a prefix. added: it did not before; false: it had
// left.
func (s *following) addPrefix(f *Follower, prefix string) (added, ok bool) {
	s.change(func() {
		if ok = !f.left; !ok {
			return
		}
		if _, had := f.prefixes[prefix]; had {
			return
		}
		added = true
		f.prefixes[prefix] = struct{}{}
		if s.prefixes == nil {
			s.prefixes = map[string]audience{}
		}
		if s.prefixes[prefix] == nil {
			s.prefixes[prefix] = audience{}
			s.measure(len(prefix), 1)
		}
		s.prefixes[prefix][f] = struct{}{}
	})
	return added, ok
}

// measure counts n prefixes of that length.
func (s *following) measure(bytes, n int) {
	i, found := slices.BinarySearchFunc(s.lengths, bytes, func(l prefixLength, bytes int) int { return l.bytes - bytes })
	if !found {
		s.lengths = slices.Insert(s.lengths, i, prefixLength{bytes: bytes})
	}
	if s.lengths[i].prefixes += n; s.lengths[i].prefixes == 0 {
		s.lengths = slices.Delete(s.lengths, i, i+1)
	}
}

// remove ends that f follows a name. Both locks are held.
func (s *following) remove(f *Follower, name string) {
	delete(f.names, name)
	delete(s.names[name], f)
	if len(s.names[name]) == 0 {
		delete(s.names, name)
	}
}

// removePrefix is remove for a prefix.
func (s *following) removePrefix(f *Follower, prefix string) {
	if _, had := f.prefixes[prefix]; !had {
		return
	}
	delete(f.prefixes, prefix)
	delete(s.prefixes[prefix], f)
	if len(s.prefixes[prefix]) == 0 {
		delete(s.prefixes, prefix)
		s.measure(len(prefix), -1)
	}
}

// covers is f's, for who does not hold the lock.
func (s *following) covers(f *Follower, name string, but *string) bool {
	s.telling.Lock()
	defer s.telling.Unlock()
	return f.covers(name, but)
}
