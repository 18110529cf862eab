package topics

import (
	"context"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// settling is a frame on its way that removes records of one topic and appends to
// others: all of it or nothing.
type settling struct {
	name  string     // of the topic whose records go
	parts []*attempt // what is appended, each to another topic
	mode  wal.Mode
	// judge returns what goes of a topic. The locks of all topics are held.
	judge func(t *topic, held *heldTopics) (settled, error)
	// kept is set if the change was judged before, and outlasts a try that fails.
	// Otherwise it is aborted then.
	kept bool
	// made is the config of a topic that a part makes; nil: as a write makes it.
	made *record.Config
	// first is a topic that is to be made in a frame of its own; nil if none is.
	first *firstTopic
	early []string // the names of those that were made so

	// What came of it.
	topic   *topic
	commits []*commit
	written []*Pending // of the parts
}

// settled is what goes by a settling. Without seqs nothing does, and nothing is
// appended.
type settled struct {
	kind   queue.Kind
	seqs   []uint64
	change *queue.Change // nil if they are no jobs
}

// commitSettling gives the frame its place and waits until everything in it is visible.
func (r *Registry) commitSettling(ctx context.Context, x *settling, seqs int) (Cost, error) {
	size := entryOverhead + seqs*jobSize
	throttled, err := r.propose(ctx,
		func() (need, error) {
			if x.first != nil {
				err := r.makeFirst(ctx, x)
				if err != nil {
					return need{}, err
				}
			}
			n := need{bytes: size, mode: x.mode}
			for _, a := range x.parts {
				n.bytes += entryOverhead + configSize + len(a.batch.records) + len(a.write.IdempotencyKey)
			}
			return n, nil
		},
		func(s *slot) error { return r.assignSettling(s, x) })
	if err != nil {
		return Cost{}, err
	}
	cost := Cost{Throttle: throttled}
	for _, c := range x.commits {
		took, failed := c.finish()
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
func (r *Registry) assignSettling(s *slot, x *settling) error {
	held, err := r.holdAll(x)
	if err != nil {
		return err
	}
	defer held.release()
	x.topic, x.commits, x.written = held.of[x.name], nil, nil
	missing := 0
	for _, a := range x.parts {
		if held.of[a.name] == nil {
			missing++
		}
	}
	goes, err := x.judge(x.topic, held)
	if err != nil || len(goes.seqs) == 0 {
		return err
	}
	if missing > 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		err = r.roomForTopicsLocked(missing)
	}
	if err == nil {
		err = r.appendSettlingLocked(s, x, held, goes)
	}
	if err != nil && goes.change != nil && !x.kept {
		x.topic.abortJobsLocked(goes.change)
	}
	return err
}

// appendSettlingLocked drafts the parts and appends the frame. If a topic is to be
// made, r.mu is held.
func (r *Registry) appendSettlingLocked(s *slot, x *settling, held *heldTopics, goes settled) (err error) {
	t := x.topic
	came := r.shared.clock.Now()
	e := &entry.Settle{ID: t.id, TS: max(came.Wall, t.assignedTS), Kind: goes.kind, Seqs: ascending(goes.seqs)}
	own := &commit{topic: t, class: t.next.Durability, came: came, op: settleOp{e, goes.change}}
	drafts := make([]draft, len(x.parts))
	defer func() {
		if err == nil {
			return
		}
		own.leave()
		for _, d := range drafts {
			d.discard()
			if d.commit != nil {
				d.commit.commit.leave()
				r.shared.totals.ephemeral.Add(-int64(len(d.commit.body)))
			}
		}
	}()
	class := own.class
	var made []*topic
	for i, a := range x.parts {
		to, creates := held.of[a.name], (*record.Config)(nil)
		if to == nil {
			to, creates, err = r.makeForLocked(x, a, len(made))
			if err != nil {
				return err
			}
			made = append(made, to)
		}
		drafts[i], err = to.draftLocked(a, creates)
		if err == nil && drafts[i].commit != nil {
			err = drafts[i].commit.reserveLocked(s, drafts[i].last, drafts[i].batch.records)
			class = max(class, to.next.Durability)
		}
		if err != nil {
			return err
		}
	}
	for _, d := range drafts {
		if d.commit != nil && d.commit.topic.next.Durability != record.Ephemeral {
			part := d.commit.entry
			part.Records = d.batch.records
			e.Parts = append(e.Parts, part)
		}
	}
	r.shared.applying.enter(own)
	for _, d := range drafts {
		if d.commit != nil {
			r.shared.applying.enter(&d.commit.commit)
		}
	}
	span := wal.Span{}
	if len(e.Parts) > 0 || e.Seqs[0] <= t.durable() {
		span, err = s.append(e, nil)
		if err != nil {
			return err
		}
	}
	e.Parts = nil
	x.commits = append(x.commits, own)
	own.span = span
	synced := wal.LSN(0)
	for _, d := range drafts {
		x.written = append(x.written, d.pending)
		if d.commit == nil {
			continue
		}
		d.pending.written.Created = d.pending.written.Created || slices.Contains(x.early, d.commit.topic.name)
		d.commit.span = span
		d.commit.entered(d.last)
		synced = max(synced, d.commit.synced)
		x.commits = append(x.commits, &d.commit.commit)
	}
	t.assign(own, t.assigned)
	for _, d := range drafts {
		if d.commit != nil {
			d.commit.topic.placeLocked(d)
		}
	}
	for _, c := range x.commits { // seen together: one log position decides for all
		c.synced = synced
		if span.End > 0 {
			c.class = class
		}
	}
	for _, to := range made {
		r.adopt(to)
	}
	return nil
}

// makeForLocked makes the topic that a part creates, the n-th of the frame. r.mu is
// held.
func (r *Registry) makeForLocked(x *settling, a *attempt, n int) (*topic, *record.Config, error) {
	if _, taken := r.byName.Get(a.name); taken {
		return nil, nil, errRetry
	}
	cfg := x.made
	if cfg == nil {
		var err error
		cfg, err = a.creates()
		if err == nil {
			err = r.dead.check(a.name, cfg)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if cfg.Durability == record.Ephemeral {
		x.first = &firstTopic{a.name, *cfg}
		return nil, nil, errRetry
	}
	t := r.newTopicLocked(a.name, cfg)
	t.id += uint64(n)
	return t, cfg, nil
}

// firstTopic is a topic that has to be there before the frame is: the log has
// nothing of what is appended to an ephemeral topic, so its creation needs an
// entry, which the frame may fail after.
type firstTopic struct {
	name   string
	config record.Config
}

func (r *Registry) makeFirst(ctx context.Context, x *settling) error {
	f := x.first
	x.first = nil
	out, err := r.configure(ctx, f.name, func(present *record.Config) (record.Config, error) {
		if present != nil {
			return *present, nil
		}
		return f.config, nil
	})
	if out.Created {
		x.early = append(x.early, f.name)
	}
	return err
}

// heldTopics are topics whose locks are held.
type heldTopics struct {
	of   map[string]*topic // nil: there is none of that name
	list []*topic          // by id
}

func (h *heldTopics) release() {
	for _, t := range h.list {
		t.mu.Unlock()
	}
}

// holdAll takes the locks of the topics of a settling that are there. The topic
// whose records go must be.
func (r *Registry) holdAll(x *settling) (*heldTopics, error) {
	for {
		h := &heldTopics{of: map[string]*topic{}}
		see := func(name string) {
			t := r.lookup(name)
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
			see(a.name)
		}
		slices.SortFunc(h.list, func(a, b *topic) int {
			if a.id < b.id {
				return -1
			}
			return 1
		})
		current := true
		for _, t := range h.list {
			lockorder.LockSame[lockorder.Topic](&t.mu)
			current = current && !t.dropped
		}
		if current {
			return h, nil
		}
		h.release()
	}
}
