package queue

import (
	"slices"

	"pgregory.net/rapid"
)

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

// Serve checks which waiter gets which job, by the line as it is.
func (m *model) Serve(t *rapid.T) {
	q, now := m.w.q, m.w.now
	m.w.catchUp()
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

// Call acks, nacks or extends, with leases of now and of before, as calls that
// came a little earlier than they are looked at.
func (m *model) Call(t *rapid.T) {
	if len(m.leases) == 0 {
		return
	}
	m.lag()
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
	if late > 0 { // what ended before the call was looked at goes by the config of then
		m.w.catchUp()
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
			Leaving: rapid.IntRange(0, 5).Draw(t, "leaving") == 0,
		})
	case 2:
		c, skips = m.w.q.Extend(now, call, rapid.Int64Range(0, 500).Draw(t, "lease"))
	}
	m.holdsJudged(t, c, want)
	for _, s := range skips {
		if r := m.o.find(s.Seq); (r == nil) != (s.Why == Gone) || r != nil && (r.pending != 0) != (s.Why == Held) && s.Why != Expired && !r.leased && !(r.has && now.Mono <= r.deadline) {
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
	m.lag()
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
