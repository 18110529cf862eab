//go:build !lockorder

package lockorder

import "sync"

// Checked reports whether the order is checked.
const Checked = false

// Mutex is a sync.Mutex.
type Mutex[R Rank] = sync.Mutex

// RWMutex is a sync.RWMutex.
type RWMutex[R Rank] = sync.RWMutex
