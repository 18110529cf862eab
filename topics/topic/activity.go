package topic

import (
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/rate"
)

// Activity is how busy a topic is: what there was in a second, on average over
// the last minute.
type Activity struct {
	Writes     float64 // records
	WriteBytes float64 // of payload
	Reads      float64 // records; those that a read has for many subscribers count once
	Claims     float64 // jobs
	Acks       float64
	Nacks      float64

	Subscriptions int // that cover it now, by its name or by a prefix
}

// Activity returns how busy the topic is, without its subscriptions.
func (t *Topic) Activity() (a Activity) {
	now := t.Shared.Steady()
	m := t.Rates.Load()
	a.Writes, a.WriteBytes, a.Reads = m.PerSecond(now, rate.Writes), m.PerSecond(now, rate.Bytes), m.PerSecond(now, rate.Reads)
	t.Mu.RLock()
	defer t.Mu.RUnlock()
	if t.Jobs != nil {
		m = t.Jobs.rates.Load()
		a.Claims, a.Acks, a.Nacks = m.PerSecond(now, rate.Claims), m.PerSecond(now, rate.Acks), m.PerSecond(now, rate.Nacks)
	}
	return a
}

// countRecords counts what the commit has published in its topic's rates.
func (c *Commit) countRecords() {
	if len(c.Sizes) == 0 {
		return
	}
	t := c.Topic
	now := t.Shared.Steady()
	t.Shared.Rates.Add(&t.Rates, now, rate.Writes, uint64(len(c.Sizes)))
	t.Shared.Rates.Add(&t.Rates, now, rate.Bytes, uint64(c.Bytes))
}

// countJobs counts a change of jobs in the queue's rates. What replay does again is not
// counted.
func (t *Topic) countJobs(change *queue.Change) {
	s := t.Shared
	if s.Log == nil {
		return
	}
	series := rate.Claims
	switch change.Kind {
	case queue.Claim:
	case queue.Ack:
		series = rate.Acks
	case queue.Nack:
		series = rate.Nacks
	default:
		return
	}
	s.Rates.Add(t.Jobs.rates, s.Steady(), series, uint64(len(change.Jobs)))
}
