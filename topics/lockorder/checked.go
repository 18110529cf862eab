//go:build lockorder

package lockorder

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Checked reports whether the order is checked.
const Checked = true

// Mutex is a sync.Mutex that panics when it is locked out of order.
type Mutex[R Rank] struct{ mu sync.Mutex }

// Lock locks m. It panics if the goroutine holds a mutex of the same rank or of a
// later one.
func (m *Mutex[R]) Lock() {
	acquire[R]()
	m.mu.Lock()
}

// TryLock locks m if it is free. It never waits, so any mutex may be held.
func (m *Mutex[R]) TryLock() bool { return m.mu.TryLock() && hold[R]() }

// Unlock unlocks m, which the goroutine must have locked itself.
func (m *Mutex[R]) Unlock() {
	m.mu.Unlock()
	release[R]()
}

// RWMutex is a sync.RWMutex that panics when it is locked out of order, for
// reading or for writing.
type RWMutex[R Rank] struct{ mu sync.RWMutex }

// Lock is as for Mutex.
func (m *RWMutex[R]) Lock() {
	acquire[R]()
	m.mu.Lock()
}

// TryLock is as for Mutex.
func (m *RWMutex[R]) TryLock() bool { return m.mu.TryLock() && hold[R]() }

// Unlock is as for Mutex.
func (m *RWMutex[R]) Unlock() {
	m.mu.Unlock()
	release[R]()
}

// RLock is Lock for reading. A goroutine that reads already may not read again: a
// writer that came in between would wait for the first and hold up the second.
func (m *RWMutex[R]) RLock() {
	acquire[R]()
	m.mu.RLock()
}

// TryRLock is TryLock for reading.
func (m *RWMutex[R]) TryRLock() bool { return m.mu.TryRLock() && hold[R]() }

// RUnlock is Unlock for reading.
func (m *RWMutex[R]) RUnlock() {
	m.mu.RUnlock()
	release[R]()
}

// LockSame locks m for a caller that may hold others of the same rank, and has an
// order among them. It panics if the goroutine holds a mutex of a later rank.
func LockSame[R Rank](m *RWMutex[R]) {
	var rank R
	for _, other := range ranks(goroutine()) {
		if slices.Index(order[:], any(rank)) < slices.Index(order[:], other) {
			panic(fmt.Sprintf("lockorder: %T is locked with %T held", rank, other))
		}
	}
	hold[R]()
	m.mu.Lock()
}

// held has the ranks that each goroutine holds, as a []any by the goroutine's id.
// Only the goroutine itself reads and writes its own.
var held sync.Map

// acquire holds R, and panics if that is out of order.
func acquire[R Rank]() {
	var rank R
	id := goroutine()
	list := ranks(id)
	for _, other := range list {
		if slices.Index(order[:], any(rank)) <= slices.Index(order[:], other) {
			panic(fmt.Sprintf("lockorder: %T is locked with %T held", rank, other))
		}
	}
	held.Store(id, append(list, rank))
}

// hold holds R, whatever else is held. It returns true.
func hold[R Rank]() bool {
	var rank R
	id := goroutine()
	held.Store(id, append(ranks(id), rank))
	return true
}

// release takes R out of what the goroutine holds.
func release[R Rank]() {
	var rank R
	id := goroutine()
	list := ranks(id)
	i := slices.Index(list, any(rank))
	switch {
	case i < 0:
		panic(fmt.Sprintf("lockorder: %T is unlocked by a goroutine that does not hold it", rank))
	case len(list) == 1:
		held.Delete(id)
	default:
		held.Store(id, slices.Delete(list, i, i+1))
	}
}

// ranks returns what a goroutine holds.
func ranks(id string) []any {
	list, _ := held.Load(id)
	known, _ := list.([]any)
	return known
}

// goroutine returns the id of the calling goroutine, which only its stack has.
func goroutine() string {
	var b [64]byte
	stack := b[:runtime.Stack(b[:], false)]
	id, _, _ := bytes.Cut(bytes.TrimPrefix(stack, []byte("goroutine ")), []byte(" "))
	return string(id)
}
