package index

// KeysView is a copy of a topic's keys that later changes do not affect. It may
// be read without the topic's lock.
type KeysView struct {
	parts     []keysPart
	ahead     int64
	notBefore int64
}

// keysPart is a generation without its expired uses.
type keysPart struct {
	uses    []KeyUse
	deduped []dedupedUse
	expired int // number of uses that were before these
}

// View returns a view for a checkpoint, which stores times on the wall clock: that
// is ahead ms before the steady one, and no key is recorded as used before
// notBefore.
func (w *Keys) View(ahead, notBefore int64) KeysView {
	v := KeysView{ahead: ahead, notBefore: notBefore}
	for _, g := range w.generations {
		v.parts = append(v.parts, keysPart{g.uses[g.expired:], g.deduped.from(g.expired), g.expired})
	}
	return v
}

// Wall returns when the key was used, on the wall clock.
func (v *KeysView) Wall(u *KeyUse) int64 { return max(u.At+v.ahead, v.notBefore) }

// Each calls f with the uses that survive a restart, oldest first, until f
// returns an error: all but those of ephemeral writes that appended something above
// the seq through, or nothing.
func (v *KeysView) Each(through uint64, f func(u *KeyUse) error) error {
	for _, p := range v.parts {
		for i := range p.uses {
			u := &p.uses[i]
			if !u.survives(through) {
				continue
			}
			err := f(u)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// EachDeduped is Each for the uses whose write has records that were not appended.
// place is that of the use among those of Each, from 0.
func (v *KeysView) EachDeduped(through uint64, f func(place int, packed []byte) error) error {
	place := 0
	for _, p := range v.parts {
		rest := p.deduped
		for i := range p.uses {
			var packed []byte
			if len(rest) > 0 && rest[0].use == p.expired+i {
				packed, rest = rest[0].packed, rest[1:]
			}
			if !p.uses[i].survives(through) {
				continue
			}
			if packed != nil {
				err := f(place, packed)
				if err != nil {
					return err
				}
			}
			place++
		}
	}
	return nil
}

// survives reports whether a restart finds the key: not if the records of its write are
// in memory only and above the seq through, or if there are none.
func (u *KeyUse) survives(through uint64) bool {
	return !u.Ephemeral || u.Count > 0 && u.First <= through
}
