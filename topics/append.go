package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Append writes records to a topic: all of them or none. It returns when the
// topic's durability class holds for them and they are visible. A ctx that
// ends is heeded while the write waits for room, not after it has its place.
func (r *Registry) Append(ctx context.Context, name string, w *topic.Write) (topic.Written, error) {
	p, err := r.Begin(ctx, name, w)
	if err != nil {
		return topic.Written{}, err
	}
	return p.Wait()
}

// Begin gives a write its place without waiting for its durability: writes
// begun in one order by one goroutine have that order. Wait must follow. The
// records are copied; the caller may reuse their memory at once.
func (r *Registry) Begin(ctx context.Context, name string, w *topic.Write) (*topic.Pending, error) {
	if len(w.Records) == 0 {
		return nil, record.Invalid("a write without records")
	}
	if w.Config != nil { // a mistake is refused also where no topic is made by it
		if _, err := w.Config.Apply(record.DefaultConfig(), name); err != nil {
			return nil, err
		}
	}
	if p := r.repeat(name, w); p != nil {
		return p, nil // it needs no room, and there may be none
	}
	a := &topic.Attempt{Name: name, Write: w, Encoded: topic.Encode(w)}
	defer a.Encoded.Release()
	var p *topic.Pending
	throttled, err := r.shared.Propose(ctx,
		func() (topic.Need, error) { return r.needOf(a), nil },
		func(s *topic.Slot) error {
			a.Slot = s
			var err error
			p, err = r.assign(a)
			return err
		})
	if err != nil {
		return nil, err
	}
	p.Written.Cost.Throttle = throttled
	return p, nil
}

// needOf returns the room that a write needs in the log. An ephemeral write whose
// seqs are reserved needs none. Where the topic's lock is held for long, writes
// wait for it here, and hold no room that other topics could use.
func (r *Registry) needOf(a *topic.Attempt) topic.Need {
	n := topic.Need{Bytes: a.Room()}
	if a.Write.DisableBackpressure {
		n.Mode = wal.Patient
	}
	t := r.catalog.Lookup(a.Name)
	if t == nil {
		n.Bytes += topic.ConfigSize
		return n
	}
	t.Mu.RLock()
	defer t.Mu.RUnlock()
	if t.Next.Durability == record.Ephemeral && t.Reserve.Covers(t.Assigned+uint64(len(a.Encoded.Sizes))) {
		n.Bytes = 0
	}
	return n
}

// assign finds or creates the topic and gives the write its seqs.
func (r *Registry) assign(a *topic.Attempt) (*topic.Pending, error) {
	t := r.catalog.Hold(a.Name)
	if t == nil {
		return r.assignCreating(a)
	}
	defer t.Mu.Unlock()
	return t.AssignLocked(a, nil)
}

// assignCreating makes the topic and the write in one frame.
func (r *Registry) assignCreating(a *topic.Attempt) (*topic.Pending, error) {
	cfg, err := a.Creates()
	if err != nil {
		return nil, err
	}
	r.catalog.Mu.Lock()
	defer r.catalog.Mu.Unlock()
	if r.catalog.GetLocked(a.Name) != nil {
		return nil, topic.ErrRetry // another write was faster: go by its topic
	}
	err = r.catalog.RoomLocked(1)
	if err == nil {
		err = r.catalog.CheckDeadLettersLocked(a.Name, cfg)
	}
	if err != nil {
		return nil, err
	}
	t := r.catalog.NewTopicLocked(a.Name, cfg)
	p, err := t.AssignLocked(a, cfg)
	if err == nil {
		r.catalog.AdoptLocked(t)
	}
	return p, err
}

// Repeats reports whether a write's idempotency key is known: then it appends
// nothing, and needs no room.
func (r *Registry) Repeats(name string, w *topic.Write) bool { return r.repeat(name, w) != nil }

// repeat is repeatedLocked for callers without the topic or its lock.
func (r *Registry) repeat(name string, w *topic.Write) *topic.Pending {
	if w.IdempotencyKey == "" {
		return nil
	}
	t := r.catalog.Lookup(name)
	if t == nil {
		return nil
	}
	t.Mu.RLock()
	defer t.Mu.RUnlock()
	if t.Dropped {
		return nil
	}
	return t.RepeatedLocked(w, r.shared.Steady())
}
