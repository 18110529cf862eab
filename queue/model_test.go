package queue

import (
	"slices"
	"strings"
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
	m.w = newWorld(t, c)
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
		if m.replays { // a lease that ends while a call is under way goes by the config of then or of now
			m.settle(c, true)
		}
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
	m.o.cfg = c
	m.o.regroup(at.Mono)
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

func (m *model) Wait(t *rapid.T) {
	r := Request{Node: m.node(t), Max: rapid.IntRange(1, 4).Draw(t, "max"), WaitMS: rapid.SampledFrom([]int64{0, 0, 100, 1000}).Draw(t, "wait")}
	if rapid.IntRange(0, 3).Draw(t, "stream") == 0 && len(m.streams) < 3 {
		m.streams = append(m.streams, m.w.q.Stream(m.w.now, r))
	} else {
		m.waiting = append(m.waiting, m.w.q.Wait(m.w.now, r))
	}
	m.Serve(t)
}

func (m *model) node(t *rapid.T) string { return rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node") }

// Serve holds who gets what, by the line as it is.
func (m *model) Serve(t *rapid.T) {
	q, now := m.w.q, m.w.now
	q.Advance(now)
	m.o.pass(now)
	type grant struct {
		w    *Waiter
		seqs []uint64
	}
	var want []grant
	for e := q.line.Front(); e != nil && !q.cfg.Paused; e = e.Next() {
		p := e.Value.(*place)
		g := grant{w: p.waiter}
		for len(g.seqs) < p.slots {
			r := m.o.best(now)
			if r == nil {
				break
			}
			r.pending, r.orphan = Claim, false
			g.seqs = append(g.seqs, r.seq)
		}
		if g.seqs != nil {
			want = append(want, g)
		}
	}
	for _, w := range m.waiting {
		if w.until <= now.Mono && !slices.ContainsFunc(want, func(g grant) bool { return g.w == w }) {
			want = append(want, grant{w: w})
		}
	}
	grants := q.Serve(now)
	if len(grants) != len(want) {
		t.Fatalf("%d grants, want %d: %+v", len(grants), len(want), want)
	}
	for i, g := range grants {
		var seqs []uint64
		if g.Claimed != nil {
			seqs = g.Claimed.Seqs()
		}
		if want[i].seqs != nil && g.Waiter != want[i].w || !slices.Equal(seqs, want[i].seqs) {
			t.Fatalf("grant %d is %v, want %v", i, seqs, want[i].seqs)
		}
		if !g.Waiter.stream {
			m.waiting = slices.DeleteFunc(m.waiting, func(w *Waiter) bool { return w == g.Waiter })
		}
		if g.Claimed != nil {
			m.judgedOne(t, g.Claimed)
		}
	}
}

func (m *model) Leave(t *rapid.T) {
	all := slices.Concat(m.streams, m.waiting)
	if len(all) == 0 {
		return
	}
	w := rapid.SampledFrom(all).Draw(t, "waiter")
	for seq := range w.held {
		if r := m.o.find(seq); r != nil {
			r.orphan = true
		}
	}
	c := m.w.q.Leave(m.w.now, w)
	same := func(o *Waiter) bool { return o == w }
	m.streams, m.waiting = slices.DeleteFunc(m.streams, same), slices.DeleteFunc(m.waiting, same)
	if c != nil {
		m.hold(c)
		m.judgedOne(t, c)
	}
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

// Call acks, nacks or extends, with leases of now and of before, as calls that
// came a little earlier than they are looked at.
func (m *model) Call(t *rapid.T) {
	if len(m.leases) == 0 {
		return
	}
	call := Call{Node: m.node(t)}
	named := rapid.Bool().Draw(t, "named")
	for range rapid.IntRange(1, 4).Draw(t, "seqs") {
		recent := m.leases[max(len(m.leases)-8, 0):]
		l := rapid.SampledFrom(recent).Draw(t, "lease")
		if slices.Contains(call.Seqs, l.seq) {
			continue
		}
		call.Seqs = append(call.Seqs, l.seq)
		if named {
			call.Leases = append(call.Leases, l.id)
		}
	}
	now := m.w.now
	m.w.q.Advance(now)
	m.o.pass(now)
	late := rapid.SampledFrom([]int64{0, 0, 5, 60}).Draw(t, "late")
	if m.crashed { // a lease that was over before may be known or not: the call is of before, too
		late = 0
	}
	now.Mono, now.Wall = now.Mono-late, now.Wall-late
	var want []uint64
	for i, seq := range call.Seqs {
		var id *LeaseID
		if named {
			id = &call.Leases[i]
		}
		if r := m.o.find(seq); r != nil && r.holds(call.Node, id, now) {
			want = append(want, seq)
		}
	}
	var c *Change
	var skips []Skip
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		c, skips = m.w.q.Ack(now, call)
	case 1:
		c, skips = m.w.q.Nack(now, call, Return{
			Delayed: rapid.Bool().Draw(t, "delayed"), DelayMS: rapid.Int64Range(0, 200).Draw(t, "delay"),
			Dead: rapid.IntRange(0, 3).Draw(t, "dead") == 0, Unstarted: rapid.IntRange(0, 3).Draw(t, "unstarted") == 0,
		})
	case 2:
		c, skips = m.w.q.Extend(now, call, rapid.Int64Range(0, 500).Draw(t, "lease"))
	}
	m.holdsJudged(t, c, want)
	for _, s := range skips {
		if r := m.o.find(s.Seq); (r == nil) != (s.Why == Gone) || r != nil && (r.pending != 0) != (s.Why == Held) && s.Why != Expired && !r.leased {
			t.Fatalf("skipped %+v, the job is %+v", s, r)
		}
	}
	if c != nil {
		m.hold(c)
		m.judgedOne(t, c)
	}
}

func (m *model) holdsJudged(t *rapid.T, c *Change, want []uint64) {
	var got []uint64
	if c != nil {
		got = c.Seqs()
	}
	if !slices.Equal(got, want) {
		t.Fatalf("judged %v, want %v", got, want)
	}
}

// Admin releases or promotes some jobs.
func (m *model) Admin(t *rapid.T) {
	now := m.w.now
	m.o.pass(now)
	kind := rapid.SampledFrom([]Kind{Release, Promote}).Draw(t, "kind")
	var seqs, want []uint64
	for _, r := range m.o.rows {
		if !rapid.Bool().Draw(t, "it") {
			continue
		}
		seqs = append(seqs, r.seq)
		if r.pending == 0 && (kind == Release && r.leased || kind == Promote && m.o.state(r, now) == Delayed) {
			want = append(want, r.seq)
		}
	}
	judge := m.w.q.Promote
	if kind == Release {
		judge = m.w.q.Release
	}
	c, skips := judge(now, seqs)
	m.holdsJudged(t, c, want)
	if len(skips)+len(want) != len(seqs) {
		t.Fatalf("skipped %v of %v", skips, seqs)
	}
	if c != nil {
		m.hold(c)
		m.judgedOne(t, c)
	}
}

func (m *model) Bury(t *rapid.T) {
	c := m.w.q.Bury(m.w.now, rapid.IntRange(1, 3).Draw(t, "limit"))
	if c == nil {
		return
	}
	for _, seq := range c.Seqs() {
		if r := m.o.find(seq); !r.dying || r.pending != 0 {
			t.Fatalf("buries %+v", r)
		}
	}
	m.hold(c)
	m.judgedOne(t, c)
}

// Remove ends jobs from outside.
func (m *model) Remove(t *rapid.T) {
	if len(m.o.rows) == 0 {
		return
	}
	at := m.w.now
	how := rapid.SampledFrom([]End{Deleted, Evicted}).Draw(t, "how")
	chosen := rapid.SampledFrom(m.o.rows).Draw(t, "job").seq
	through := rapid.IntRange(0, 3).Draw(t, "through") == 0
	ends := func(seq uint64) bool { return seq == chosen || through && seq < chosen }
	var seqs []uint64
	for _, r := range m.o.rows {
		if ends(r.seq) {
			seqs = append(seqs, r.seq)
		}
	}
	m.w.did(func(r *tape, q *Queue) {
		for _, seq := range seqs {
			r.remove(seq)
		}
		if through {
			q.EndThrough(at, chosen, how, int64(len(seqs)))
		} else {
			q.EndJobs(at, seqs, how)
		}
	})
	m.o.end(at.Mono, func(r *row) bool { return ends(r.seq) })
	if how == Evicted {
		m.o.lost += int64(len(seqs))
	}
}

func (m *model) Tick(t *rapid.T) {
	ms := rapid.SampledFrom([]int64{1, 20, 99, 101, 500}).Draw(t, "ms")
	m.w.now.Mono += ms
	m.w.now.Wall += ms
	if m.jumps {
		m.w.now.Wall += rapid.SampledFrom([]int64{0, 0, -1000, 250, 86_400_000}).Draw(t, "jump")
	}
	for _, s := range m.streams {
		if len(s.held) > s.Max {
			t.Fatalf("a stream of %d holds %d", s.Max, len(s.held))
		}
	}
}

// Crash starts again from a snapshot, or from the log alone. Both must be the
// same.
func (m *model) Crash(t *rapid.T) {
	if m.jumps {
		return
	}
	for _, c := range slices.Clone(m.pending) { // what had its place in the log and was not applied is lost
		if c.Kind == Ack || c.Kind == Bury {
			m.settle(c, true)
		}
	}
	r, q := m.w.restored()
	if m.replays {
		r2, q2 := m.w.replayed()
		durable := m.w.q.cfg.LeasesDurable
		from, from2 := listed(q, m.w.now, durable), listed(q2, m.w.now, durable)
		if !slices.Equal(from, from2) {
			t.Fatalf("a snapshot leads to\n%s\na replay to\n%s", without(from, from2), without(from2, from))
		}
		if rapid.Bool().Draw(t, "from the log") {
			r, q = r2, q2
		}
	}
	m.w.tape, m.w.q, m.crashed = r, q, true
	m.pending, m.writes, m.waiting, m.streams = nil, nil, nil, nil
	m.next = r.head() + 1
	m.o.restart()
	m.o.pass(m.w.now)
	for _, r := range m.o.rows {
		r.vague = true // it may be ready since it was written, or since it was due
	}
}

// without returns what is in a and not in b.
func without(a, b []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) }), "\n")
}

