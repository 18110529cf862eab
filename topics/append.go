package topics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Append writes records to a topic: all of them or none. It returns when the
// topic's durability class holds for them and they are visible. A ctx that
// ends is heeded while the write waits for room, not after it has its place.
func (r *Registry) Append(ctx context.Context, name string, w *Write) (Written, error) {
	p, err := r.Begin(ctx, name, w)
	if err != nil {
		return Written{}, err
	}
	return p.Wait()
}

// Pending is a write that has its seqs and its place in the log.
type Pending struct {
	registry *Registry
	commit   *commit // of the write, or of the one it repeats
	written  Written
}

// Placement is where a write stands before it is durable.
type Placement struct {
	First, Last uint64
	Class       record.Class
	Created     bool
}

// Placed says where the write stands, or the one that it repeats.
func (p *Pending) Placed() Placement {
	out := Placement{First: p.written.First, Last: p.written.Last, Created: p.written.Created}
	if p.commit != nil {
		out.Class = p.commit.class
	}
	return out
}

// Begin gives a write its place without waiting for its durability: writes
// begun in one order by one goroutine have that order. Wait must follow. The
// records are copied; the caller may reuse their memory at once.
func (r *Registry) Begin(ctx context.Context, name string, w *Write) (*Pending, error) {
	if len(w.Records) == 0 {
		return nil, record.Invalid("a write without records")
	}
	if w.Config != nil { // a mistake is told also where no topic is made by it
		if _, err := w.Config.Apply(record.DefaultConfig(), name); err != nil {
			return nil, err
		}
	}
	if p := r.repeat(name, w); p != nil {
		return p, nil // it needs no room, and there may be none
	}
	batch := encodeBatch(w)
	defer batch.release()
	var throttled time.Duration
	for {
		waited, err := r.admit(ctx, name, w, batch)
		throttled += waited
		if err != nil {
			return nil, logError(err)
		}
		p, err := r.assign(name, w, batch)
		again, err := r.again(err)
		if again {
			continue
		}
		if err != nil {
			return nil, err
		}
		p.written.Cost.Throttle = throttled
		return p, nil
	}
}

// entryOverhead is room enough for an append entry's fields but key and
// config, and for a reservation before it.
const entryOverhead = 256

// admit waits for room in the log, unless the write will need none. It asks
// for no less than the write will take: if it did, a write that Append refuses
// would come back here and find room, without end.
func (r *Registry) admit(ctx context.Context, name string, w *Write, b *batch) (time.Duration, error) {
	need := len(b.records) + len(w.IdempotencyKey) + entryOverhead
	var mode wal.Mode
	if w.DisableBackpressure {
		mode = wal.Patient
	}
	t := r.lookup(name)
	if t == nil {
		return r.waitForSpace(ctx, need+configSize, mode)
	}
	t.mu.RLock()
	free := t.next.Durability == record.Ephemeral && t.reserve.covers(t.assigned+uint64(len(b.sizes)))
	t.mu.RUnlock()
	if free {
		return 0, nil
	}
	return r.waitForSpace(ctx, need, mode)
}

// waitForSpace waits until there is room in the log for a payload of n bytes. The
// room may be gone again when it is used.
func (r *Registry) waitForSpace(ctx context.Context, n int, mode wal.Mode) (time.Duration, error) {
	room, err := r.log.Reserve(ctx, n, mode)
	room.Release()
	return room.Waited, err
}

// assign finds or creates the topic and gives the write its seqs. wal.ErrBusy
// means that room is to be waited for again.
func (r *Registry) assign(name string, w *Write, b *batch) (*Pending, error) {
	t := r.hold(name)
	if t == nil {
		return r.assignCreating(name, w, b)
	}
	defer t.mu.Unlock()
	return r.assignLocked(t, w, b, nil)
}

