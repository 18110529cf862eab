package topics

import (
	"time"

	"github.com/e6e95bb8/topics/topics/record"
)

// Pending is a write that has its seqs and its place in the log.
type Pending struct {
	commit  *commit // of the write, or of the one it repeats
	repeats bool    // the commit is another write's
	written Written
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

// Wait returns when the write is durable as its class says, and visible; or
// when the log failed before it was.
func (p *Pending) Wait() (Written, error) {
	w := p.written
	c := p.commit
	if c == nil { // published before this request came
		return w, nil
	}
	if p.repeats {
		if err := c.await(); err != nil {
			return Written{}, err
		}
		w.Head = max(w.Head, w.Last)
		return w, nil
	}
	cost, err := c.finish()
	if err != nil {
		return Written{}, err
	}
	w.Cost.Append, w.Cost.Sync = cost.Append, cost.Sync
	return w, nil
}

// satisfy waits for the commit's own condition and returns how long a sync took.
func (c *commit) satisfy() (synced time.Duration, err error) {
	began := time.Now()
	switch c.class {
	case record.Fsync:
		err = c.topic.shared.log.WaitSynced(c.span.End)
		synced = time.Since(began)
	case record.Disk:
		err = c.topic.shared.log.WaitWritten(c.span.End)
	case record.Memory:
		c.topic.shared.log.WriteSoon()
	}
	if err == nil && c.synced > 0 {
		err = c.topic.shared.log.WaitSynced(c.synced)
	}
	return synced, err
}

// publish makes the commit visible, and with it whatever of its topic stands
// before it or is satisfied after it, in seq order. If an earlier commit is
// not satisfied yet, the goroutine that waits for it publishes this one too.
func (c *commit) publish(failed error) error {
	t := c.topic
	if c.settled.Load() {
		return c.err
	}
	t.mu.Lock()
	if failed != nil && c.err == nil {
		c.err = logError(failed)
	}
	t.publishSatisfiedLocked()
	t.mu.Unlock()
	err := c.await()
	if err != nil && creationOf(c.op) != nil {
		t.shared.host.Abandon(t)
	}
	return err
}

// publishSatisfiedLocked publishes from the front of the line. t.mu is held.
func (t *topic) publishSatisfiedLocked() {
	for c := t.line.next(); c != nil; c = t.line.next() {
		if c.err == nil {
			c.err = t.broken
		}
		if c.err == nil && !c.satisfied(t.shared.log) {
			return
		}
		t.line.pop()
		t.settle(c)
	}
}

// settle ends a commit that has left the line: published, or failed.
func (t *topic) settle(c *commit) {
	if c.key != "" {
		t.shared.giveKey() // what it takes from now on is counted with the topic's
	}
	switch {
	case c.err != nil:
		t.broken = c.err
		t.takeBackLocked(c)
		t.shared.totals.ephemeral.Add(-int64(len(c.body)))
	case t.dropped: // its topic was deleted after it was written
		t.shared.totals.ephemeral.Add(-int64(len(c.body)))
	default:
		_ = t.applyLocked(c.op, c.parts()) // only replay reads
	}
	c.leave()
	c.settled.Store(true)
	if c.done != nil {
		close(c.done)
	}
}

// parts returns what the commit is to the index and to the queue.
func (c *commit) parts() frameParts {
	return frameParts{span: c.span, came: c.came, sizes: c.sizes, tags: c.tags, bytes: c.bytes, body: c.body, jobs: c.jobs}
}

// takeBackLocked undoes what a commit that has failed holds of the queue. t.mu is held.
func (t *topic) takeBackLocked(c *commit) {
	op, judged := c.op.(aborter)
	if judged {
		op.abort(t)
	}
	if t.jobs != nil {
		t.jobs.queue.Withdraw(c.jobs)
	}
}

// await waits until the commit is settled.
func (c *commit) await() error {
	t := c.topic
	t.mu.Lock()
	if c.settled.Load() {
		defer t.mu.Unlock()
		return c.err
	}
	if c.done == nil {
		c.done = make(chan struct{})
	}
	done := c.done
	t.mu.Unlock()
	<-done
	return c.err
}

// finish waits until the commit's condition holds, publishes it, and returns
// what that took.
func (c *commit) finish() (Cost, error) {
	began := time.Now()
	synced, err := c.satisfy()
	err = c.publish(err)
	if err != nil {
		return Cost{}, err
	}
	return Cost{Append: time.Since(began) - synced, Sync: synced}, nil
}