// check holds what a client can see.
func (m *model) check(t *rapid.T) {
	now := m.w.now
	m.o.pass(now)
	for _, r := range m.o.rows {
		i, ok := m.w.q.Job(now, r.seq)
		state := m.o.state(r, now)
		if !ok || i.State != state || i.Deliveries != r.deliveries || i.Group != r.group || i.Key != r.key || i.Priority != r.priority {
			t.Fatalf("job %+v, want state %d of %+v", i, state, r)
		}
		if state == Ready && !r.vague && i.Since != now.wall(r.since()) {
			t.Fatalf("job %+v, want since %d of %+v", i, now.wall(r.since()), r)
		}
		if r.leased && r.pending == 0 && (i.Node != r.node || i.Lease != r.lease || i.Deadline != now.wall(r.deadline)) {
			t.Fatalf("job %+v, want the lease of %+v", i, r)
		}
	}
	want, vague := m.o.counts(now)
	got := m.w.q.Counts(now)
	if vague {
		got.OldestReadyMS = want.OldestReadyMS
	}
	if got != want {
		t.Fatalf("counts %+v, want %+v", got, want)
	}
	all := 0
	for _, s := range []State{Ready, Blocked, Delayed, InFlight} {
		for after := uint64(0); ; {
			p := m.w.q.List(now, s, after, 3)
			for _, i := range p.Jobs {
				if i.Seq <= after || i.State != s {
					t.Fatalf("state %d after %d: %+v", s, after, p)
				}
				after = i.Seq
				all++
			}
			if p.Next == 0 {
				break
			}
			after = p.Next
		}
	}
	if all != len(m.o.rows) {
		t.Fatalf("%d jobs listed, %d are live", all, len(m.o.rows))
	}
	if at, ok := m.w.q.Next(now); ok && at <= now.Mono && m.w.q.waits.len() == 0 {
		t.Fatalf("the next time is %d, now is %d", at, now.Mono)
	}
	if err := m.w.q.broken(); err != nil {
		t.Fatal(err)
	}
}

// TestModel interleaves everything with everything.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"": m.check, "write": m.Write, "write more": m.Write, "land": m.Land, "wait": m.Wait, "wait more": m.Wait, "serve": m.Serve,
			"leave": m.Leave, "settle": m.Settle, "call": m.Call, "call more": m.Call, "admin": m.Admin, "bury": m.Bury, "remove": m.Remove,
			"tick": m.Tick, "configure": m.Configure, "crash": m.Crash,
		})
	})
}
