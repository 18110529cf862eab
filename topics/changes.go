package topics

import (
	"errors"
	"slices"

	"github.com/e6e95bb8/topics/wal"
)

// change is a change of which topics and routers there are: a topic or a
// router that ends, or a router that is made or becomes another. It has its
// place in the log and is not durable yet. Until it is, readers see what was
// before it, what comes after it under the same name waits for it, and what it
// ends takes nothing any more. If the log fails first, readers go on seeing
// what was before: the log is read-only then.
type change struct {
	at   wal.LSN // it is durable once the log is synced to here
	show func()  // makes readers see it; Registry.mu is held
}

// addChange puts a change that has just got its place in the log at the end of
// the line. r.mu is held, as it was for the place: the line has the log's order.
func (r *Registry) addChange(at wal.LSN, show func()) {
	r.changes = append(r.changes, change{at, show})
}

// awaitChange waits until the change at that position is durable, and shows it
// to readers, after those before it.
func (r *Registry) awaitChange(at wal.LSN) error {
	if err := r.log.WaitSynced(at); err != nil {
		return logError(err)
	}
	synced := r.log.Synced()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.changes) > 0 && r.changes[0].at <= synced {
		next := r.changes[0]
		r.changes = r.changes[1:]
		next.show()
	}
	if len(r.changes) == 0 {
		r.changes = nil
	}
	return nil
}

// awaitChangesBefore waits until the changes whose place is before that
// position are durable and shown.
func (r *Registry) awaitChangesBefore(at wal.LSN) error {
	r.mu.RLock()
	line := r.changes
	r.mu.RUnlock()
	for _, c := range slices.Backward(line) {
		if c.at <= at {
			return r.awaitChange(c.at)
		}
	}
	return nil
}

// behindError refuses a request that comes after a change of the same name
// which is not durable yet.
type behindError struct{ at wal.LSN }

func (*behindError) Error() string { return "topics: a change of the same name is under way" }

// again reports whether a request that got err is to be made again: at once
// when the log was busy, and after the change that it came behind. Otherwise it
// returns the error that the request ends with.
func (r *Registry) again(err error) (bool, error) {
	if errors.Is(err, wal.ErrBusy) {
		return true, nil
	}
	behind := new(behindError)
	if !errors.As(err, &behind) {
		return false, err
	}
	if err := r.awaitChange(behind.at); err != nil {
		return false, err
	}
	return true, nil
}

// refusal is why the topic takes no change at present; nil: it takes them.
// t.mu is held.
func (t *topic) refusal() error {
	if t.ending > 0 {
		return &behindError{t.ending}
	}
	return t.broken
}
