package topics

import (
	"fmt"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
)

// attempt is a write on its way to its place.
type attempt struct {
	name  string
	write *Write
	batch *batch
	// letters is set if the records are dead letters, whose jobs mean nothing yet.
	letters bool
	slot    *slot // in the log
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

// assignLocked checks the write against the topic as the writes before it will
// leave it, and appends its frame. creates is the config of a topic that this
// write makes; nil if the topic is there.
func (t *topic) assignLocked(a *attempt, creates *record.Config) (*Pending, error) {
	d, err := t.draftLocked(a, creates)
	if err != nil || d.commit == nil {
		return d.pending, err
	}
	err = d.commit.enterLocked(a.slot, d.last, d.batch.records)
	if err != nil {
		d.discard()
		return nil, err
	}
	return t.placeLocked(d), nil
}

// draft is a write that was checked and has no place yet.
type draft struct {
	commit  *commitOf[entry.Append] // nil if there is nothing to append
	batch   *batch                  // of the records that are appended
	last    uint64                  // its last seq
	pending *Pending
}

// draftLocked checks a write. It is to be placed or discarded. t.mu is held.
func (t *topic) draftLocked(a *attempt, creates *record.Config) (draft, error) {
	w := a.write
	now := t.shared.clock.Now()
	if p := t.repeatedLocked(w, now.Steady); p != nil {
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
		return draft{pending: t.duplicateLocked(unique)}, nil
	}
	if err := t.checkLocked(w, b, now.Steady); err != nil {
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
		if err := t.shared.takeKey(); err != nil {
			return draft{}, err
		}
	}
	out := Written{First: c.entry.First, Last: last, Head: last, Count: c.entry.Count, Created: creates != nil}
	out.Unique = unique.seqs(out.First)
	return draft{c, b, last, &Pending{commit: &c.commit, written: out}}, nil
}

// discard gives back what a draft has taken.
func (d *draft) discard() {
	if d.commit != nil && d.commit.key != "" {
		d.commit.topic.shared.giveKey()
	}
}

// placeLocked puts a draft that is in the log in the line of its topic. t.mu is held.
func (t *topic) placeLocked(d draft) *Pending {
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
func (c *commit) enterLocked(s *slot, last uint64, records []byte) error {
	t := c.topic
	t.shared.applying.enter(c)
	err := c.reserveLocked(s, last, records)
	if err == nil && t.next.Durability != record.Ephemeral {
		c.span, err = s.append(c.op, records)
	}
	if err != nil {
		c.leave()
		return err
	}
	c.entered(last)
	return nil
}

// reserveLocked puts the commit's records into memory if they are ephemeral, and
// reserves its seqs where that is needed.
func (c *commit) reserveLocked(s *slot, last uint64, records []byte) error {
	t := c.topic
	class := t.next.Durability
	if class == record.Ephemeral {
		if err := t.shared.takeEphemeral(int64(len(records))); err != nil {
			return err
		}
		c.body = append([]byte(nil), records...)
	}
	created := creationOf(c.op)
	switch {
	case class == record.Fsync:
	case created != nil && class != record.Ephemeral:
		t.reserve.grow(last, t.shared.log.Synced()) // the creation carries it
	default:
		if err := c.reserveSeqs(s, last); err != nil {
			t.shared.totals.ephemeral.Add(-int64(len(c.body)))
			return err
		}
	}
	if created != nil {
		created.Ceiling = t.reserve.ceiling
	}
	return nil
}

// entered notes what follows from the place that a commit has in the log.
func (c *commit) entered(last uint64) {
	t := c.topic
	class := t.next.Durability
	if class == record.Fsync {
		return
	}
	if creationOf(c.op) != nil && class != record.Ephemeral {
		t.reserve.at = c.span.End
	}
	c.synced = t.reserve.needs(last, t.shared.log.Synced())
}

// takeEphemeral takes n bytes of the memory that all ephemeral records share.
func (s *shared) takeEphemeral(n int64) error {
	limit := s.limits.EphemeralBytes
	if total := s.totals.ephemeral.Add(n); limit <= 0 || total <= limit {
		return nil
	}
	s.totals.ephemeral.Add(-n)
	return &record.Error{
		Kind:    record.KindNoSpace,
		Message: fmt.Sprintf("ephemeral records fill the %d bytes of memory they may use; nothing was appended", limit),
		Detail:  map[string]any{"limit": "ephemeral_bytes", "max": limit},
	}
}
