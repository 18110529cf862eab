package topic

import (
	"errors"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Reservation keeps seqs from being given out twice. A class weaker than
// fsync lets seqs out before their records are durable, so they are covered
// beforehand by a durable ceiling; recovery goes on above the ceiling where
// it cannot know how many were used. The topic's lock guards it.
type Reservation struct {
	Ceiling uint64  // highest seq reserved
	At      wal.LSN // the ceiling is durable once the log is synced to here
	held    uint64  // highest seq below a ceiling that is known to be durable
	Step    uint64  // size of the last one

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
	MinReserve = 1 << 10
	MaxReserve = 1 << 20
)

// Covers reports whether seqs up to last may be given out with a good distance
// to the ceiling. Without it the next reservation is due: it becomes durable
// while writes still go by the present one, so that they do not wait for it.
func (s *Reservation) Covers(last uint64) bool {
	return last+s.Step/4 <= s.Ceiling
}

// Grow moves the ceiling to a distance above last. The caller logs it and
// sets at.
func (s *Reservation) Grow(last uint64, synced wal.LSN) {
	s.hold(synced)
	s.Step = min(max(2*s.Step, MinReserve), MaxReserve)
	s.Ceiling = last + s.Step
}

// end lowers the ceiling to what was given out. The entry that says so ends at at.
func (s *Reservation) end(given uint64, at wal.LSN) {
	s.Ceiling, s.held, s.At, s.Step = given, given, at, 0
}

// Replay sets the ceiling that an entry of the log says. given is the highest seq
// that was given out before it, or 0.
func (s *Reservation) Replay(ceiling, given uint64) {
	s.Ceiling = ceiling
	s.given = max(s.given, given)
}

// Needs returns how far the log must be synced before seqs up to last may be
// seen; 0 if they may be.
func (s *Reservation) Needs(last uint64, synced wal.LSN) wal.LSN {
	s.hold(synced)
	if last <= s.held {
		return 0
	}
	return s.At
}

// hold makes the ceiling one to rely on, if it is durable.
func (s *Reservation) hold(synced wal.LSN) {
	if synced >= s.At {
		s.held = s.Ceiling
	}
}

// reservesLocked reports whether the topic has reserved seqs that it has not given out.
// t.Mu is held.
func (t *Topic) reservesLocked() bool {
	return t.Ending == 0 && t.Next != nil && t.Next.Durability != record.Fsync && t.Reserve.Ceiling > t.Assigned
}

// ReleaseSeqs returns what an ephemeral topic has reserved and not used. If the
// log has no room for the entry, the next start skips the seqs and reports them as
// lost.
func (t *Topic) ReleaseSeqs() error {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if !t.reservesLocked() || t.Next.Durability != record.Ephemeral {
		return nil
	}
	err := t.endReservationLocked(wal.Freeing)
	if errors.Is(err, wal.ErrBusy) || errors.Is(err, wal.ErrDiskFull) || errors.Is(err, wal.ErrNoFile) {
		return nil
	}
	return LogError(err)
}

// endReservationLocked logs that no seq is reserved but those that were given out: the
// next write needs a reservation, and waits until that is durable. The entry
// has its place before any later reservation, for t.Mu is held. Where it is
// lost, so is everything after it, and the ceiling before it holds.
func (t *Topic) endReservationLocked(mode wal.Mode) error {
	span, err := t.Shared.TryLogEntry(&entry.Reserve{ID: t.ID, Ceiling: t.Assigned, Given: t.Assigned}, mode)
	if err != nil {
		return err
	}
	t.Reserve.end(t.Assigned, span.End)
	return nil
}

// MaxRests bounds how long the sweeper waits before it ends the reservation of a
// topic again: 1<<maxRests visits.
const MaxRests = 5

// RestPressure is how full the log's queue may be for a topic to come to rest:
// after a start with many topics all of them may want to.
const RestPressure = 0.5

// RestLocked is a visit of the sweeper. When the topic has been left alone since the
// one before it, its reservation ends, so that a crash leaves no seqs in
// doubt. The next write then waits for a sync, so a topic that is written to now
// and again is left alone twice as long each time. rest returns true if the sweeper
// is to come again. t.Mu is held.
func (t *Topic) RestLocked() (again bool) {
	if !t.reservesLocked() {
		return false
	}
	s := &t.Reserve
	if !t.quiet() {
		s.seen, s.still = t.Assigned+1, 0
		return true
	}
	if s.still = min(s.still+1, 1<<MaxRests); s.still < 1<<s.rests {
		return true
	}
	if t.Shared.Pressure() > RestPressure || t.endReservationLocked(0) != nil {
		return true // others need the log more, or it is full or has failed
	}
	s.still, s.rests = 0, min(s.rests+1, MaxRests)
	return false
}

// quiet reports whether nothing was given out since the sweeper's last visit.
func (t *Topic) quiet() bool { return t.Line.Next() == nil && t.Reserve.seen == t.Assigned+1 }

// RestForCheckpointLocked ends the reservation of a topic that is quiet, so that the
// checkpoint knows of none. t.Mu is held.
func (t *Topic) RestForCheckpointLocked() {
	if t.reservesLocked() && t.quiet() {
		_ = t.endReservationLocked(0) // else the checkpoint has it as it is
	}
}

// reserveSeqs appends a reservation if last is beyond the present one. An
// ephemeral write that makes its topic has its creation logged here too.
func (c *Commit) reserveSeqs(s *Slot, last uint64) error {
	t := c.Topic
	created := CreationOf(c.Operation)
	if created == nil && t.Reserve.Covers(last) {
		return nil
	}
	before := t.Reserve
	t.Reserve.Grow(last, c.Topic.Shared.Log.Synced())
	var span wal.Span
	var err error
	if created != nil {
		created.Ceiling = t.Reserve.Ceiling
		span, err = s.Append(&entry.Create{ID: t.ID, TS: TimeOf(c.Operation), Creation: *created}, nil)
	} else {
		span, err = s.Append(&entry.Reserve{ID: t.ID, Ceiling: t.Reserve.Ceiling, Given: t.Assigned}, nil)
	}
	if err != nil {
		t.Reserve = before
		return err
	}
	t.Reserve.At = span.End
	return nil
}
