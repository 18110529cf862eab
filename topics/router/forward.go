package router

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/rate"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// # The path of a forwarded record
//
// A router reads its source like any reader and appends one frame: where in the log
// the records are, their seqs at the destination, and the router's cursor after
// them. So whatever a crash leaves of the log, a record is
// forwarded with the cursor moved over it, or not at all. The frame is
// then like that of a write: it is visible at the destination once that topic's
// class holds for it.
//
// A frame refers to none that lies before the start of the last checkpoint:
// the log before it may be gone when the frame is replayed. What is older, or
// in memory only, is copied.

// A router takes no more at a time.
const (
	ForwardRecords = 1000
	forwardBytes   = 1 << 20
)

// ForwardRounds is how often in a row the routers of a topic take something
// before others get their turn.
const ForwardRounds = 16

// ForwardFrom forwards what t's routers have before them. It returns true when
// each is at the head or has to wait for something.
func (f *Forwarders) ForwardFrom(ctx context.Context, t *topic.Topic) (done bool) {
	waiting := map[*Router]bool{}
	for n := 0; n < ForwardRounds && ctx.Err() == nil; n++ {
		// All of them first, so that they share a sync.
		var under []*forwarded
		moved := false
		shared := Extracts{Log: f.shared.Reader(t.ID), Of: map[ExtractKey]*Extract{}}
		for _, rt := range Outgoing(t) {
			if waiting[rt] {
				continue
			}
			step, err := f.forward(ctx, rt, &shared)
			if step == nil || err != nil {
				waiting[rt] = true
				f.Block(rt, err)
				continue
			}
			f.Block(rt, nil) // it goes on
			if moved = true; step.commit != nil {
				under = append(under, step)
			}
		}
		for _, step := range under {
			_, err := step.commit.Finish()
			if err != nil {
				waiting[step.router] = true
				f.Block(step.router, err)
				continue
			}
			step.router.advance(step.through)
		}
		if !moved {
			return true
		}
	}
	return false
}

// forwarded is a step of a router: what it took has its place in the log.
type forwarded struct {
	router  *Router
	through uint64
	commit  *topic.Commit // nil if there was nothing for the destination
}

// forward takes the next records of the router's source and gives them their
// place at its destination. It returns nil if the router is at the head of its
// source, or has ended, and an error if it has to wait.
func (f *Forwarders) forward(ctx context.Context, rt *Router, shared *Extracts) (*forwarded, error) {
	rt.Mu.Lock()
	cursor, spec, active := rt.Cursor, rt.Spec, rt.Visible && !rt.dropped
	rt.Mu.Unlock()
	if !active {
		return nil, nil
	}
	x, err := f.Extract(rt, &spec, cursor, shared)
	if x == nil || err != nil {
		return nil, err
	}
	var step *forwarded
	copies := false
	_, err = f.shared.Propose(ctx,
		func() (topic.Need, error) {
			if copies {
				copies = false
				if err := f.copyOut(x); err != nil {
					return topic.Need{}, err
				}
			}
			if x.Count == 0 {
				return topic.Need{}, nil
			}
			return topic.Need{Bytes: x.frameSize(), Mode: wal.Patient}, nil
		},
		func(s *topic.Slot) error {
			var err error
			step, err = f.AssignForward(s, rt, x)
			if errors.Is(err, errCopy) {
				copies = true
				return topic.ErrRetry
			}
			return err
		})
	if f.shared.Outdated(err) {
		shared.forget()
		return f.forward(ctx, rt, shared)
	}
	return step, err
}

// runSize is the most bytes that a run takes in a frame, without its path.
const runSize = 48

// frameSize is room enough for the extract's frame.
func (x *Extract) frameSize() int {
	size := topic.EntryOverhead + len(x.Records) + len(x.path)
	for i := range x.runs {
		size += runSize + len(x.runs[i].Path)
	}
	return size
}

// errCopy is returned when an extract has to hold its records itself.
var errCopy = errors.New("topics: the records are to be copied")

