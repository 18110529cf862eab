package topics

import (
	"context"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Configured answers Put and Patch.
type Configured struct {
	Created bool
	Config  record.Config // the full config, clamped
	Cost    Cost
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
	var c *commit
	_, err := r.propose(ctx, needing(configSize, wal.Patient), func(s *slot) error {
		var err error
		out, c, err = r.assignConfig(s, name, derive)
		return err
	})
	if err != nil {
		return Configured{}, err
	}
	if c != nil {
		out.Cost, err = c.finish()
	}
	return out, err
}

// configSize is room for a config entry: its name, and a config with a
// dead-letter name, as JSON.
const configSize = 2*record.MaxName + 1024

// assignConfig gives a config change its place. If the config is the
// same already, it returns the unpublished commit that made it so, if there is one:
// the caller must wait for it, because it may still fail.
func (r *Registry) assignConfig(s *slot, name string, derive func(*record.Config) (record.Config, error)) (Configured, *commit, error) {
	t := r.hold(name)
	if t == nil {
		return r.assignCreate(s, name, derive)
	}
	defer t.mu.Unlock()
	if err := t.refusal(); err != nil {
		return Configured{}, nil, err
	}
	cfg, err := derive(t.next)
	if err != nil {
		return Configured{}, nil, err
	}
	if cfg.Type != t.next.Type {
		return Configured{}, nil, &record.Error{
			Kind:    record.KindIncompatible,
			Message: fmt.Sprintf("topic %q is of type %q, which never changes", name, t.next.Type),
			Detail:  map[string]any{"topic": name, "type": string(t.next.Type)},
		}
	}
	out := Configured{Config: cfg}
	if cfg.Equal(t.next) {
		return out, t.setting(), nil
	}
	now := r.shared.clock.Now()
	c := &commitOf[entry.Config]{
		commit: commit{topic: t, class: record.Fsync, came: now},
		entry:  entry.Config{ID: t.id, TS: max(now.Wall, t.assignedTS), Head: t.assigned, Setting: entry.Setting{Config: &cfg}},
	}
	c.op = configOp{&c.entry}
	reserve := t.reserve
	switch {
	case cfg.Durability == record.Fsync:
		reserve = reservation{}
	case !reserve.covers(t.assigned + 1):
		reserve.grow(max(t.assigned, reserve.ceiling), r.shared.log.Synced())
	}
	c.entry.Ceiling = reserve.ceiling
	if err := r.appendConfig(s, &c.commit, &cfg); err != nil {
		return Configured{}, nil, err
	}
	if reserve.ceiling != t.reserve.ceiling {
		reserve.at = c.span.End
	}
	t.reserve = reserve
	t.next = &cfg
	t.assign(&c.commit, t.assigned)
	return out, &c.commit, nil
}

// hold returns the topic of that name, visible or not, with t.mu held; nil if
// there is none.
func (r *Registry) hold(name string) *topic {
	for {
		t := r.lookup(name)
		if t == nil {
			return nil
		}
		t.mu.Lock()
		if !t.dropped {
			return t
		}
		t.mu.Unlock() // its name is free by now
	}
}

// assignCreate gives the creation of a topic its place.
func (r *Registry) assignCreate(s *slot, name string, derive func(*record.Config) (record.Config, error)) (Configured, *commit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.byName.Get(name); taken {
		return Configured{}, nil, errRetry // another creation was faster: go by its topic
	}
	cfg, err := derive(nil)
	if err != nil {
		return Configured{}, nil, err
	}
	if err := r.dead.check(name, &cfg); err != nil {
		return Configured{}, nil, err
	}
	if err := r.roomForTopicsLocked(1); err != nil {
		return Configured{}, nil, err
	}
	t := r.newTopicLocked(name, &cfg)
	now := r.shared.clock.Now()
	if cfg.Durability != record.Fsync {
		t.reserve.grow(0, r.shared.log.Synced())
	}
	c := createCommit(t, now.Wall)
	c.came = now
	if err := c.commit.appendChange(s); err != nil {
		return Configured{}, nil, err
	}
	t.reserve.at = c.span.End
	t.assign(&c.commit, 0)
	r.adopt(t)
	return Configured{Created: true, Config: cfg}, &c.commit, nil
}

// createCommit returns the commit that makes t, which has its first config and
// its reservation.
func createCommit(t *topic, ts int64) *commitOf[entry.Create] {
	c := &commitOf[entry.Create]{
		commit: commit{topic: t, class: record.Fsync},
		entry: entry.Create{ID: t.id, TS: ts, Creation: entry.Creation{
			Name: t.name, Setting: entry.Setting{Config: t.next, Ceiling: t.reserve.ceiling},
		}},
	}
	c.op = createOp{&c.entry}
	return c
}

// appendConfig appends the commit's entry, which sets a config, unless that makes a
// chain of dead-letter topics that leads back. t.mu is held.
func (r *Registry) appendConfig(s *slot, c *commit, cfg *record.Config) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := c.topic.name
	err := r.dead.check(name, cfg)
	if err == nil {
		err = c.appendChange(s)
	}
	if err == nil {
		r.dead.set(name, cfg)
	}
	return err
}

