package topics

import (
	"context"
	"fmt"
	"strings"

	"github.com/e6e95bb8/topics/topics/entry"
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
	repeats  bool    // the commit is another write's
	written  Written
}

// Placement is where a write stands before it is durable.
type Placement struct {
	First, Last uint64
	Class       record.Class
	Created     bool
}

// Placed returns where the write stands, or the one that it repeats.
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
	if w.Config != nil { // a mistake is refused also where no topic is made by it
		if _, err := w.Config.Apply(record.DefaultConfig(), name); err != nil {
			return nil, err
		}
	}
	if p := r.repeat(name, w); p != nil {
		return p, nil // it needs no room, and there may be none
	}
	a := &attempt{name: name, write: w, batch: encodeBatch(w)}
	defer a.batch.release()
	var p *Pending
	throttled, err := r.propose(ctx,
		func() (need, error) { return r.needOf(a), nil },
		func(s *slot) error {
			a.slot = s
			var err error
			p, err = r.assign(a)
			return err
		})
	if err != nil {
		return nil, err
	}
	p.written.Cost.Throttle = throttled
	return p, nil
}

// attempt is a write on its way to its place.
type attempt struct {
	name  string
	write *Write
	batch *batch
	// letters is set if the records are dead letters, whose jobs mean nothing yet.
	letters bool
	slot    *slot // in the log
}

// entryOverhead is room enough for an append entry's fields but key and
// config, and for a reservation before it.
const entryOverhead = 256

