package topics

import (
	"errors"

	"github.com/e6e95bb8/topics/wal"
)

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

// releaseSeqs gives back what an ephemeral topic has reserved and not used. The
// entry has its place before any later reservation: t.mu is held for it. If
// the log has no room for it, the seqs are skipped and told as lost.
func (r *Registry) releaseSeqs(t *topic) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending > 0 || t.next == nil || t.next.Durability != Ephemeral || t.reserve.ceiling <= t.assigned {
		return nil
	}
	e := entry{typ: entryReserve, id: t.id, ceiling: t.assigned}
	payload, err := e.encode(nil)
	if err != nil {
		return err
	}
	span, err := r.log.Append(e.typ, payload, nil, true)
	if errors.Is(err, wal.ErrBusy) || errors.Is(err, wal.ErrDiskFull) || errors.Is(err, wal.ErrNoFile) {
		return nil
	}
	if err != nil {
		return logError(err)
	}
	t.reserve = reservation{ceiling: t.assigned, held: t.assigned, at: span.End, step: t.reserve.step}
	return nil
}

// reserveSeqs appends a reservation if last is beyond the present one. An
// ephemeral write that makes its topic has its creation logged here too.
func (r *Registry) reserveSeqs(t *topic, c *commit, last uint64) error {
	e := entry{typ: entryReserve, id: t.id}
	if c.entry.create {
		e = entry{typ: entryCreate, id: t.id, ts: c.entry.ts, name: t.name, config: c.entry.config}
	} else if t.reserve.covers(last) {
		return nil
	}
	before := t.reserve
	t.reserve.grow(last, r.log.Synced())
	e.ceiling = t.reserve.ceiling
	payload, err := e.encode(nil)
	if err == nil {
		var span wal.Span
		if span, err = r.log.Append(e.typ, payload, nil, false); err == nil {
			t.reserve.at = span.End
			return nil
		}
	}
	t.reserve = before
	return logError(err)
}
