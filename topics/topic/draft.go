package topic

import (
	"fmt"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
)

// Attempt is a write on its way to its place.
type Attempt struct {
	Name    string
	Write   *Write
	Encoded *Encoded
	// Letters is set if the records are dead letters, whose jobs mean nothing yet.
	Letters bool
	Slot    *Slot // in the log
}

// Room returns how many bytes of the log the write may take, beside what makes its
// topic.
func (a *Attempt) Room() int {
	n := len(a.Encoded.Records) + len(a.Write.IdempotencyKey) + EntryOverhead
	if a.Write.IdempotencyKey != "" {
		n += len(a.Encoded.jobs) * entry.DedupedRunBytes
	}
	return n
}

// Creates returns the config of the topic that the write makes, or the error that
// refuses to make it.
func (a *Attempt) Creates() (*record.Config, error) {
	if err := record.CheckName(a.Name); err != nil {
		return nil, err
	}
	w := a.Write
	var patch record.ConfigPatch
	if w.Config != nil {
		patch = *w.Config
	}
	cfg, err := patch.Apply(record.DefaultConfig(), a.Name)
	if err != nil {
		return nil, err
	}
	if w.Create != nil && !*w.Create || w.Create == nil && !cfg.AutoCreate {
		return nil, record.NotFound(a.Name)
	}
	return &cfg, nil
}

// AssignLocked checks the write against the topic as the writes before it will
// leave it, and appends its frame. creates is the config of a topic that this
// write makes; nil if the topic is there.
func (t *Topic) AssignLocked(a *Attempt, creates *record.Config) (*Pending, error) {
	d, err := t.DraftLocked(a, creates)
	if err != nil || d.Commit == nil {
		return d.Pending, err
	}
	err = d.Commit.EnterLocked(a.Slot, d.Last, d.Batch.Records)
	if err != nil {
		d.Discard()
		return nil, err
	}
	return t.PlaceLocked(d), nil
}

// Draft is a write that was checked and has no place yet.
type Draft struct {
	Commit  *CommitOf[entry.Append] // nil if the log gets nothing of it
	Batch   *Encoded                // of the records that are appended
	Last    uint64                  // its last seq
	Pending *Pending
}

// DraftLocked checks a write. It is to be placed or discarded. t.Mu is held.
func (t *Topic) DraftLocked(a *Attempt, creates *record.Config) (Draft, error) {
	w := a.Write
	now := t.Shared.Clock.Now()
	if p := t.RepeatedLocked(w, now.Steady); p != nil {
		return Draft{Pending: p}, nil
	}
	if err := t.Refusal(); err != nil {
		return Draft{}, err
	}
	if err := t.checkHeadLocked(w); err != nil {
		return Draft{}, err
	}
	b, unique, err := a.batchFor(t)
	if err != nil {
		return Draft{}, err
	}
	if len(b.Sizes) == 0 && w.IdempotencyKey == "" {
		return Draft{Pending: t.duplicateLocked(unique)}, nil
	}
	if err := t.checkRoomLocked(b, now.Steady); err != nil {
		return Draft{}, err
	}
	last := t.Assigned + uint64(len(b.Sizes))
	placed := &struct { // in one allocation
		commit  CommitOf[entry.Append]
		pending Pending
	}{}
	c := &placed.commit
	*c = CommitOf[entry.Append]{
		Commit: Commit{
			Topic: t, Class: t.Next.Durability, Came: now, key: w.IdempotencyKey,
			Sizes: b.Sizes, Bytes: b.bytes, Tags: b.tags,
		},
		Entry: entry.Append{ID: t.ID, TS: max(now.Wall, t.AssignedTS), First: t.Assigned + 1, Count: len(b.Sizes)},
	}
	c.Operation = AppendOp{&c.Entry}
	if creates != nil {
		c.Entry.Creation = entry.Creation{Name: t.Name, Setting: entry.Setting{Config: creates}}
	}
	if t.Jobs != nil && b.jobs != nil {
		c.Commit.Jobs, err = WrittenJobs(b.jobs, c.Entry.First, now.Wall)
		if err != nil {
			return Draft{}, record.InvalidField("records", "what one says of its job is malformed")
		}
	}
	out := Written{Head: last, Count: c.Entry.Count, Created: creates != nil, Unique: unique.seqs(c.Entry.First)}
	if out.Count > 0 {
		out.First, out.Last = c.Entry.First, last
	}
	if c.key != "" {
		c.Entry.Key, c.Entry.Deduped = []byte(c.key), unique.deduped(out.Unique)
		if err := t.Shared.takeKey(keyBytes(&c.Entry)); err != nil {
			return Draft{}, err
		}
	}
	placed.pending = Pending{Commit: &c.Commit, Written: out}
	return Draft{c, b, last, &placed.pending}, nil
}

