package topics

import (
	"errors"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// shared is what all topics of a registry have in common.
type shared struct {
	limits   limits
	clock    *clock.Clock
	keySeed  uint64 // of the hashes of idempotency keys
	totals   totals
	configs  configs
	log      *wal.Log              // nil in a replay
	gauge    atomic.Pointer[gauge] // of the log's queue; nil in a replay
	applying applying
	closing  atomic.Bool // segments and log are about to be closed
	host     Host
}

// limits bound what all topics hold together. 0: no limit.
type limits struct {
	EphemeralBytes   int64 // memory for ephemeral records
	IdempotencyBytes int64 // memory for idempotency keys
}

// Host does for topics what concerns others, too. Its methods are called with the
// topic's lock held, except Abandon.
type Host interface {
	// Changed notifies subscribers and routers that readers see something else.
	Changed(t *topic)
	// Born and Dies record for subscribers that the topic was created, or is about to
	// be deleted.
	Born(t *topic)
	Dies(t *topic)
	// Visit has the sweeper come by the topic at its next round.
	Visit(t *topic)
	// Serve gives the jobs that are ready to those who wait for them. It follows every
	// change of a queue.
	Serve(t *topic)
	// Abandon takes the name from a topic whose creation failed.
	Abandon(t *topic)
}

// now returns the wall clock's time. Timestamps are taken from it.
func (s *shared) now() int64 { return s.clock.Now().Wall }

// steady returns the steady clock's time, by which records and keys expire.
func (s *shared) steady() int64 { return s.clock.Now().Steady }

// keyHash hashes an idempotency key under the registry's seed.
func (s *shared) keyHash(key []byte) index.KeyHash { return index.HashKey(key, s.keySeed) }

// pressure is how full the log's queue is, from 0 to 1.
func (s *shared) pressure() float64 {
	g := s.gauge.Load()
	if g == nil {
		return 0
	}
	return min(max((*g)(), 0), 1)
}

// outdated reports whether err is due to a view whose records have moved since, so
// that another view will do. While the server shuts down none will: the segments are
// closed for good.
func (s *shared) outdated(err error) bool {
	return errors.Is(err, wal.ErrTruncated) || errors.Is(err, index.ErrMoved) && !s.closing.Load()
}

// delivered counts what a batch hands out.
func (s *shared) delivered(b *Batch) *Batch {
	var bytes int64
	for i := range b.Records {
		bytes += int64(b.Records[i].PayloadBytes())
	}
	s.totals.delivered.add(record.Size{Records: int64(len(b.Records)), Bytes: bytes})
	if b.Tombstone != nil {
		for i, reason := range reasons {
			if reason == b.Tombstone.Reason {
				s.totals.tombstones[i].Add(1)
			}
		}
	}
	return b
}