// AssignForward gives an extract its place, or as much of it as the
// destination has room for.
func (f *Forwarders) AssignForward(s *topic.Slot, rt *Router, x *Extract) (*forwarded, error) {
	t := rt.Dest
	t.Mu.Lock()
	defer t.Mu.Unlock()
	f.References.RLock() // no checkpoint begins meanwhile
	defer f.References.RUnlock()
	if x.Records == nil && x.oldest() < f.References.Floor {
		return nil, errCopy
	}
	if t.Dropped || t.Ending > 0 {
		return nil, nil
	}
	if err := t.Refusal(); err != nil {
		return nil, err
	}
	if x.Count > 0 {
		if t.Next.Durability == record.Ephemeral && x.runs != nil {
			return nil, errCopy
		}
		if x.trim == 0 {
			fits := t.RoomLocked(x.sizes)
			if fits == 0 {
				return nil, x.refusedLocked(rt.Source, t)
			}
			x.cut(fits)
		}
		if t.Assigned > math.MaxUint64-uint64(x.Count)-topic.MaxReserve {
			return nil, record.Invalid("topic %q has no seqs left", t.Name)
		}
	}
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	if rt.dropped || rt.Cursor != x.from {
		return nil, nil
	}
	step := &forwarded{router: rt, through: x.through}
	if x.Count > 0 {
		c, err := f.enterForwardLocked(s, rt, t, x)
		if err != nil {
			return nil, err
		}
		step.commit = c
		if x.trim == 0 {
			rt.Forwarded += uint64(x.Count)
			f.shared.Counters.Forwarded.Add(int64(x.Count))
			f.shared.Rates.Add(&rt.rates, f.shared.Steady(), rate.Writes, uint64(x.Count))
		}
	} else {
		if rt.Done == rt.Cursor { // nothing is under way that comes before
			rt.Done = x.through
			rt.notifyLocked()
		}
		if x.fleeting {
			// What is gone after a crash would otherwise count as lost on the way.
			f.logCursorLocked(rt, x.through, 0)
		}
	}
	rt.Cursor = x.through
	return step, nil
}

// enterForwardLocked puts the frame into the log. The locks of the destination and of
// the router are held.
func (f *Forwarders) enterForwardLocked(s *topic.Slot, rt *Router, t *topic.Topic, x *Extract) (*topic.Commit, error) {
	last := t.Assigned + uint64(x.Count)
	now := f.shared.Clock.Now()
	c := &topic.CommitOf[entry.Forward]{
		Commit: topic.Commit{Topic: t, Class: t.Next.Durability, Came: now, Sizes: x.sizes, Bytes: x.Bytes, Tags: x.packed},
		Entry: entry.Forward{
			ID: t.ID, TS: max(now.Wall, t.AssignedTS), First: t.Assigned + 1, Count: x.Count,
			Router: rt.ID, Cursor: x.through, Runs: x.runs, Trim: x.trim > 0, Path: x.path,
		},
	}
	c.Operation = topic.ForwardOp{Forward: &c.Entry}
	if t.Jobs != nil && x.trim == 0 {
		var err error
		c.Commit.Jobs, err = topic.WrittenJobs(x.jobs, c.Entry.First, now.Wall)
		if err != nil {
			return nil, err
		}
	}
	if err := c.Commit.EnterLocked(s, last, x.Records); err != nil {
		return nil, err
	}
	c.Entry.Runs = nil // only the frame needs them
	if c.Class == record.Ephemeral {
		// Not even the frame is in the log. That the records need not come
		// again is all that can be kept of them.
		f.logCursorLocked(rt, x.through, len(x.seqs))
	} else {
		rt.Applied, rt.Logged = c.Span.End, x.through
	}
	t.Assign(&c.Commit, last)
	return &c.Commit, nil
}

// logCursorLocked logs the cursor of a router that has forwarded so many records, if
// there is room for the entry. It does not wait for a sync. rt.mu is held.
func (f *Forwarders) logCursorLocked(rt *Router, through uint64, count int) {
	e := entry.Forward{Router: rt.ID, Cursor: through, TS: f.shared.Now(), Count: count, CursorOnly: true}
	span, err := f.shared.TryLogEntry(&e, 0)
	if err == nil {
		rt.Applied, rt.Logged = span.End, through
	}
}

// refusedLocked returns why dest has no room for the first record. Its lock is held.
func (x *Extract) refusedLocked(source, dest *topic.Topic) error {
	e := topic.ErrFull(dest)
	if most := dest.Next.CapBytes; most > 0 && int64(x.sizes[0]) > most { // it never will
		e.Message = fmt.Sprintf("seq %d of topic %q has %d bytes, and topic %q rejects what is over its cap_bytes, %d",
			x.seqs[0], source.Name, x.sizes[0], dest.Name, most)
	}
	return e
}

// LogCursor logs the cursor of a router that has moved it since it was logged.
func (f *Forwarders) LogCursor(rt *Router) {
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	if rt.Cursor > rt.Logged && rt.Visible && !rt.dropped {
		f.logCursorLocked(rt, rt.Cursor, 0)
	}
}
