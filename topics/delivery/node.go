package delivery

// node is a waiting item.
type node[T comparable] struct {
	item       T
	priority   int64
	since      int64    // time of Push
	order      uint64   // increases with each entry into a list
	list       *list[T] // nil while the item is held back until moves
	prev, next *node[T]
	moves      int64 // time at which it must be placed again
	timer      int   // index in the timers, or none
}

const none = -1

// list holds nodes in the order in which they were added.
type list[T comparable] struct{ head, tail *node[T] }

func (l *list[T]) push(n *node[T]) {
	n.prev, n.next = l.tail, nil
	if l.tail == nil {
		l.head = n
	} else {
		l.tail.next = n
	}
	l.tail = n
}

func (l *list[T]) remove(n *node[T]) {
	if n.prev == nil {
		l.head = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		l.tail = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.list, n.prev, n.next = nil, nil, nil
}

// timers is a heap (container/heap) ordered by node.moves.
type timers[T comparable] []*node[T]

func (h timers[T]) Len() int           { return len(h) }
func (h timers[T]) Less(i, j int) bool { return h[i].moves < h[j].moves }
func (h timers[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].timer, h[j].timer = i, j
}

func (h *timers[T]) Push(x any) {
	n := x.(*node[T])
	n.timer = len(*h)
	*h = append(*h, n)
}

func (h *timers[T]) Pop() any {
	old := *h
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	n.timer = none
	return n
}

// recent holds the items that were delivered under pressure in the last
// mostInterval.
type recent[T comparable] struct {
	at    map[T]int64
	queue []delivered[T] // oldest first
}

type delivered[T comparable] struct {
	item T
	at   int64
}

func (r *recent[T]) has(item T) bool {
	_, ok := r.at[item]
	return ok
}

func (r *recent[T]) add(item T, now int64) {
	if r.at == nil {
		r.at = make(map[T]int64)
	}
	r.at[item] = now
	r.queue = append(r.queue, delivered[T]{item, now})
}

func (r *recent[T]) forget(now int64) {
	n := 0
	for n < len(r.queue) && r.queue[n].at+mostInterval <= now {
		if d := r.queue[n]; r.at[d.item] == d.at {
			delete(r.at, d.item)
		}
		n++
	}
	if r.queue = r.queue[n:]; n > 0 && len(r.queue) == 0 {
		r.queue, r.at = nil, nil
	}
}
