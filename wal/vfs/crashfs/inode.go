package crashfs

import (
	"maps"
	"slices"
)

const (
	sectorSize = 512 // bytes; the most that a disk writes atomically

	// maxPast bounds how many versions of an unsynced sector are remembered,
	// the durable one included.
	maxPast = 6
)

// inode is a file's content as a process sees it, and the earlier content of each part
// that is not durable.
type inode struct {
	data  []byte            // the cache view; zero between len and cap
	dirty map[int64]*sector // by offset/sectorSize; all others are durable
	sizes []int64           // lengths since the last sync: the durable one first, the present last
}

// sector is the past of an unsynced sector. Its present is in inode.data.
type sector struct {
	past    [][]byte // the durable content first; zeros if nil; never written to
	dropped bool     // a sync failed: no later one writes it
}

func newInode() *inode {
	return &inode{dirty: map[int64]*sector{}, sizes: []int64{0}}
}

func (n *inode) write(p []byte, off int64) {
	end := off + int64(len(p))
	n.remember(off, end)
	if end > int64(len(n.data)) {
		n.resize(end)
	}
	copy(n.data[off:], p)
}

func (n *inode) truncate(size int64) {
	if size < int64(len(n.data)) {
		n.remember(size, int64(len(n.data)))
	}
	n.resize(size)
}

// resize sets the length; bytes that were cut off are zeros if it grows again.
func (n *inode) resize(size int64) {
	n.cut(size)
	if n.sizes[len(n.sizes)-1] != size {
		n.sizes = append(n.sizes, size)
	}
}

// cut sets the length of the cache view alone.
func (n *inode) cut(size int64) {
	switch {
	case size <= int64(len(n.data)):
		clear(n.data[size:])
	case size > int64(cap(n.data)):
		grown := make([]byte, len(n.data), max(size, 2*int64(cap(n.data))))
		copy(grown, n.data)
		n.data = grown
	}
	n.data = n.data[:size]
}

// remember keeps the present content of the sectors that [from, to) touches.
func (n *inode) remember(from, to int64) {
	first, last := from/sectorSize, (to-1)/sectorSize
	var copied []byte // one allocation for all sectors
	if start := first * sectorSize; start < int64(len(n.data)) {
		copied = make([]byte, (last-first+1)*sectorSize)
		copy(copied, n.data[start:])
	}
	for i := first; i <= last; i++ {
		var content []byte
		if i*sectorSize < int64(len(n.data)) {
			content = copied[(i-first)*sectorSize:][:sectorSize:sectorSize]
		}
		s := n.dirty[i]
		if s == nil {
			s = &sector{}
			n.dirty[i] = s
		}
		if len(s.past) == maxPast {
			s.past = slices.Delete(s.past, 1, 2)
		}
		s.past = append(s.past, content)
		s.dropped = false
	}
}

// sync makes everything durable except sectors that an earlier failure dropped.
func (n *inode) sync() {
	maps.DeleteFunc(n.dirty, func(_ int64, s *sector) bool { return !s.dropped })
	n.sizes = append(n.sizes[:0], int64(len(n.data)))
}

// drop does what a failed sync does: the sectors count as clean, and are not durable.
func (n *inode) drop() {
	for _, s := range n.dirty {
		s.dropped = true
	}
}

// reclaim forgets the content of the sectors that drop left in the cache only.
func (n *inode) reclaim() {
	for i, s := range n.dirty {
		if !s.dropped {
			continue
		}
		if at := i * sectorSize; at < int64(len(n.data)) {
			present := n.data[at:min(at+sectorSize, int64(len(n.data)))]
			clear(present[copy(present, s.past[0]):])
		}
		delete(n.dirty, i)
	}
}

func (n *inode) clone() *inode {
	c := &inode{data: make([]byte, len(n.data)), dirty: maps.Clone(n.dirty), sizes: slices.Clone(n.sizes)}
	copy(c.data, n.data)
	for i, s := range c.dirty {
		c.dirty[i] = &sector{past: slices.Clone(s.past), dropped: s.dropped}
	}
	return c
}
