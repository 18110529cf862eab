package queue

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model runs a queue beside its oracle. What is judged may be left to be
// committed or aborted later, as a log does it.
type model struct {
	w       *world
	o       *oracle
	jumps   bool // the wall clock jumps, and there is no crash
	replays bool // a crash may lose the snapshot; all moves succeed
	limit   int  // of an Advance
	waiting []*Waiter
	streams []*Waiter
	pending []*Change
	writes  [][]Written // promised, by seq
	leases  []givenLease
	next    uint64 // seq
	crashed bool
}

type givenLease struct {
	seq  uint64
	node string
	id   LeaseID
}

func newModel(t *rapid.T) *model {
	m := &model{jumps: rapid.Bool().Draw(t, "jumps"), replays: rapid.Bool().Draw(t, "replays"), next: 1}
	c := m.config(t)
	c.LeasesDurable = rapid.Bool().Draw(t, "durable")
	m.limit = rapid.SampledFrom([]int{1, 2, advanceLimit}).Draw(t, "limit")
	m.w = newWorld(t, c)
	m.w.q.limit = m.limit
	m.o = &oracle{cfg: c}
	return m
}

func (m *model) config(t *rapid.T) Config {
	return config(func(c *Config) {
		c.LeaseMS = rapid.SampledFrom([]int64{100, 1000}).Draw(t, "lease")
		c.MaxDeliveries = rapid.SampledFrom([]int64{0, 1, 2}).Draw(t, "max deliveries")
		c.DeadLetter = rapid.Bool().Draw(t, "dead letter")
		c.RetryBackoffMS = rapid.SampledFrom([]int64{0, 0, 100}).Draw(t, "backoff")
		c.RetryBackoffMaxMS = 300
		c.GroupConcurrency = rapid.IntRange(1, 3).Draw(t, "concurrency")
		c.Paused = rapid.IntRange(0, 5).Draw(t, "paused") == 0
	})
}

func (m *model) Configure(t *rapid.T) {
	c, at := m.config(t), m.w.now
	for _, c := range slices.Clone(m.pending) {
		if m.replays || m.overdue(c) { // a lease that ends while a call is under way goes by the config of then or of now
			m.settle(c, true)
		}
	}
	if m.w.q.reviving() && c.DeadLetter { // those that are not revived yet may move after all
		m.w.catchUp()
	}
	c.LeasesDurable = m.w.q.cfg.LeasesDurable
	if m.replays { // a log does not know which of those over a lowered limit a claim has come by
		c.DeadLetter, c.MaxDeliveries = m.w.q.cfg.DeadLetter, m.w.q.cfg.MaxDeliveries
	}
	m.w.did(func(_ *tape, q *Queue) { q.Configure(at, c) })
	m.o.pass(at)
	if m.o.cfg.DeadLetter && !c.DeadLetter {
		for _, r := range m.o.rows {
			if r.dying && r.pending == 0 {
				r.dying = false
			}
		}
	}
	if m.o.cfg.GroupConcurrency != c.GroupConcurrency {
		for _, r := range m.o.rows {
			r.vague = r.vague || r.group != "" // it is regrouped some time after that
		}
	}
	m.o.cfg = c
	m.o.regroup(at.Mono)
}

// overdue reports whether a job of c would have lost its lease by now.
func (m *model) overdue(c *Change) bool {
	return slices.ContainsFunc(c.Seqs(), func(seq uint64) bool {
		r := m.o.find(seq)
		return r != nil && r.leased && r.deadline < m.w.now.Mono
	})
}

