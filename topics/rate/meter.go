// Package rate measures how often something happened in the last minute.
//
// A Meter is made when something happens and given up when nothing has for a
// minute, so that what is idle has none: see Live.
package rate

import (
	"math"
	"sync"
)

// Series is one of the three things that a Meter counts. The third may grow faster
// than four billion in ten seconds.
type Series uint8

// The series of a topic's records.
const (
	Writes Series = iota
	Reads
	Bytes // of the payloads of writes
)

// The series of a queue's jobs.
const (
	Claims Series = iota
	Acks
	Nacks
)

// Window is the time that a rate covers, in ms.
const Window = 60_000

// A window moves by whole slots. The oldest one counts by the part of it that
// still lies in the window, as if what is in it had come evenly.
const (
	slotTime  = 10_000
	slotCount = Window/slotTime + 1
)

// Meter counts what happened in each slot of the last minute. Times are those of
// a steady clock, in ms. The zero Meter has counted nothing. Its methods may be
// called from any goroutine.
//
// It is kept at 128 bytes: many topics may have one.
type Meter struct {
	mu     sync.Mutex // guards what follows; a leaf
	slot   int64      // number of the last slot that something was counted in
	counts [2][slotCount]uint32
	sums   [slotCount]uint64
}

// Add counts n more of a series.
func (m *Meter) Add(now int64, s Series, n uint64) { m.add(now, s, n) }

// givenUp is the slot of a meter that counts nothing any more.
const givenUp = math.MaxInt64

// add is Add, but does nothing and returns false if the meter was given up.
func (m *Meter) add(now int64, s Series, n uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.slot == givenUp {
		return false
	}
	m.moveLocked(now / slotTime)
	at := m.slot % slotCount
	if int(s) == len(m.counts) {
		m.sums[at] += n
		return true
	}
	count := &m.counts[s][at]
	*count = uint32(min(uint64(*count)+n, math.MaxUint32))
	return true
}

// moveLocked makes slot the present one, and empties those that were passed over.
func (m *Meter) moveLocked(slot int64) {
	for next := max(m.slot, slot-slotCount) + 1; next <= slot; next++ {
		at := next % slotCount
		m.counts[0][at], m.counts[1][at], m.sums[at] = 0, 0, 0
	}
	m.slot = max(m.slot, slot)
}

// inLocked returns what was counted of a series in a slot.
func (m *Meter) inLocked(slot int64, s Series) float64 {
	at := slot % slotCount
	if int(s) == len(m.counts) {
		return float64(m.sums[at])
	}
	return float64(m.counts[s][at])
}

// PerSecond returns how many of a series there were in a second of the last
// minute, on average. Without a meter there were none.
func (m *Meter) PerSecond(now int64, s Series) float64 {
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.slot == givenUp {
		return 0
	}
	present := max(now/slotTime, m.slot)
	sum := 0.0
	for slot := max(present-slotCount+1, m.slot-slotCount+1, 0); slot <= m.slot; slot++ {
		n := m.inLocked(slot, s)
		if slot == present-slotCount+1 {
			n *= 1 - float64(now%slotTime)/slotTime
		}
		sum += n
	}
	return sum / (Window / 1000)
}

// giveUp ends a meter if nothing that was counted lies in the window, and reports
// whether it has.
func (m *Meter) giveUp(now int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now/slotTime-m.slot < slotCount {
		return false
	}
	m.slot = givenUp
	return true
}
