package topics

import (
	"errors"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
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

	// The sweeper's, so that the reservation of a topic that is left alone ends.
	seen  uint64 // what had been given out at its last visit, plus 1; 0 if there was none
	still uint8  // visits since that changed
	rests uint8  // how often it ended one

	given uint64 // replay: highest seq that the log says was given out; it says nothing if that is not above the head
}

// A reservation covers at least minReserve seqs, and doubles with every one
// that a topic needs up to maxReserve: at a million records a second that is
// one small frame a second, and a power cut skips at most that many seqs.
const (
	minReserve = 1 << 10
	maxReserve = 1 << 20
)

// covers reports whether seqs up to last may be given out with a good distance
// to the ceiling. Without it the next reservation is due: it becomes durable
// while writes still go by the present one, so that they do not wait for it.
func (s *reservation) covers(last uint64) bool {
	return last+s.step/4 <= s.ceiling
}

// grow moves the ceiling to a distance above last. The caller logs it and
// sets at.
func (s *reservation) grow(last uint64, synced wal.LSN) {
	s.hold(synced)
	s.step = min(max(2*s.step, minReserve), maxReserve)
	s.ceiling = last + s.step
}

// end lowers the ceiling to what was given out. The entry that says so ends at at.
func (s *reservation) end(given uint64, at wal.LSN) {
	s.ceiling, s.held, s.at, s.step = given, given, at, 0
}

// replay sets the ceiling that an entry of the log says. given is the highest seq
// that was given out before it, or 0.
func (s *reservation) replay(ceiling, given uint64) {
	s.ceiling = ceiling
	s.given = max(s.given, given)
}

// needs returns how far the log must be synced before seqs up to last may be
// seen; 0 if they may be.
func (s *reservation) needs(last uint64, synced wal.LSN) wal.LSN {
	s.hold(synced)
	if last <= s.held {
		return 0
	}
	return s.at
}

// hold makes the ceiling one to rely on, if it is durable.
func (s *reservation) hold(synced wal.LSN) {
	if synced >= s.at {
		s.held = s.ceiling
	}
}

// reservesLocked reports whether the topic has reserved seqs that it has not given out.
// t.mu is held.
func (t *topic) reservesLocked() bool {
	return t.ending == 0 && t.next != nil && t.next.Durability != record.Fsync && t.reserve.ceiling > t.assigned
}

// releaseSeqs returns what an ephemeral topic has reserved and not used. If the
// log has no room for the entry, the next start skips the seqs and reports them as
// lost.
func (t *topic) releaseSeqs() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.reservesLocked() || t.next.Durability != record.Ephemeral {
		return nil
	}
	err := t.endReservationLocked(wal.Freeing)
	if errors.Is(err, wal.ErrBusy) || errors.Is(err, wal.ErrDiskFull) || errors.Is(err, wal.ErrNoFile) {
		return nil
	}
	return logError(err)
}

// endReservationLocked logs that no seq is reserved but those that were given out: the
// next write needs a reservation, and waits until that is durable. The entry
// has its place before any later reservation, for t.mu is held. Where it is
// lost, so is everything after it, and the ceiling before it holds.
func (t *topic) endReservationLocked(mode wal.Mode) error {
	span, err := t.shared.tryLogEntry(&entry.Reserve{ID: t.id, Ceiling: t.assigned, Given: t.assigned}, mode)
	if err != nil {
		return err
	}
	t.reserve.end(t.assigned, span.End)
	return nil
}

// maxRests bounds how long the sweeper waits before it ends the reservation of a
// topic again: 1<<maxRests visits.
const maxRests = 5

// restPressure is how full the log's queue may be for a topic to come to rest:
// after a start with many topics all of them may want to.
const restPressure = 0.5

// restLocked is a visit of the sweeper. When the topic has been left alone since the
// one before it, its reservation ends, so that a crash leaves no seqs in
// doubt. The next write then waits for a sync, so a topic that is written to now
// and again is left alone twice as long each time. rest returns true if the sweeper
// is to come again. t.mu is held.
func (t *topic) restLocked() (again bool) {
	if !t.reservesLocked() {
		return false
	}
	s := &t.reserve
	if !t.quiet() {
		s.seen, s.still = t.assigned+1, 0
		return true
	}
	if s.still = min(s.still+1, 1<<maxRests); s.still < 1<<s.rests {
		return true
	}
	if t.shared.pressure() > restPressure || t.endReservationLocked(0) != nil {
		return true // others need the log more, or it is full or has failed
	}
	s.still, s.rests = 0, min(s.rests+1, maxRests)
	return false
}

// quiet reports whether nothing was given out since the sweeper's last visit.
func (t *topic) quiet() bool { return t.line.next() == nil && t.reserve.seen == t.assigned+1 }

// restForCheckpointLocked ends the reservation of a topic that is quiet, so that the
// checkpoint knows of none. t.mu is held.
func (t *topic) restForCheckpointLocked() {
	if t.reservesLocked() && t.quiet() {
		_ = t.endReservationLocked(0) // else the checkpoint has it as it is
	}
}

// reserveSeqs appends a reservation if last is beyond the present one. An
// ephemeral write that makes its topic has its creation logged here too.
func (c *commit) reserveSeqs(s *slot, last uint64) error {
	t := c.topic
	created := creationOf(c.op)
	if created == nil && t.reserve.covers(last) {
		return nil
	}
	before := t.reserve
	t.reserve.grow(last, c.topic.shared.log.Synced())
	var span wal.Span
	var err error
	if created != nil {
		created.Ceiling = t.reserve.ceiling
		span, err = s.append(&entry.Create{ID: t.id, TS: timeOf(c.op), Creation: *created}, nil)
	} else {
		span, err = s.append(&entry.Reserve{ID: t.id, Ceiling: t.reserve.ceiling, Given: t.assigned}, nil)
	}
	if err != nil {
		t.reserve = before
		return err
	}
	t.reserve.at = span.End
	return nil
}
