package topics

import "github.com/e6e95bb8/topics/wal"

// reservation keeps seqs from being given out twice. A class weaker than
// fsync lets seqs out before their records are durable, so they are covered
// beforehand by a durable ceiling; recovery goes on above the ceiling where
// it cannot know how many were used. The topic's lock guards it.
type reservation struct {
	ceiling uint64  // highest seq reserved
	at      wal.LSN // the ceiling is durable once the log is synced to here
	held    uint64  // highest seq below a ceiling that is known to be durable
	step    uint64  // size of the last one
}

// A reservation covers at least minReserve seqs, and doubles with every one
// that a topic needs up to maxReserve: at a million records a second that is
// one small frame a second, and a power cut skips at most that many seqs.
const (
	minReserve = 1 << 10
	maxReserve = 1 << 20
)

// covers says whether seqs up to last may be given out with a good distance
// to the ceiling. Without it the next reservation is due: it becomes durable
// while writes still go by the present one, so that they do not wait for it.
func (s *reservation) covers(last uint64) bool {
	return last+s.step/4 <= s.ceiling
}

// grow moves the ceiling to a distance above last. The caller logs it and
// sets at.
func (s *reservation) grow(last uint64, synced wal.LSN) {
	s.settle(synced)
	s.step = min(max(2*s.step, minReserve), maxReserve)
	s.ceiling = last + s.step
}

// needs is how far the log must be synced before seqs up to last may be seen;
// 0: they may be.
func (s *reservation) needs(last uint64, synced wal.LSN) wal.LSN {
	if s.settle(synced); last <= s.held {
		return 0
	}
	return s.at
}

func (s *reservation) settle(synced wal.LSN) {
	if synced >= s.at {
		s.held = s.ceiling
	}
}
