//go:build !lockorder

package lockorder

import "sync"

// Checked reports whether the order is checked.
const Checked = false

// Mutex is a sync.Mutex.
type Mutex[R Rank] = sync.Mutex

// RWMutex is a sync.RWMutex.
type RWMutex[R Rank] = sync.RWMutex

// LockSame locks m for a caller that may hold others of the same rank, and has an
// order among them.
func LockSame[R Rank](m *RWMutex[R]) { m.Lock() }