// assignCreating makes the topic and the write in one frame.
func (r *Registry) assignCreating(name string, w *Write, b *batch) (*Pending, error) {
	if err := record.CheckName(name); err != nil {
		return nil, err
	}
	var patch record.ConfigPatch
	if w.Config != nil {
		patch = *w.Config
	}
	cfg, err := patch.Apply(record.DefaultConfig(), name)
	if err != nil {
		return nil, err
	}
	if w.Create != nil && !*w.Create || w.Create == nil && !cfg.AutoCreate {
		return nil, record.NotFound(name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.byName.Get(name); taken {
		return nil, wal.ErrBusy // another write was faster: go by its topic
	}
	if err := r.roomForTopics(1); err != nil {
		return nil, err
	}
	t := r.newTopic(name, &cfg)
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := r.assignLocked(t, w, b, &cfg)
	if err == nil {
		r.adopt(t)
	}
	return p, err
}

// roomForTopics reports whether n more topics may be made. r.mu is held.
func (r *Registry) roomForTopics(n int) error {
	if limit := r.opts.MaxTopics; limit > 0 && r.byName.Len()+n > limit {
		return &record.Error{
			Kind: record.KindThrottled, Message: fmt.Sprintf("there are already %d topics, the most allowed", limit),
			Detail: map[string]any{"limit": "max_topics", "max": limit},
		}
	}
	return nil
}

// newTopic makes a topic that nobody knows yet; r.mu is held. adopt makes it
// known once its creation has a place in the log. The name is copied: it may be
// part of a long request line, which would stay in memory with it.
func (r *Registry) newTopic(name string, cfg *record.Config) *topic {
	return &topic{id: r.nextID, name: strings.Clone(name), next: cfg}
}

func (r *Registry) adopt(t *topic) {
	r.nextID++
	r.byName.Set(t.name, t)
}

// assignLocked checks the write against the topic as the writes before it will
// leave it, and appends its frame. creates is the config of a topic that this
// write makes.
func (r *Registry) assignLocked(t *topic, w *Write, b *batch, creates *record.Config) (*Pending, error) {
	now := r.clock.now()
	if p := r.repeated(t, w, now.steady); p != nil {
		return p, nil
	}
	if err := t.refusal(); err != nil {
		return nil, err
	}
	if err := r.check(t, w, b, now.steady); err != nil {
		return nil, err
	}
	cfg := t.next
	first := t.assigned + 1
	last := t.assigned + uint64(len(b.sizes))
	c := &commit{
		topic: t, class: cfg.Durability, came: now, key: w.IdempotencyKey,
		sizes: b.sizes, bytes: b.bytes, tags: b.tags,
		entry: entry{
			typ: entryAppend, id: t.id, ts: max(now.wall, t.assignedTS), first: first, count: int(last - t.assigned),
		},
	}
	if c.key != "" {
		c.entry.key = []byte(c.key)
	}
	if creates != nil {
		c.entry.create, c.entry.name, c.entry.config = true, t.name, creates
	}
	if c.key != "" {
		if err := r.takeKey(); err != nil {
			return nil, err
		}
	}
	if err := r.enter(t, c, last, b.records); err != nil {
		if c.key != "" {
			r.giveKey()
		}
		return nil, err
	}
	b.sizes = nil // the commit's from now on; a write that must wait for room keeps them
	t.assigned, t.assignedTS = last, c.entry.ts
	t.waiting.Records += int64(c.entry.count)
	t.waiting.Bytes += c.bytes
	t.pending = append(t.pending, c)
	if c.key != "" {
		if t.inflight == nil {
			t.inflight = make(map[string]*commit)
		}
		t.inflight[c.key] = c
	}
	return &Pending{registry: r, commit: c, written: Written{
		First: first, Last: last, Head: last, Count: c.entry.count, Created: creates != nil,
	}}, nil
}

// enter puts the commit's frame into the log, or its records into memory, and
// before it a reservation where its seqs need one.
func (r *Registry) enter(t *topic, c *commit, last uint64, records []byte) error {
	ephemeral := c.class == record.Ephemeral
	if ephemeral {
		if err := r.takeEphemeral(int64(len(records))); err != nil {
			return err
		}
		c.body = append([]byte(nil), records...)
	}
	switch {
	case c.class == record.Fsync:
	case c.entry.create && !ephemeral:
		t.reserve.grow(last, r.log.Synced()) // the creation carries it
	default:
		if err := r.reserveSeqs(t, c, last); err != nil {
			r.totals.ephemeral.Add(-int64(len(c.body)))
			return err
		}
	}
	c.entry.ceiling = t.reserve.ceiling
	if !ephemeral {
		var head [entryOverhead]byte
		payload, err := c.entry.encode(head[:0])
		if err != nil {
			return err
		}
		if c.span, err = r.log.TryAppend(0, c.entry.typ, payload, records); err != nil {
			return logError(err)
		}
		if c.entry.create && c.class != record.Fsync {
			t.reserve.at = c.span.End
		}
	}
	if c.class != record.Fsync {
		c.synced = t.reserve.needs(last, r.log.Synced())
	}
	return nil
}

// takeEphemeral takes n bytes of the memory that all ephemeral records share.
func (r *Registry) takeEphemeral(n int64) error {
	limit := r.opts.EphemeralBytes
	if total := r.totals.ephemeral.Add(n); limit <= 0 || total <= limit {
		return nil
	}
	r.totals.ephemeral.Add(-n)
	return &record.Error{
		Kind:    record.KindNoSpace,
		Message: fmt.Sprintf("ephemeral records fill the %d bytes of memory they may use; nothing was appended", limit),
		Detail:  map[string]any{"limit": "ephemeral_bytes", "max": limit},
	}
}
