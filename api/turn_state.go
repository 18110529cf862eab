package api

import "sync/atomic"

// turnState is whether a follower has a turn of the crew, or is to get one. The zero
// turnState is at rest.
type turnState struct{ state atomic.Int32 }

// The states.
const (
	atRest      int32 = iota
	inLine            // a turn is to come
	atTurn            // it is there
	atTurnAgain       // it is there, and another one is needed
)

// ask asks for a turn, unless one is to come. It reports whether the caller must get in
// line for it.
func (t *turnState) ask() bool {
	for {
		switch t.state.Load() {
		case atRest:
			if t.state.CompareAndSwap(atRest, inLine) {
				return true
			}
		case atTurn:
			if t.state.CompareAndSwap(atTurn, atTurnAgain) {
				return false
			}
		default:
			return false
		}
	}
}

// lineUp notes that the caller gets in line.
func (t *turnState) lineUp() { t.state.Store(inLine) }

// begin notes that the turn is there.
func (t *turnState) begin() { t.state.Store(atTurn) }

// claim begins a turn, if it is at rest.
func (t *turnState) claim() bool { return t.state.CompareAndSwap(atRest, atTurn) }

// over ends a turn. It reports false, and ends nothing, if another one is needed.
func (t *turnState) over() bool { return t.state.CompareAndSwap(atTurn, atRest) }
