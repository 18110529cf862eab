package topics

import (
	"context"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Configured answers Put and Patch.
type Configured struct {
	Created bool
	Config  record.Config // the full config, clamped
	Cost    topic.Cost
}

// Put makes the topic with that config, or replaces its config: an omitted
// field takes its default. It returns when the change is durable.
func (r *Registry) Put(ctx context.Context, name string, p *record.ConfigPatch) (Configured, error) {
	if err := record.CheckName(name); err != nil {
		return Configured{}, err
	}
	return r.configure(ctx, name, func(present *record.Config) (record.Config, error) {
		return p.Apply(record.DefaultConfig(), name)
	})
}

// Patch lays the patch over the topic's config. It returns when the change is
// durable.
func (r *Registry) Patch(ctx context.Context, name string, p *record.ConfigPatch) (Configured, error) {
	return r.configure(ctx, name, func(present *record.Config) (record.Config, error) {
		if present == nil {
			return record.Config{}, record.NotFound(name)
		}
		return p.Apply(*present, name)
	})
}

// configure changes a topic's config to what derive makes of the present one,
// nil for a topic that is not there.
func (r *Registry) configure(ctx context.Context, name string, derive func(*record.Config) (record.Config, error)) (Configured, error) {
	var out Configured
	var c *topic.Commit
	_, err := r.shared.Propose(ctx, topic.Needing(topic.ConfigSize, wal.Patient), func(s *topic.Slot) error {
		var err error
		out, c, err = r.assignConfig(s, name, derive)
		return err
	})
	if err != nil {
		return Configured{}, err
	}
	if c != nil {
		out.Cost, err = c.Finish()
	}
	return out, err
}

// assignConfig gives a config change its place. If the config is the
// same already, it returns the unpublished commit that made it so, if there is one:
// the caller must wait for it, because it may still fail.
func (r *Registry) assignConfig(s *topic.Slot, name string, derive func(*record.Config) (record.Config, error)) (Configured, *topic.Commit, error) {
	t := r.catalog.Hold(name)
	if t == nil {
		return r.assignCreate(s, name, derive)
	}
	defer t.Mu.Unlock()
	if err := t.Refusal(); err != nil {
		return Configured{}, nil, err
	}
	cfg, err := derive(t.Next)
	if err != nil {
		return Configured{}, nil, err
	}
	if cfg.Type != t.Next.Type {
		return Configured{}, nil, &record.Error{
			Kind:    record.KindIncompatible,
			Message: fmt.Sprintf("topic %q is of type %q, which never changes", name, t.Next.Type),
			Detail:  map[string]any{"topic": name, "type": string(t.Next.Type)},
		}
	}
	out := Configured{Config: cfg}
	if cfg.Equal(t.Next) {
		return out, t.Setting(), nil
	}
	now := r.shared.Clock.Now()
	c := &topic.CommitOf[entry.Config]{
		Commit: topic.Commit{Topic: t, Class: record.Fsync, Came: now},
		Entry:  entry.Config{ID: t.ID, TS: max(now.Wall, t.AssignedTS), Head: t.Assigned, Setting: entry.Setting{Config: &cfg}},
	}
	c.Operation = topic.ConfigOp{Config: &c.Entry}
	reserve := t.Reserve
	switch {
	case cfg.Durability == record.Fsync:
		reserve = topic.Reservation{}
	case !reserve.Covers(t.Assigned + 1):
		reserve.Grow(max(t.Assigned, reserve.Ceiling), r.shared.Log.Synced())
	}
	c.Entry.Ceiling = reserve.Ceiling
	if err := r.appendConfig(s, &c.Commit, &cfg); err != nil {
		return Configured{}, nil, err
	}
	if reserve.Ceiling != t.Reserve.Ceiling {
		reserve.At = c.Span.End
	}
	t.Reserve = reserve
	t.Next = &cfg
	t.Assign(&c.Commit, t.Assigned)
	return out, &c.Commit, nil
}

// assignCreate gives the creation of a topic its place.
func (r *Registry) assignCreate(s *topic.Slot, name string, derive func(*record.Config) (record.Config, error)) (Configured, *topic.Commit, error) {
	r.catalog.Mu.Lock()
	defer r.catalog.Mu.Unlock()
	if r.catalog.GetLocked(name) != nil {
		return Configured{}, nil, topic.ErrRetry // another creation was faster: go by its topic
	}
	cfg, err := derive(nil)
	if err != nil {
		return Configured{}, nil, err
	}
	if err := r.catalog.CheckDeadLettersLocked(name, &cfg); err != nil {
		return Configured{}, nil, err
	}
	if err := r.catalog.RoomLocked(1); err != nil {
		return Configured{}, nil, err
	}
	t := r.catalog.NewTopicLocked(name, &cfg)
	now := r.shared.Clock.Now()
	if cfg.Durability != record.Fsync {
		t.Reserve.Grow(0, r.shared.Log.Synced())
	}
	c := topic.CreateCommit(t, now.Wall)
	c.Came = now
	if err := c.Commit.AppendLocked(s); err != nil {
		return Configured{}, nil, err
	}
	t.Reserve.At = c.Span.End
	t.Assign(&c.Commit, 0)
	r.catalog.AdoptLocked(t)
	return Configured{Created: true, Config: cfg}, &c.Commit, nil
}

// appendConfig appends the commit's entry, which sets a config, unless that makes a
// chain of dead-letter topics that leads back. t.Mu is held.
func (r *Registry) appendConfig(s *topic.Slot, c *topic.Commit, cfg *record.Config) error {
	r.catalog.Mu.Lock()
	defer r.catalog.Mu.Unlock()
	name := c.Topic.Name
	err := r.catalog.CheckDeadLettersLocked(name, cfg)
	if err == nil {
		err = c.AppendLocked(s)
	}
	if err == nil {
		r.catalog.SetDeadLettersLocked(name, cfg)
	}
	return err
}

// Removal answers Delete.
type Removal struct {
	Deleted bool
	Routers []string // that named the topic, and went with it
	Cost    topic.Cost
}

// Delete removes a topic with all that is in it, and the routers that name it.
// From now on it takes no writes; it is gone, for everybody and for good, when
// Delete returns. After an error it is there as before. ifEmpty refuses while it
// has live records or records on their way.
func (r *Registry) Delete(ctx context.Context, name string, ifEmpty bool) (Removal, error) {
	var out *Removal
	var at wal.LSN
	_, err := r.shared.Propose(ctx, topic.Needing(topic.EntryOverhead, wal.Freeing|wal.Patient), func(s *topic.Slot) error {
		var err error
		out, at, err = r.assignDrop(s, name, ifEmpty)
		return err
	})
	if err != nil || !out.Deleted {
		return Removal{}, err
	}
	cost, err := r.changes.Finish(at)
	if err != nil {
		return Removal{}, err
	}
	out.Cost = cost
	return *out, nil
}

// assignDrop gives the end of a topic, and of the routers that name it, its
// place. What it returns is filled in when the end is shown.
func (r *Registry) assignDrop(s *topic.Slot, name string, ifEmpty bool) (*Removal, wal.LSN, error) {
	t := r.catalog.Hold(name)
	if t == nil {
		return &Removal{}, 0, nil
	}
	defer t.Mu.Unlock()
	if err := t.Refusal(); err != nil {
		return nil, 0, err
	}
	if ifEmpty {
		t.ExpireLocked(r.shared.Steady())
		if err := checkEmptyLocked(t); err != nil {
			return nil, 0, err
		}
	}
	return r.appendDropLocked(s, t)
}

// checkEmptyLocked fails if t has records, or some are on their way. t.Mu is held.
func checkEmptyLocked(t *topic.Topic) error {
	n := t.Live.Records + t.Line.Size.Records
	if n == 0 {
		return nil
	}
	return &record.Error{
		Kind:    record.KindNotEmpty,
		Message: fmt.Sprintf("topic %q has %d live records", t.Name, n),
		Detail:  map[string]any{"topic": t.Name, "count": n},
	}
}

// appendDropLocked logs that t ends, and stops its routers. t.Mu is held. No
// checkpoint begins between the entry and what comes of it.
func (r *Registry) appendDropLocked(s *topic.Slot, t *topic.Topic) (*Removal, wal.LSN, error) {
	r.catalog.Mu.Lock()
	defer r.catalog.Mu.Unlock()
	span, err := s.Append(&entry.Drop{ID: t.ID, TS: max(r.shared.Now(), t.AssignedTS)}, nil)
	if err != nil {
		return nil, 0, err
	}
	t.Ending = span.End
	l := router.Linked(t)
	for _, rt := range slices.Concat(l.Out, l.In) {
		rt.Stop()
		rt.Changing = span.End
	}
	out := &Removal{Deleted: true}
	r.changes.AddDropLocked(span.End, t, func(routers []string) { out.Routers = routers })
	return out, span.End, nil
}
