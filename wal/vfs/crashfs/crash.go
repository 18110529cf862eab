package crashfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Crash cuts the power and returns the file system that is found afterwards,
// all of it durable. The old one and its handles return ErrCrashed from now on.
func (f *FS) Crash(rng *rand.Rand) *FS {
	dirs, capacity := f.take()
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		dirs[name].settle(rng)
	}
	return boot(dirs, capacity)
}

// Kill ends the process while the machine runs on: the cache view survives whole,
// locks are free, and unsynced changes stay unsynced. The old file system and its
// handles return ErrCrashed from now on.
func (f *FS) Kill() *FS {
	return boot(f.take())
}

// Reclaim drops the sectors from the cache that failed syncs left clean there and
// missing on the disk, as a kernel does that needs the memory: from now on they read
// as the disk has them.
func (f *FS) Reclaim() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustOwnLocked()
	for _, d := range f.dirs {
		for _, n := range d.entries {
			n.reclaim()
		}
	}
}

// take stops the file system and returns its contents. Only one successor can own
// them.
func (f *FS) take() (dirs map[string]*dir, capacity int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustOwnLocked()
	dirs, capacity = f.dirs, f.capacity
	f.dirs, f.locks = nil, nil
	f.down, f.taken = true, true
	return dirs, capacity
}

func (f *FS) mustOwnLocked() {
	if f.taken {
		panic("crashfs: crashed or killed before; use the file system that returned")
	}
}

// Clone returns a running copy of the present state, without locks; unsynced changes
// stay unsynced. The original stays unchanged: so one moment can be cut in many ways,
// also after CrashAfter has stopped it.
func (f *FS) Clone() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustOwnLocked()
	copies := map[*inode]*inode{}
	copied := func(n *inode) *inode {
		if copies[n] == nil {
			copies[n] = n.clone()
		}
		return copies[n]
	}
	dirs := map[string]*dir{}
	for name, d := range f.dirs {
		c := newDir()
		for base, n := range d.entries {
			c.entries[base] = copied(n)
		}
		for base, n := range d.durable {
			c.durable[base] = copied(n)
		}
		for _, p := range d.pending {
			c.pending = append(c.pending, change{p.from, p.to, copied(p.node)})
		}
		dirs[name] = c
	}
	return boot(dirs, f.capacity)
}

// settle draws which entries are there after a power cut, and their contents.
func (d *dir) settle(rng *rand.Rand) {
	survives := survivors(rng, len(d.pending))
	for i, c := range d.pending {
		if survives(i) {
			c.apply(d.durable)
		}
	}
	d.entries, d.pending = maps.Clone(d.durable), nil
	for _, base := range slices.Sorted(maps.Keys(d.entries)) {
		d.entries[base].settle(rng)
	}
}

// settle draws the content after a power cut.
func (n *inode) settle(rng *rand.Rand) {
	n.cut(n.settledSize(rng))
	sectors := slices.Sorted(maps.Keys(n.dirty))
	survives := survivors(rng, len(sectors))
	tears := rng.IntN(2) == 0
	for k, i := range sectors {
		if at := i * sectorSize; at < int64(len(n.data)) {
			present := n.data[at:min(at+sectorSize, int64(len(n.data)))]
			n.dirty[i].settle(rng, present, survives(k), tears)
		}
	}
	clear(n.dirty)
	n.sizes = []int64{int64(len(n.data))}
}

// settledSize draws one of the lengths since the last sync, or one on the way
// to the next where the file grew: a write can be extended piece by piece, a
// truncation to a shorter length is there or not.
func (n *inode) settledSize(rng *rand.Rand) int64 {
	var i int
	switch last := len(n.sizes) - 1; rng.IntN(3) {
	case 0: // the durable one
	case 1:
		i = last
	case 2:
		i = rng.IntN(last + 1)
	}
	size := n.sizes[i]
	if i+1 < len(n.sizes) && n.sizes[i+1] > size && rng.IntN(2) == 0 {
		size += rng.Int64N(n.sizes[i+1] - size)
	}
	return size
}

// settle replaces a sector's present content by its content after a power cut: the
// durable one, or a newer one that survives, which may be torn.
func (s *sector) settle(rng *rand.Rand, present []byte, survives, tears bool) {
	found := make([]byte, sectorSize)
	if !survives {
		copy(found, s.past[0])
		copy(present, found)
		return
	}
	version := len(s.past) // the present
	if rng.IntN(2) == 0 {
		version = 1 + rng.IntN(len(s.past))
	}
	if version < len(s.past) {
		copy(found, s.past[version])
	} else {
		copy(found, present)
	}
	if tears && rng.IntN(4) == 0 {
		older := make([]byte, sectorSize)
		copy(older, s.past[rng.IntN(version)])
		if at := 1 + rng.IntN(sectorSize-1); rng.IntN(2) == 0 {
			copy(found[at:], older[at:])
		} else {
			copy(found[:at], older[:at])
		}
	}
	copy(present, found)
}

// survivors draws which of n unsynced changes reached the disk: none, all, the
// first few, or each by its own coin.
func survivors(rng *rand.Rand, n int) func(i int) bool {
	switch rng.IntN(4) {
	case 0:
		return func(int) bool { return false }
	case 1:
		return func(int) bool { return true }
	case 2:
		first := rng.IntN(n + 1)
		return func(i int) bool { return i < first }
	}
	odds := rng.Float64()
	return func(int) bool { return rng.Float64() < odds }
}
