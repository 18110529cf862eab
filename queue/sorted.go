package queue

import "github.com/tidwall/btree"

// sorted is an ordered set. Its tree exists from the first item on, so that a
// queue with no such item pays for none. A tree rather than a heap: the first
// items of a million lie together, where a heap's path to them is spread over
// all of its memory.
type sorted[T any] struct {
	less func(a, b T) bool
	tree *btree.BTreeG[T]
}

func (s *sorted[T]) add(item T) {
	if s.tree == nil {
		s.tree = btree.NewBTreeGOptions(s.less, btree.Options{NoLocks: true})
	}
	s.tree.Set(item)
}

func (s *sorted[T]) remove(item T) {
	if s.tree != nil {
		s.tree.Delete(item)
	}
}

func (s *sorted[T]) min() (item T, ok bool) {
	if s.tree == nil {
		return item, false
	}
	return s.tree.Min()
}

func (s *sorted[T]) len() int {
	if s.tree == nil {
		return 0
	}
	return s.tree.Len()
}

// moment is a job's place among times. It names the job by its seq: so the
// trees have no pointers, which the collector would follow, and a comparison
// looks at nothing else.
type moment struct {
	at  int64
	seq uint64
}

func (m moment) before(n moment) bool {
	return m.at < n.at || m.at == n.at && m.seq < n.seq
}

// rank is a ready job's place among all that a claim may take: priority, then
// reclaimed before never delivered, then seq.
type rank struct {
	order uint16
	seq   uint64
}

func (r rank) before(o rank) bool {
	return r.order < o.order || r.order == o.order && r.seq < o.seq
}

// orderOf is lower for jobs to be claimed first.
func orderOf(priority int8, delivered bool) uint16 {
	order := uint16(MaxPriority-int(priority)) << 1
	if !delivered {
		order++
	}
	return order
}
