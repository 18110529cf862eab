package topics

import (
	"time"

	"github.com/e6e95bb8/topics/topics/record"
)

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
	cost, err := p.registry.finish(c)
	if err != nil {
		return Written{}, err
	}
	w.Cost.Append, w.Cost.Sync = cost.Append, cost.Sync
	return w, nil
}

// satisfy waits for the commit's own condition and returns how long a sync took.
func (r *Registry) satisfy(c *commit) (synced time.Duration, err error) {
	began := time.Now()
	switch c.class {
	case record.Fsync:
		err = r.log.WaitSynced(c.span.End)
		synced = time.Since(began)
	case record.Disk:
		err = r.log.WaitWritten(c.span.End)
	case record.Memory:
		r.log.WriteSoon()
	}
	if err == nil && c.synced > 0 {
		err = r.log.WaitSynced(c.synced)
	}
	return synced, err
}

// publish makes the commit visible, and with it whatever of its topic stands
// before it or is satisfied after it, in seq order. If an earlier commit is
// not satisfied yet, the goroutine that waits for it publishes this one too.
func (r *Registry) publish(c *commit, failed error) error {
	t := c.topic
	if c.settled.Load() {
		return c.err
	}
	t.mu.Lock()
	if failed != nil && c.err == nil {
		c.err = logError(failed)
	}
	r.publishSatisfiedLocked(t)
	t.mu.Unlock()
	err := c.await()
	if err != nil && creationOf(c.op) != nil {
		r.abandon(t)
	}
	return err
}

// publishSatisfiedLocked publishes from the front of the line. t.mu is held.
func (r *Registry) publishSatisfiedLocked(t *topic) {
	for c := t.line.next(); c != nil; c = t.line.next() {
		if c.err == nil {
			c.err = t.broken
		}
		if c.err == nil && !c.satisfied(r.log) {
			return
		}
		t.line.pop()
		r.settle(t, c)
	}
}

// settle ends a commit that has left the line: published, or failed.
func (r *Registry) settle(t *topic, c *commit) {
	if c.key != "" {
		r.giveKey() // what it takes from now on is counted with the topic's
	}
	switch {
	case c.err != nil:
		t.broken = c.err
		r.takeBackLocked(t, c)
		r.totals.ephemeral.Add(-int64(len(c.body)))
	case t.dropped: // its topic was deleted after it was written
		r.totals.ephemeral.Add(-int64(len(c.body)))
	default:
		_ = r.applyLocked(t, c.op, c.parts()) // only replay reads
	}
	r.applying.leave(c)
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
func (r *Registry) takeBackLocked(t *topic, c *commit) {
	op, judged := c.op.(aborter)
	if judged {
		op.abort(r, t)
	}
	if t.jobs != nil {
		t.jobs.queue.Withdraw(c.jobs)
	}
}

// abandon takes the name from a topic whose creation failed.
func (r *Registry) abandon(t *topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	t.dropped = true
	if cur, _ := r.byName.Get(t.name); cur == t {
		r.byName.Delete(t.name)
		r.dead.forget(t.name)
	}
	t.notifyLocked()
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
