package topic

import (
	"context"
	"errors"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Need is the room in the log that a request asks for.
type Need struct {
	Bytes int // of payload; 0 if the request need not wait for room
	Mode  wal.Mode
}

// ErrRetry makes Propose begin again: another request was faster.
var ErrRetry = errors.New("topic: the request is to be looked at again")

// Propose gives a request its place in the log. prepare returns the room that the
// request needs; it may take long, and holds no room meanwhile. assign then takes
// the locks, checks the request and appends its entries to the slot. Both are
// called again when assign returns ErrRetry, or finds that it needs more room,
// and after the change that it has to come after. Propose returns how long the
// request waited for room.
//
// prepare must ask for no less than the entries take. Otherwise a request that
// assign refuses for room would find room here, without end.
func (s *Shared) Propose(ctx context.Context, prepare func() (Need, error), assign func(*Slot) error) (throttled time.Duration, err error) {
	for {
		n, err := prepare()
		if err == nil {
			var waited time.Duration
			waited, err = s.tryAssign(ctx, n, assign)
			throttled += waited
		}
		again, err := s.Again(err)
		if !again {
			return throttled, LogError(err)
		}
	}
}

// tryAssign calls assign once, when there is room.
func (s *Shared) tryAssign(ctx context.Context, n Need, assign func(*Slot) error) (waited time.Duration, err error) {
	room := s.Log.Unreserved(n.Mode)
	if n.Bytes > 0 {
		room, err = s.Log.Reserve(ctx, n.Bytes, n.Mode)
		if err != nil {
			return room.Waited, err
		}
	}
	slot := NewSlot(room)
	defer slot.Release()
	return room.Waited, assign(slot)
}

// Again reports whether a request that got err is to be made again: at once
// when another was faster, and after the change that it has to come after.
// Otherwise it returns the error that the request ends with.
func (s *Shared) Again(err error) (bool, error) {
	if errors.Is(err, ErrRetry) || errors.Is(err, wal.ErrBusy) {
		return true, nil
	}
	under, ok := errors.AsType[*UnderWayError](err)
	if !ok {
		return false, err
	}
	err = s.Host.AwaitChange(under.At)
	return err == nil, err
}

// Needing returns a prepare for Propose that always needs the same.
func Needing(bytes int, mode wal.Mode) func() (Need, error) {
	return func() (Need, error) { return Need{bytes, mode}, nil }
}

// EntryOverhead is room enough for an append entry's fields but key and
// config, and for a reservation before it.
const EntryOverhead = 256

// ConfigSize is room for a config entry: its name, and a config with a
// dead-letter name, as JSON.
const ConfigSize = 2*record.MaxName + 1024