func (m *model) Write(t *rapid.T) {
	var jobs []Written
	var keys []string
	for range rapid.IntRange(1, 4).Draw(t, "records") {
		j := Written{
			Group:    rapid.SampledFrom([]string{"", "", "g", "h"}).Draw(t, "group"),
			Key:      rapid.SampledFrom([]string{"", "", "k", "l"}).Draw(t, "key"),
			Priority: rapid.SampledFrom([]int8{0, 0, 0, 1, -1}).Draw(t, "priority"),
		}
		switch rapid.IntRange(0, 4).Draw(t, "delay") {
		case 0:
			j.DelayMS = rapid.Int64Range(0, 300).Draw(t, "delay ms")
		case 1:
			j.NotBefore = m.w.now.Wall + rapid.Int64Range(-50, 300).Draw(t, "not before")
		}
		if rapid.Bool().Draw(t, "plain") {
			j = Written{}
		}
		jobs, keys = append(jobs, j), append(keys, j.Key)
	}
	duplicate := map[int]bool{}
	for _, d := range m.w.q.Duplicates(keys) {
		duplicate[d.Index] = true
	}
	var kept []Written
	for i, j := range jobs {
		taken := j.Key != "" && (m.o.taken(j.Key) || slices.Contains(keys[:i], j.Key) || m.promised(j.Key))
		if duplicate[i] != taken {
			t.Fatalf("record %d with key %q: duplicate is %v", i, j.Key, duplicate[i])
		}
		if !taken {
			j.Seq = m.next + uint64(len(kept))
			kept = append(kept, j)
		}
	}
	if len(kept) == 0 {
		return
	}
	m.next += uint64(len(kept))
	m.w.q.Promise(kept)
	m.writes = append(m.writes, kept)
	if rapid.IntRange(0, 3).Draw(t, "later") > 0 {
		m.Land(t)
	}
}

func (m *model) promised(key string) bool {
	return slices.ContainsFunc(m.writes, func(jobs []Written) bool {
		return slices.ContainsFunc(jobs, func(j Written) bool { return j.Key == key })
	})
}

// Land commits the oldest write. An ack that a key of it relies on goes first.
func (m *model) Land(t *rapid.T) {
	if len(m.writes) == 0 {
		return
	}
	for _, c := range slices.Clone(m.pending) {
		if c.Kind == Ack {
			m.settle(c, true)
		}
	}
	jobs, at := m.writes[0], m.w.now
	m.writes = m.writes[1:]
	m.w.placeWrite(at, jobs[0].Seq, jobs)
	for _, j := range jobs {
		r := &row{seq: j.Seq, group: j.Group, key: j.Key, priority: j.Priority, due: at.Mono}
		if j.DelayMS > 0 {
			r.due, r.written = at.Mono+j.DelayMS, true
		}
		if j.NotBefore > at.Wall {
			r.due, r.wall, r.written = j.NotBefore, true, true
		}
		m.o.rows = append(m.o.rows, r)
	}
	m.o.regroup(at.Mono)
}

// hold makes the rows of a change pending.
func (m *model) hold(c *Change) {
	for _, seq := range c.Seqs() {
		m.o.find(seq).pending = c.Kind
	}
}

// judgedOne commits a change, or leaves that for later.
func (m *model) judgedOne(t *rapid.T, c *Change) {
	m.pending = append(m.pending, c)
	soon := m.replays && c.Kind == Promote // since when a job is ready is as it was judged, or as it was due
	if rapid.IntRange(0, 3).Draw(t, "later") > 0 || soon {
		m.settle(c, true)
	}
}

func (m *model) Settle(t *rapid.T) {
	if len(m.pending) == 0 {
		return
	}
	c := rapid.SampledFrom(m.pending).Draw(t, "change")
	commits := rapid.IntRange(0, 2).Draw(t, "commit") > 0 || c.Kind == Ack && len(m.writes) > 0 || m.replays && (c.Kind == Bury || m.orphaned(c))
	m.settle(c, commits)
}

// orphaned reports whether a job of c is held by a stream that is closed: if c
// fails the job is released, of which a log that failed knows nothing.
func (m *model) orphaned(c *Change) bool {
	return slices.ContainsFunc(c.Seqs(), func(seq uint64) bool {
		r := m.o.find(seq)
		return r != nil && r.orphan
	})
}

func (m *model) settle(c *Change, commits bool) {
	m.pending = slices.DeleteFunc(m.pending, func(o *Change) bool { return o == c })
	if !commits {
		m.w.q.Abort(c)
		m.o.abort(c)
		return
	}
	m.w.commit(c)
	m.o.apply(c)
	for i := range c.Jobs {
		if c.Kind == Claim {
			m.leases = append(m.leases, givenLease{c.Jobs[i].Seq, c.Node, c.Lease(i)})
		}
	}
}

// TestModel interleaves everything with everything.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"": m.check, "write": m.Write, "write more": m.Write, "land": m.Land, "wait": m.Wait, "wait more": m.Wait, "serve": m.Serve,
			"leave": m.Leave, "settle": m.Settle, "call": m.Call, "call more": m.Call, "admin": m.Admin, "bury": m.Bury, "remove": m.Remove, "remove more": m.Remove,
			"tick": m.Tick, "configure": m.Configure, "crash": m.Crash,
		})
	})
}
