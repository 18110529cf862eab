package topic

import (
	"errors"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/rate"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Shared is what all topics of a registry have in common.
type Shared struct {
	Limits   Limits
	Clock    *clock.Clock
	KeySeed  uint64 // of the hashes of idempotency keys
	Counters Counters
	Rates    rate.Live
	configs  configs
	Log      *wal.Log              // nil in a replay
	Gauge    atomic.Pointer[Gauge] // of the log's queue; nil in a replay
	Applying applying
	Closing  atomic.Bool // segments and log are about to be closed
	Host     Host
}

// Limits bound what all topics hold together. 0: no limit.
type Limits struct {
	EphemeralBytes   int64 // memory for ephemeral records
	IdempotencyBytes int64 // memory for idempotency keys
}

// Host does for topics what concerns others, too. Its methods are called with the
// topic's lock held, except AwaitChange and Abandon.
type Host interface {
	// Changed notifies subscribers and routers that readers see something else.
	Changed(t *Topic)
	// Born and Dies record for subscribers that the topic was created, or is about to
	// be deleted.
	Born(t *Topic)
	Dies(t *Topic)
	// Gone ends what others have of a deleted topic: its queue, and the sweeper's visits.
	Gone(t *Topic)
	// Visit has the sweeper come by the topic at its next round.
	Visit(t *Topic)
	// Serve gives the jobs that are ready to those who wait for them. It follows every
	// change of a queue.
	Serve(t *Topic)
	// AwaitChange waits until the change of topics or routers at that position is
	// durable, and shows it to readers. No lock is held.
	AwaitChange(at wal.LSN) error
	// Abandon takes the name from a topic whose creation failed.
	Abandon(t *Topic)
}

// Now returns the wall clock's time. Timestamps are taken from it.
func (s *Shared) Now() int64 { return s.Clock.Now().Wall }

// Steady returns the steady clock's time, by which records and keys expire.
func (s *Shared) Steady() int64 { return s.Clock.Now().Steady }

// KeyHash hashes an idempotency key under the registry's seed.
func (s *Shared) KeyHash(key []byte) index.KeyHash { return index.HashKey(key, s.KeySeed) }

// Pressure is how full the log's queue is, from 0 to 1.
func (s *Shared) Pressure() float64 {
	g := s.Gauge.Load()
	if g == nil {
		return 0
	}
	return min(max((*g)(), 0), 1)
}

// Outdated reports whether err is due to a view whose records have moved since, so
// that another view will do. While the server shuts down none will: the segments are
// closed for good.
func (s *Shared) Outdated(err error) bool {
	return errors.Is(err, wal.ErrTruncated) || errors.Is(err, index.ErrMoved) && !s.Closing.Load()
}

// Delivered counts what a batch of t hands out.
func (t *Topic) Delivered(q *Query, b *Batch) *Batch {
	s := t.Shared
	var bytes int64
	for i := range b.Records {
		bytes += int64(b.Records[i].PayloadBytes())
	}
	s.Counters.Delivered.Add(record.Size{Records: int64(len(b.Records)), Bytes: bytes})
	if len(b.Records) > 0 && !q.Untouched {
		s.Rates.Add(&t.Rates, s.Steady(), rate.Reads, uint64(len(b.Records)))
	}
	if b.Tombstone != nil {
		for i, reason := range reasons {
			if reason == b.Tombstone.Reason {
				s.Counters.tombstones[i].Add(1)
			}
		}
	}
	return b
}
