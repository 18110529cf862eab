package topics

import (
	"context"
	"errors"
	"time"

	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// need is the room in the log that a request asks for.
type need struct {
	bytes int // of payload; 0 if the request need not wait for room
	mode  wal.Mode
}

// errRetry makes propose begin again: another request was faster.
var errRetry = errors.New("topics: the request is to be looked at again")

// propose gives a request its place in the log. prepare returns the room that the
// request needs; it may take long, and holds no room meanwhile. assign then takes
// the locks, checks the request and appends its entries to the slot. Both are
// called again when assign returns errRetry, or finds that it needs more room,
// and after the change that it has to come after. propose returns how long the
// request waited for room.
//
// prepare must ask for no less than the entries take. Otherwise a request that
// assign refuses for room would find room here, without end.
func (r *Registry) propose(ctx context.Context, prepare func() (need, error), assign func(*topic.Slot) error) (throttled time.Duration, err error) {
	for {
		n, err := prepare()
		if err == nil {
			var waited time.Duration
			waited, err = r.tryAssign(ctx, n, assign)
			throttled += waited
		}
		again, err := r.again(err)
		if !again {
			return throttled, topic.LogError(err)
		}
	}
}

// tryAssign calls assign once, when there is room.
func (r *Registry) tryAssign(ctx context.Context, n need, assign func(*topic.Slot) error) (waited time.Duration, err error) {
	room := r.shared.Log.Unreserved(n.mode)
	if n.bytes > 0 {
		room, err = r.shared.Log.Reserve(ctx, n.bytes, n.mode)
		if err != nil {
			return room.Waited, err
		}
	}
	s := topic.NewSlot(room)
	defer s.Release()
	return room.Waited, assign(s)
}

// again reports whether a request that got err is to be made again: at once
// when another was faster, and after the change that it has to come after.
// Otherwise it returns the error that the request ends with.
func (r *Registry) again(err error) (bool, error) {
	if errors.Is(err, errRetry) || errors.Is(err, wal.ErrBusy) {
		return true, nil
	}
	under, ok := errors.AsType[*topic.UnderWayError](err)
	if !ok {
		return false, err
	}
	err = r.awaitChange(under.At)
	return err == nil, err
}

// needing returns a prepare for propose that always needs the same.
func needing(bytes int, mode wal.Mode) func() (need, error) {
	return func() (need, error) { return need{bytes, mode}, nil }
}

// finishChange waits until the change at that position is durable, shows it to
// readers, and returns what that took.
func (r *Registry) finishChange(at wal.LSN) (topic.Cost, error) {
	began := time.Now()
	err := r.awaitChange(at)
	if err != nil {
		return topic.Cost{}, err
	}
	return topic.Cost{Sync: time.Since(began)}, nil
}