// appendChange appends the commit's entry, which has no records.
func (c *commit) appendChange(s *slot) error {
	c.topic.shared.applying.enter(c)
	span, err := s.append(c.op, nil)
	if err != nil {
		c.leave()
		return err
	}
	c.span = span
	return nil
}

// Removal answers Delete.
type Removal struct {
	Deleted bool
	Routers []string // that named the topic, and went with it
	Cost    Cost
}

// Delete removes a topic with all that is in it, and the routers that name it.
// From now on it takes no writes; it is gone, for everybody and for good, when
// Delete returns. After an error it is there as before. ifEmpty refuses while it
// has live records or records on their way.
func (r *Registry) Delete(ctx context.Context, name string, ifEmpty bool) (Removal, error) {
	var out *Removal
	var at wal.LSN
	_, err := r.propose(ctx, needing(entryOverhead, wal.Freeing|wal.Patient), func(s *slot) error {
		var err error
		out, at, err = r.assignDrop(s, name, ifEmpty)
		return err
	})
	if err != nil || !out.Deleted {
		return Removal{}, err
	}
	cost, err := r.finishChange(at)
	if err != nil {
		return Removal{}, err
	}
	out.Cost = cost
	return *out, nil
}

// assignDrop gives the end of a topic, and of the routers that name it, its
// place. What it returns is filled in when the end is shown.
func (r *Registry) assignDrop(s *slot, name string, ifEmpty bool) (*Removal, wal.LSN, error) {
	t := r.hold(name)
	if t == nil {
		return &Removal{}, 0, nil
	}
	defer t.mu.Unlock()
	if err := t.refusal(); err != nil {
		return nil, 0, err
	}
	if ifEmpty {
		t.expireLocked(r.shared.steady())
		if n := t.live.Records + t.line.size.Records; n > 0 {
			return nil, 0, &record.Error{
				Kind:    record.KindNotEmpty,
				Message: fmt.Sprintf("topic %q has %d live records", t.name, n),
				Detail:  map[string]any{"topic": t.name, "count": n},
			}
		}
	}
	return r.appendDropLocked(s, t)
}

// appendDropLocked logs that t ends, and stops its routers. t.mu is held. No
// checkpoint begins between the entry and what comes of it.
func (r *Registry) appendDropLocked(s *slot, t *topic) (*Removal, wal.LSN, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	span, err := s.append(&entry.Drop{ID: t.id}, nil)
	if err != nil {
		return nil, 0, err
	}
	t.ending = span.End
	l := t.linked()
	for _, rt := range slices.Concat(l.out, l.in) {
		rt.stop()
		rt.changing = span.End
	}
	out := &Removal{Deleted: true}
	r.changes.addDrop(span.End, &drop{t, out})
	return out, span.End, nil
}
