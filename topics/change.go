package topics

import (
	"context"
	"fmt"
	"slices"
	"time"

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
	for {
		if _, err := r.waitForSpace(ctx, configSize, wal.Patient); err != nil {
			return Configured{}, logError(err)
		}
		out, c, err := r.assignConfig(name, derive)
		again, err := r.again(err)
		if again {
			continue
		}
		if err != nil || c == nil {
			return out, err
		}
		out.Cost, err = r.commitChange(c)
		return out, err
	}
}

// configSize is room for a config entry: its name, and a config with a
// dead-letter name, as JSON.
const configSize = 2*record.MaxName + 1024

// commitChange waits for a change of a topic, which is durable whatever the
// topic's class.
func (r *Registry) commitChange(c *commit) (Cost, error) {
	began := time.Now()
	synced, err := r.satisfy(c)
	if err := r.publish(c, err); err != nil {
		return Cost{}, err
	}
	return Cost{Append: time.Since(began) - synced, Sync: synced}, nil
}

// assignConfig gives a config change its place. Without a change the commit is
// the one that made the config what it is, if that is still on its way: it is
// to be waited for all the same, for it may fail.
func (r *Registry) assignConfig(name string, derive func(*record.Config) (record.Config, error)) (Configured, *commit, error) {
	t := r.hold(name)
	if t == nil {
		return r.assignCreate(name, derive)
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
		return out, t.pendingConfig(), nil
	}
	now := r.clock.now()
	c := &commit{topic: t, class: record.Fsync, came: now, entry: entry{
		typ: entryConfig, id: t.id, ts: max(now.wall, t.assignedTS), last: t.assigned, config: &cfg,
	}}
	reserve := t.reserve
	switch {
	case cfg.Durability == record.Fsync:
		reserve = reservation{}
	case !reserve.covers(t.assigned + 1):
		reserve.grow(max(t.assigned, reserve.ceiling), r.log.Synced())
	}
	if err := r.appendChange(c, reserve.ceiling); err != nil {
		return Configured{}, nil, err
	}
	if reserve.ceiling != t.reserve.ceiling {
		reserve.at = c.span.End
	}
	t.reserve = reserve
	t.next, t.assignedTS = &cfg, c.entry.ts
	t.pending = append(t.pending, c)
	return out, c, nil
}

// pendingConfig is the last commit on its way that sets the topic's config.
// t.mu is held.
func (t *topic) pendingConfig() *commit {
	for _, c := range slices.Backward(t.pending) {
		if c.entry.config != nil {
			return c
		}
	}
	return nil
}

// hold returns the topic of that name, visible or not, with t.mu held; nil: there
// is none.
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
func (r *Registry) assignCreate(name string, derive func(*record.Config) (record.Config, error)) (Configured, *commit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.byName.Get(name); taken {
		return Configured{}, nil, wal.ErrBusy // another creation was faster: go by its topic
	}
	cfg, err := derive(nil)
	if err != nil {
		return Configured{}, nil, err
	}
	if err := r.roomForTopics(1); err != nil {
		return Configured{}, nil, err
	}
	t := r.newTopic(name, &cfg)
	now := r.clock.now()
	c := &commit{topic: t, class: record.Fsync, came: now, entry: entry{
		typ: entryCreate, id: t.id, ts: now.wall, name: name, config: &cfg,
	}}
	if cfg.Durability != record.Fsync {
		t.reserve.grow(0, r.log.Synced())
	}
	if err := r.appendChange(c, t.reserve.ceiling); err != nil {
		return Configured{}, nil, err
	}
	t.reserve.at, t.assignedTS = c.span.End, c.entry.ts
	t.pending = append(t.pending, c)
	r.adopt(t)
	return Configured{Created: true, Config: cfg}, c, nil
}

func (r *Registry) appendChange(c *commit, ceiling uint64) error {
	c.entry.ceiling = ceiling
	payload, err := c.entry.encode(nil)
	if err != nil {
		return err
	}
	c.span, err = r.log.TryAppend(0, c.entry.typ, payload, nil)
	return logError(err)
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
	for {
		if _, err := r.waitForSpace(ctx, entryOverhead, wal.Freeing|wal.Patient); err != nil {
			return Removal{}, logError(err)
		}
		var err error
		out, at, err = r.assignDrop(name, ifEmpty)
		again, err := r.again(err)
		if again {
			continue
		}
		if err != nil || !out.Deleted {
			return Removal{}, err
		}
		break
	}
	began := time.Now()
	if err := r.awaitChange(at); err != nil {
		return Removal{}, err
	}
	out.Cost.Sync = time.Since(began)
	return *out, nil
}

// assignDrop gives the end of a topic, and of the routers that name it, its
// place. What it returns is filled in when the end is shown.
func (r *Registry) assignDrop(name string, ifEmpty bool) (*Removal, wal.LSN, error) {
	t := r.hold(name)
	if t == nil {
		return &Removal{}, 0, nil
	}
	defer t.mu.Unlock()
	if err := t.refusal(); err != nil {
		return nil, 0, err
	}
	if ifEmpty {
		r.expire(t, r.steady())
		if n := t.live.Records + t.waiting.Records; n > 0 {
			return nil, 0, &record.Error{
				Kind:    record.KindNotEmpty,
				Message: fmt.Sprintf("topic %q has %d live records", t.name, n),
				Detail:  map[string]any{"topic": t.name, "count": n},
			}
		}
	}
	e := entry{typ: entryDrop, id: t.id}
	payload, err := e.encode(nil)
	if err != nil {
		return nil, 0, err
	}
	return r.appendDrop(t, &e, payload)
}

// appendDrop logs that t ends, and stops its routers. t.mu is held. No
// checkpoint begins between the entry and what comes of it.
func (r *Registry) appendDrop(t *topic, e *entry, payload []byte) (*Removal, wal.LSN, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	span, err := r.log.TryAppend(wal.Freeing, e.typ, payload, nil)
	if err != nil {
		return nil, 0, logError(err)
	}
	t.ending = span.End
	l := t.linked()
	for _, rt := range slices.Concat(l.out, l.in) {
		rt.stop()
		rt.changing = span.End
	}
	out := &Removal{Deleted: true}
	r.drops[span.End] = &drop{t, out}
	return out, span.End, nil
}
