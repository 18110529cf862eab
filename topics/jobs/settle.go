package jobs

import (
	"context"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// settling is a frame on its way that removes records of one topic and appends to
// others: all of it or nothing.
type settling struct {
	name  string           // of the topic whose records go
	parts []*topic.Attempt // what is appended, each to another topic
	mode  wal.Mode
	// judge returns what goes of a topic. The locks of all topics are held.
	judge func(t *topic.Topic, held *heldTopics) (settled, error)
	// kept is set if the change was judged before, and outlasts a try that fails.
	// Otherwise it is aborted then.
	kept bool
	// made is the config of a topic that a part makes; nil: as a write makes it.
	made *record.Config
	// first is a topic that is to be made in a frame of its own; nil if none is.
	first *firstTopic
	early []string // the names of those that were made so

	// What came of it.
	topic   *topic.Topic
	commits []*topic.Commit
	written []*topic.Pending // of the parts
}

// settled is what goes by a settling. Without seqs nothing does, and nothing is
// appended.
type settled struct {
	kind   queue.Kind
	seqs   []uint64
	change *queue.Change // nil if they are no jobs
}

// commitSettling gives the frame its place and waits until everything in it is visible.
func (qs *Queues) commitSettling(ctx context.Context, x *settling, seqs int) (topic.Cost, error) {
	size := topic.EntryOverhead + seqs*jobSize
	throttled, err := qs.shared.Propose(ctx,
		func() (topic.Need, error) {
			if x.first != nil {
				err := qs.makeFirst(ctx, x)
				if err != nil {
					return topic.Need{}, err
				}
			}
			n := topic.Need{Bytes: size, Mode: x.mode}
			for _, a := range x.parts {
				n.Bytes += a.Room() + topic.ConfigSize
			}
			return n, nil
		},
		func(s *topic.Slot) error { return qs.assignSettling(s, x) })
	if err != nil {
		return topic.Cost{}, err
	}
	cost := topic.Cost{Throttle: throttled}
	for _, c := range x.commits {
		took, failed := c.Finish()
		if failed != nil && err == nil {
			err = failed
		}
		cost.Append += took.Append
		cost.Sync += took.Sync
	}
	return cost, err
}

// assignSettling takes the locks of all topics of the frame, in the order of
// their ids, and gives it its place.
func (qs *Queues) assignSettling(s *topic.Slot, x *settling) error {
	held, err := qs.holdAll(x)
	if err != nil {
		return err
	}
	defer held.release()
	x.topic, x.commits, x.written = held.of[x.name], nil, nil
	missing := 0
	for _, a := range x.parts {
		if held.of[a.Name] == nil {
			missing++
		}
	}
	goes, err := x.judge(x.topic, held)
	if err != nil || len(goes.seqs) == 0 {
		return err
	}
	if missing > 0 {
		qs.catalog.Mu.Lock()
		defer qs.catalog.Mu.Unlock()
		err = qs.catalog.RoomLocked(missing)
	}
	if err == nil {
		err = qs.appendSettlingLocked(s, x, held, goes)
	}
	if err != nil && goes.change != nil && !x.kept {
		x.topic.AbortJobsLocked(goes.change)
	}
	return err
}

// appendSettlingLocked drafts the parts and appends the frame. If a topic is to be
// made, qs.catalog.Mu is held.
func (qs *Queues) appendSettlingLocked(s *topic.Slot, x *settling, held *heldTopics, goes settled) (err error) {
	t := x.topic
	came := qs.shared.Clock.Now()
	e := &entry.Settle{ID: t.ID, TS: max(came.Wall, t.AssignedTS), Kind: goes.kind, Seqs: topic.Ascending(goes.seqs)}
	own := &topic.Commit{Topic: t, Class: t.Next.Durability, Came: came, Operation: topic.SettleOp{Settle: e, Change: goes.change}}
	drafts := make([]topic.Draft, len(x.parts))
	defer func() {
		if err == nil {
			return
		}
		own.Leave()
		for _, d := range drafts {
			d.Discard()
			if d.Commit != nil {
				d.Commit.Commit.Leave()
				qs.shared.Counters.Ephemeral.Add(-int64(len(d.Commit.Body)))
			}
		}
	}()
	class := own.Class
	var made []*topic.Topic
	for i, a := range x.parts {
		to, creates := held.of[a.Name], (*record.Config)(nil)
		if to == nil {
			to, creates, err = qs.makeForLocked(x, a, len(made))
			if err != nil {
				return err
			}
			made = append(made, to)
		}
		drafts[i], err = to.DraftLocked(a, creates)
		if err == nil && drafts[i].Commit != nil {
			err = drafts[i].Commit.ReserveLocked(s, drafts[i].Last, drafts[i].Batch.Records)
			class = max(class, to.Next.Durability)
		}
		if err != nil {
			return err
		}
	}
	for _, d := range drafts {
		if d.Commit != nil && d.Commit.Topic.Next.Durability != record.Ephemeral {
			part := d.Commit.Entry
			part.Records = d.Batch.Records
			e.Parts = append(e.Parts, part)
		}
	}
	qs.shared.Applying.Enter(own)
	for _, d := range drafts {
		if d.Commit != nil {
			qs.shared.Applying.Enter(&d.Commit.Commit)
		}
	}
	span := wal.Span{}
	if len(e.Parts) > 0 || e.Seqs[0] <= t.Durable() {
		span, err = s.Append(e, nil)
		if err != nil {
			return err
		}
	}
	e.Parts = nil
	x.commits = append(x.commits, own)
	own.Span = span
	synced := wal.LSN(0)
	for _, d := range drafts {
		x.written = append(x.written, d.Pending)
		if d.Commit == nil {
			continue
		}
		d.Pending.Written.Created = d.Pending.Written.Created || slices.Contains(x.early, d.Commit.Topic.Name)
		d.Commit.Span = span
		d.Commit.Entered(d.Last)
		synced = max(synced, d.Commit.Synced)
		x.commits = append(x.commits, &d.Commit.Commit)
	}
	t.Assign(own, t.Assigned)
	for _, d := range drafts {
		if d.Commit != nil {
			d.Commit.Topic.PlaceLocked(d)
		}
	}
	for _, c := range x.commits { // seen together: one log position decides for all
		c.Synced = synced
		if span.End > 0 {
			c.Class = class
		}
	}
	for _, to := range made {
		qs.catalog.AdoptLocked(to)
	}
	return nil
}

// makeForLocked makes the topic that a part creates, the n-th of the frame. qs.catalog.Mu is
// held.
func (qs *Queues) makeForLocked(x *settling, a *topic.Attempt, n int) (*topic.Topic, *record.Config, error) {
	if qs.catalog.GetLocked(a.Name) != nil {
		return nil, nil, topic.ErrRetry
	}
	cfg := x.made
	if cfg == nil {
		var err error
		cfg, err = a.Creates()
		if err == nil {
			err = qs.catalog.CheckDeadLettersLocked(a.Name, cfg)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if cfg.Durability == record.Ephemeral {
		x.first = &firstTopic{a.Name, *cfg}
		return nil, nil, topic.ErrRetry
	}
	t := qs.catalog.NewTopicLocked(a.Name, cfg)
	t.ID += uint64(n)
	return t, cfg, nil
}

// firstTopic is a topic that has to be there before the frame is: the log has
// nothing of what is appended to an ephemeral topic, so its creation needs an
// entry, which the frame may fail after.
type firstTopic struct {
	name   string
	config record.Config
}

func (qs *Queues) makeFirst(ctx context.Context, x *settling) error {
	f := x.first
	x.first = nil
	created, err := qs.host.Create(ctx, f.name, &f.config)
	if created {
		x.early = append(x.early, f.name)
	}
	return err
}

// heldTopics are topics whose locks are held.
type heldTopics struct {
	of   map[string]*topic.Topic // nil: there is none of that name
	list []*topic.Topic          // by id
}

func (h *heldTopics) release() {
	for _, t := range h.list {
		t.Mu.Unlock()
	}
}

// holdAll takes the locks of the topics of a settling that are there. The topic
// whose records go must be.
func (qs *Queues) holdAll(x *settling) (*heldTopics, error) {
	for {
		h := &heldTopics{of: map[string]*topic.Topic{}}
		see := func(name string) {
			t := qs.catalog.Lookup(name)
			if _, known := h.of[name]; !known && t != nil {
				h.list = append(h.list, t)
			}
			h.of[name] = t
		}
		see(x.name)
		if h.of[x.name] == nil {
			return nil, record.NotFound(x.name)
		}
		for _, a := range x.parts {
			see(a.Name)
		}
		slices.SortFunc(h.list, func(a, b *topic.Topic) int {
			if a.ID < b.ID {
				return -1
			}
			return 1
		})
		current := true
		for _, t := range h.list {
			lockorder.LockSame[lockorder.Topic](&t.Mu)
			current = current && !t.Dropped
		}
		if current {
			return h, nil
		}
		h.release()
	}
}