// needOf returns the room that a write needs in the log. An ephemeral write whose
// seqs are reserved needs none. Where the topic's lock is held for long, writes
// wait for it here, and hold no room that other topics could use.
func (r *Registry) needOf(a *attempt) need {
	n := need{bytes: len(a.batch.records) + len(a.write.IdempotencyKey) + entryOverhead}
	if a.write.DisableBackpressure {
		n.mode = wal.Patient
	}
	t := r.lookup(a.name)
	if t == nil {
		n.bytes += configSize
		return n
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.next.Durability == record.Ephemeral && t.reserve.covers(t.assigned+uint64(len(a.batch.sizes))) {
		n.bytes = 0
	}
	return n
}

// assign finds or creates the topic and gives the write its seqs.
func (r *Registry) assign(a *attempt) (*Pending, error) {
	t := r.hold(a.name)
	if t == nil {
		return r.assignCreating(a)
	}
	defer t.mu.Unlock()
	return r.assignLocked(t, a, nil)
}

// assignCreating makes the topic and the write in one frame.
func (r *Registry) assignCreating(a *attempt) (*Pending, error) {
	cfg, err := a.creates()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.byName.Get(a.name); taken {
		return nil, errRetry // another write was faster: go by its topic
	}
	err = r.roomForTopicsLocked(1)
	if err == nil {
		err = r.dead.check(a.name, cfg)
	}
	if err != nil {
		return nil, err
	}
	t := r.newTopicLocked(a.name, cfg)
	p, err := r.assignLocked(t, a, cfg)
	if err == nil {
		r.adopt(t)
	}
	return p, err
}

// creates returns the config of the topic that the write makes, or the error that
// refuses to make it.
func (a *attempt) creates() (*record.Config, error) {
	if err := record.CheckName(a.name); err != nil {
		return nil, err
	}
	w := a.write
	var patch record.ConfigPatch
	if w.Config != nil {
		patch = *w.Config
	}
	cfg, err := patch.Apply(record.DefaultConfig(), a.name)
	if err != nil {
		return nil, err
	}
	if w.Create != nil && !*w.Create || w.Create == nil && !cfg.AutoCreate {
		return nil, record.NotFound(a.name)
	}
	return &cfg, nil
}

// roomForTopicsLocked reports whether n more topics may be made. r.mu is held.
func (r *Registry) roomForTopicsLocked(n int) error {
	if limit := r.opts.MaxTopics; limit > 0 && r.byName.Len()+n > limit {
		return &record.Error{
			Kind: record.KindThrottled, Message: fmt.Sprintf("there are already %d topics, the most allowed", limit),
			Detail: map[string]any{"limit": "max_topics", "max": limit},
		}
	}
	return nil
}

// newTopicLocked makes a topic that no other goroutine knows; r.mu is held. adopt makes
// it known once its creation has a place in the log. The name is copied: it may be
// part of a long request line, which would stay in memory with it.
func (r *Registry) newTopicLocked(name string, cfg *record.Config) *topic {
	t := &topic{id: r.nextID, name: strings.Clone(name), given: given{next: cfg}}
	t.openJobs(cfg)
	return t
}

func (r *Registry) adopt(t *topic) {
	r.nextID++
	r.byName.Set(t.name, t)
	r.dead.set(t.name, t.next)
}

// assignLocked checks the write against the topic as the writes before it will
// leave it, and appends its frame. creates is the config of a topic that this
// write makes; nil if the topic is there.
func (r *Registry) assignLocked(t *topic, a *attempt, creates *record.Config) (*Pending, error) {
	d, err := r.draftLocked(t, a, creates)
	if err != nil || d.commit == nil {
		return d.pending, err
	}
	err = r.enterLocked(a.slot, &d.commit.commit, d.last, d.batch.records)
	if err != nil {
		r.discard(d)
		return nil, err
	}
	return r.placeLocked(t, d), nil
}

// draftLocked is a write that was checked and has no place yet.
type draft struct {
	commit  *commitOf[entry.Append] // nil if there is nothing to append
	batch   *batch                  // of the records that are appended
	last    uint64                  // its last seq
	pending *Pending
}

// draftLocked checks a write. It is to be placed or discarded. t.mu is held.
func (r *Registry) draftLocked(t *topic, a *attempt, creates *record.Config) (draft, error) {
	w := a.write
	now := r.clock.Now()
	if p := r.repeatedLocked(t, w, now.Steady); p != nil {
		return draft{pending: p}, nil
	}
	if err := t.refusal(); err != nil {
		return draft{}, err
	}
	b, unique, err := a.batchFor(t)
	if err != nil {
		return draft{}, err
	}
	if len(b.sizes) == 0 {
		return draft{pending: r.duplicateLocked(t, unique)}, nil
	}
	if err := r.checkLocked(t, w, b, now.Steady); err != nil {
		return draft{}, err
	}
	last := t.assigned + uint64(len(b.sizes))
	c := &commitOf[entry.Append]{
		commit: commit{
			topic: t, class: t.next.Durability, came: now, key: w.IdempotencyKey,
			sizes: b.sizes, bytes: b.bytes, tags: b.tags,
		},
		entry: entry.Append{ID: t.id, TS: max(now.Wall, t.assignedTS), First: t.assigned + 1, Count: len(b.sizes)},
	}
	c.op = appendOp{&c.entry}
	if creates != nil {
		c.entry.Creation = entry.Creation{Name: t.name, Setting: entry.Setting{Config: creates}}
	}
	if t.jobs != nil && b.jobs != nil {
		c.commit.jobs, err = writtenJobs(b.jobs, c.entry.First, now.Wall)
		if err != nil {
			return draft{}, record.InvalidField("records", "what one says of its job is malformed")
		}
	}
	if c.key != "" {
		c.entry.Key = []byte(c.key)
		if err := r.takeKey(); err != nil {
			return draft{}, err
		}
	}
	out := Written{First: c.entry.First, Last: last, Head: last, Count: c.entry.Count, Created: creates != nil}
	out.Unique = unique.seqs(out.First)
	return draft{c, b, last, &Pending{registry: r, commit: &c.commit, written: out}}, nil
}

// discard gives back what a draft has taken.
func (r *Registry) discard(d draft) {
	if d.commit != nil && d.commit.key != "" {
		r.giveKey()
	}
}

// placeLocked puts a draft that is in the log in the line of its topic. t.mu is held.
func (r *Registry) placeLocked(t *topic, d draft) *Pending {
	c := d.commit
	d.batch.sizes = nil // the commit's from now on; a write that must wait for room keeps them
	t.assign(&c.commit, d.last)
	if c.key != "" {
		t.line.key(c)
	}
	if c.commit.jobs != nil {
		t.jobs.queue.Promise(c.commit.jobs)
	}
	return d.pending
}

// enterLocked puts the commit's frame into the log, or its records into memory, and
// before it a reservation where its seqs need one. The topic's lock is held.
func (r *Registry) enterLocked(s *slot, c *commit, last uint64, records []byte) error {
	r.applying.enter(c)
	err := r.reserveLocked(s, c, last, records)
	if err == nil && c.topic.next.Durability != record.Ephemeral {
		c.span, err = s.append(c.op, records)
	}
	if err != nil {
		r.applying.leave(c)
		return err
	}
	c.entered(r, last)
	return nil
}

// reserveLocked puts the commit's records into memory if they are ephemeral, and
// reserves its seqs where that is needed.
func (r *Registry) reserveLocked(s *slot, c *commit, last uint64, records []byte) error {
	t := c.topic
	class := t.next.Durability
	if class == record.Ephemeral {
		if err := r.takeEphemeral(int64(len(records))); err != nil {
			return err
		}
		c.body = append([]byte(nil), records...)
	}
	created := creationOf(c.op)
	switch {
	case class == record.Fsync:
	case created != nil && class != record.Ephemeral:
		t.reserve.grow(last, r.log.Synced()) // the creation carries it
	default:
		if err := r.reserveSeqs(s, c, last); err != nil {
			r.totals.ephemeral.Add(-int64(len(c.body)))
			return err
		}
	}
	if created != nil {
		created.Ceiling = t.reserve.ceiling
	}
	return nil
}

// entered notes what follows from the place that a commit has in the log.
func (c *commit) entered(r *Registry, last uint64) {
	t := c.topic
	class := t.next.Durability
	if class == record.Fsync {
		return
	}
	if creationOf(c.op) != nil && class != record.Ephemeral {
		t.reserve.at = c.span.End
	}
	c.synced = t.reserve.needs(last, r.log.Synced())
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
