package drill

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Streams of the seed. Each decision has a generator of its own, so that an
// additional draw in one place does not change another.
const (
	streamOps     = 1 << 56
	streamRecords = 2 << 56
	streamKills   = 3 << 56
	streamWriters = 4 << 56
)

// opID identifies one write of the drill. Writer ids and op numbers start at 0.
type opID struct {
	writer uint16
	number uint32
}

func (id opID) String() string { return fmt.Sprintf("writer %d op %d", id.writer, id.number) }

// stream returns the op's part of a generator's second seed.
func (id opID) stream() uint64 { return uint64(id.writer)<<32 | uint64(id.number) }

// plan is what the seed determines: the ops with their bytes, and the kills.
type plan struct {
	seed uint64
	// uptime is the longest time under load before a kill.
	uptime time.Duration
}

// op is one planned write.
type op struct {
	id    opID
	count int    // number of records
	key   string // idempotency key; an op without one is never retried
}

// op returns the write with this id: mostly a small batch, sometimes a large
// one; two thirds have a key.
func (p plan) op(id opID) op {
	rng := rand.New(rand.NewPCG(p.seed, streamOps|id.stream()))
	o := op{id: id}
	switch x := rng.IntN(100); {
	case x < 50:
		o.count = 1
	case x < 85:
		o.count = 2 + rng.IntN(9)
	case x < 99:
		o.count = 11 + rng.IntN(40)
	default:
		o.count = 200 + rng.IntN(801)
	}
	if rng.IntN(3) > 0 {
		o.key = fmt.Sprintf("w%d-%d", id.writer, id.number)
	}
	return o
}

// kill is one planned kill.
type kill struct {
	// early kills are during the start of the server; others are under load, after
	// the server was ready and checked.
	early bool
	// after is the time before the kill, as a part (0 to 1) of the longest wait.
	after float64
	// during is the work that a kill under load waits for; it may be empty.
	during work
}

// kill returns kill number k. The first one is under load, because before it
// there is nothing to replay.
func (p plan) kill(k int) kill {
	rng := rand.New(rand.NewPCG(p.seed, streamKills|uint64(k)))
	planned := kill{early: rng.IntN(4) == 0 && k > 0, after: rng.Float64()}
	// Most work takes only a few milliseconds, so random kills would miss it.
	if n := rng.IntN(2 * len(works)); n < len(works) && !planned.early {
		planned.during = works[n]
	}
	return planned
}
