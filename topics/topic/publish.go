package topic

import (
	"time"

	"github.com/e6e95bb8/topics/topics/record"
)

// Pending is a write that has its seqs and its place in the log.
type Pending struct {
	Commit  *Commit // of the write, or of the one it repeats
	repeats bool    // the commit is another write's
	Written Written
}

// Waits reports whether Wait may wait for a sync, or for another write.
func (p *Pending) Waits() bool {
	c := p.Commit
	return c != nil && !c.settled.Load() && (p.repeats || c.Class == record.Fsync || c.Synced > 0)
}

// Syncs reports whether the write is durable by a sync that Wait waits for: then its cost
// is the time from its place to there, also if others have run the sync before Wait.
func (p *Pending) Syncs() bool {
	return p.Commit != nil && !p.repeats && p.Commit.Class == record.Fsync
}

// Placement is where a write stands before it is durable.
type Placement struct {
	First, Last uint64
	Class       record.Class
	Created     bool
}

// Placed returns where the write stands, or the one that it repeats.
func (p *Pending) Placed() Placement {
	out := Placement{First: p.Written.First, Last: p.Written.Last, Created: p.Written.Created}
	if p.Commit != nil {
		out.Class = p.Commit.Class
	}
	return out
}

// Wait returns when the write is durable as its class says, and visible; or
// when the log failed before it was.
func (p *Pending) Wait() (Written, error) {
	w := p.Written
	c := p.Commit
	if c == nil { // published before this request came
		return w, nil
	}
	if p.repeats {
		return w, c.await()
	}
	cost, err := c.Finish()
	if err != nil {
		return Written{}, err
	}
	w.Cost.Append, w.Cost.Sync = cost.Append, cost.Sync
	return w, nil
}

// Satisfy waits for the commit's own condition and returns how long a sync took.
func (c *Commit) Satisfy() (synced time.Duration, err error) {
	switch c.Class {
	case record.Fsync:
		if c.Topic.Shared.Log.Synced() >= c.Span.End {
			break
		}
		began := time.Now()
		err = c.Topic.Shared.Log.WaitSynced(c.Span.End)
		synced = time.Since(began)
	case record.Disk:
		err = c.Topic.Shared.Log.WaitWritten(c.Span.End)
	case record.Memory:
		c.Topic.Shared.Log.WriteSoon()
	}
	if err == nil && c.Synced > 0 {
		err = c.Topic.Shared.Log.WaitSynced(c.Synced)
	}
	return synced, err
}

// Publish makes the commit visible, and with it whatever of its topic stands
// before it or is satisfied after it, in seq order. If an earlier commit is
// not satisfied yet, the goroutine that waits for it publishes this one too.
func (c *Commit) Publish(failed error) error {
	t := c.Topic
	if c.settled.Load() {
		return c.err
	}
	t.Mu.Lock()
	if failed != nil && c.err == nil {
		c.err = LogError(failed)
	}
	t.publishSatisfiedLocked()
	t.Mu.Unlock()
	err := c.await()
	if err != nil && CreationOf(c.Operation) != nil {
		t.Shared.Host.Abandon(t)
	}
	return err
}

// publishSatisfiedLocked publishes from the front of the line. t.Mu is held.
func (t *Topic) publishSatisfiedLocked() {
	for c := t.Line.Next(); c != nil; c = t.Line.Next() {
		if c.err == nil {
			c.err = t.broken
		}
		if c.err == nil && !c.satisfied(t.Shared.Log) {
			return
		}
		t.Line.pop()
		t.settle(c)
	}
}

// settle ends a commit that has left the line: published, or failed.
func (t *Topic) settle(c *Commit) {
	if c.key != "" {
		t.Shared.giveKey(keyBytes(c.Operation.(AppendOp).Append)) // what it takes from now on is counted with the topic's
	}
	switch {
	case c.err != nil:
		t.broken = c.err
		t.takeBackLocked(c)
		t.Shared.Counters.Ephemeral.Add(-int64(len(c.Body)))
	case t.Dropped: // its topic was deleted after it was written
		t.Shared.Counters.Ephemeral.Add(-int64(len(c.Body)))
	default:
		_ = t.ApplyLocked(c.Operation, c.parts()) // only replay reads
		c.countRecords()
	}
	c.Leave()
	c.settled.Store(true)
	if c.done != nil {
		close(c.done)
	}
}

// parts returns what the commit is to the index and to the queue.
func (c *Commit) parts() Parts {
	return Parts{Span: c.Span, Came: c.Came, Sizes: c.Sizes, Tags: c.Tags, Bytes: c.Bytes, body: c.Body, Jobs: c.Jobs}
}

// takeBackLocked undoes what a commit that has failed holds of the queue. t.Mu is held.
func (t *Topic) takeBackLocked(c *Commit) {
	op, judged := c.Operation.(aborter)
	if judged {
		op.Abort(t)
	}
	if t.Jobs != nil {
		t.Jobs.Queue.Withdraw(c.Jobs)
	}
}

// await waits until the commit is settled.
func (c *Commit) await() error {
	t := c.Topic
	t.Mu.Lock()
	if c.settled.Load() {
		defer t.Mu.Unlock()
		return c.err
	}
	if c.done == nil {
		c.done = make(chan struct{})
	}
	done := c.done
	t.Mu.Unlock()
	<-done
	return c.err
}

// Finish waits until the commit's condition holds, publishes it, and returns
// what that took.
func (c *Commit) Finish() (Cost, error) {
	began := time.Now()
	synced, err := c.Satisfy()
	err = c.Publish(err)
	if err != nil {
		return Cost{}, err
	}
	return Cost{Append: time.Since(began) - synced, Sync: synced}, nil
}
