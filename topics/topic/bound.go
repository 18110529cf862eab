package topic

import (
	"math"

	"github.com/e6e95bb8/topics/topics/record"
)

// smallestRecord is the least that a record takes in the log: its length, its
// flags and one byte of data. smallestFrame is the least that a frame does.
const (
	smallestRecord = 3
	smallestFrame  = 32
)

// Bound is a seq at or above every one that t can have given out in so many
// bytes of the log. Every class but fsync also gives out what a reservation
// covers, of which the last one may be among the bytes; ephemeral records
// leave no other trace than reservations. The class is the last one known: a
// change of it to ephemeral that is itself among the bytes is not thought of.
func (t *Topic) Bound(bytes uint64) uint64 {
	top := t.Head + bytes/smallestRecord + 1
	switch t.Next.Durability {
	case record.Fsync:
	case record.Ephemeral:
		top = min(max(t.Reserve.Ceiling, t.Head)+min(bytes/smallestFrame+1, 1<<30)*MaxReserve, math.MaxInt64)
	default:
		top = max(t.Reserve.Ceiling, top+MaxReserve)
	}
	return max(top, t.Head+1) // should the sum have gone round
}

// MaxLost keeps the bounds within what a client can take for a number.
const MaxLost = 1 << 50