// Discard gives back what a draft has taken.
func (d *Draft) Discard() {
	if d.Commit != nil && d.Commit.key != "" {
		d.Commit.Topic.Shared.giveKey(keyBytes(&d.Commit.Entry))
	}
}

// PlaceLocked puts a draft that is in the log in the line of its topic. t.Mu is held.
func (t *Topic) PlaceLocked(d Draft) *Pending {
	c := d.Commit
	d.Batch.Sizes = nil // the commit's from now on; a write that must wait for room keeps them
	t.Assign(&c.Commit, d.Last)
	if c.key != "" {
		t.Line.key(c)
	}
	if c.Commit.Jobs != nil {
		t.Jobs.Queue.Promise(c.Commit.Jobs)
	}
	return d.Pending
}

// EnterLocked puts the commit's frame into the log, or its records into memory, and
// before it a reservation where its seqs need one. The frame is the last one of the
// slot. The topic's lock is held.
func (c *Commit) EnterLocked(s *Slot, last uint64, records []byte) error {
	t := c.Topic
	t.Shared.Applying.Enter(c)
	err := c.ReserveLocked(s, last, records)
	if err == nil && t.Next.Durability != record.Ephemeral {
		c.Span, err = s.AppendLast(c.Operation, records)
	}
	if err != nil {
		c.Leave()
		return err
	}
	c.Entered(last)
	return nil
}

// ReserveLocked puts the commit's records into memory if they are ephemeral, and
// reserves its seqs where that is needed.
func (c *Commit) ReserveLocked(s *Slot, last uint64, records []byte) error {
	t := c.Topic
	class := t.Next.Durability
	if class == record.Ephemeral {
		if err := t.Shared.takeEphemeral(int64(len(records))); err != nil {
			return err
		}
		c.Body = append([]byte{}, records...) // not nil, even if all records were deduped
	}
	created := CreationOf(c.Operation)
	switch {
	case class == record.Fsync:
	case created != nil && class != record.Ephemeral:
		t.Reserve.Grow(last, t.Shared.Log.Synced()) // the creation carries it
	default:
		if err := c.reserveSeqs(s, last); err != nil {
			t.Shared.Counters.Ephemeral.Add(-int64(len(c.Body)))
			return err
		}
	}
	if created != nil {
		created.Ceiling = t.Reserve.Ceiling
	}
	return nil
}

// Entered notes what follows from the place that a commit has in the log.
func (c *Commit) Entered(last uint64) {
	t := c.Topic
	class := t.Next.Durability
	if class == record.Fsync {
		return
	}
	if CreationOf(c.Operation) != nil && class != record.Ephemeral {
		t.Reserve.At = c.Span.End
	}
	c.Synced = t.Reserve.Needs(last, t.Shared.Log.Synced())
}

// takeEphemeral takes n bytes of the memory that all ephemeral records share.
func (s *Shared) takeEphemeral(n int64) error {
	limit := s.Limits.EphemeralBytes
	if total := s.Counters.Ephemeral.Add(n); limit <= 0 || total <= limit {
		return nil
	}
	s.Counters.Ephemeral.Add(-n)
	return &record.Error{
		Kind: record.KindThrottled,
		Message: fmt.Sprintf("ephemeral records fill the %d bytes of memory they may use; nothing was appended: "+
			"write again when some have expired or are deleted", limit),
		Detail: map[string]any{"limit": "ephemeral_bytes", "max": limit},
	}
}

// AppendLocked appends the commit's entry, which has no records.
func (c *Commit) AppendLocked(s *Slot) error {
	c.Topic.Shared.Applying.Enter(c)
	span, err := s.Append(c.Operation, nil)
	if err != nil {
		c.Leave()
		return err
	}
	c.Span = span
	return nil
}
