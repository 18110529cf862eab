package queue

import (
	"math"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

func (m *model) Tick(t *rapid.T) {
	ms := rapid.SampledFrom([]int64{1, 20, 99, 101, 500}).Draw(t, "ms")
	m.w.now.Mono += ms
	m.w.now.Wall += ms
	if m.jumps {
		m.w.now.Wall += rapid.SampledFrom([]int64{0, 0, -1000, 250, 86_400_000}).Draw(t, "jump")
	}
}

// lag lets time pass that the queue has not looked at when a call comes.
func (m *model) lag() {
	if m.limit < advanceLimit {
		m.w.now.Mono += 101
		m.w.now.Wall += 101
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
	q.limit = m.limit
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

// check holds what a client can see. Now and then a queue that is still taking out jobs which have
// ended is left so, and what comes next finds it in the middle.
func (m *model) check(t *rapid.T) {
	now := m.w.now
	m.o.pass(now)
	if m.w.q.changing() {
		m.elapse()
		switch rapid.IntRange(0, 3).Draw(t, "look") {
		case 0, 1: // which would bring it on
			m.checkBooks(t)
			return
		case 2:
			m.checkBehind(t)
			return
		}
	}
	m.w.catchUp()
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
	m.checkBooks(t)
}

// elapse lets the queue look at what time has brought, and at nothing else.
func (m *model) elapse() {
	q, now := m.w.q, m.w.now
	q.elapse(now.Mono, math.MaxInt)
	for w, ok := q.walls.min(); ok && w.at <= now.Wall; w, ok = q.walls.min() {
		q.pass(w.seq, min(now.mono(w.at), now.Mono))
	}
}

// checkBehind holds what is true of a queue that is behind: each job is there once, in some state,
// and none that has ended.
func (m *model) checkBehind(t *rapid.T) {
	now, sum := m.w.now, int64(0)
	for _, s := range []State{Ready, Blocked, Delayed, InFlight} {
		for _, i := range m.w.q.List(now, s, 0, math.MaxInt).Jobs {
			r := m.o.find(i.Seq)
			if r == nil || i.Group != r.group || i.Key != r.key || i.Priority != r.priority {
				t.Fatalf("state %d has %+v, want %+v", s, i, r)
			}
			if i.Deliveries != r.deliveries {
				t.Fatalf("job %+v, want the deliveries of %+v", i, r)
			}
		}
	}
	c := m.w.q.Counts(now)
	for _, n := range []int64{c.Ready, c.Blocked, c.Delayed, c.InFlight} {
		sum += n
		if n < 0 {
			t.Fatalf("counts %+v", c)
		}
	}
	want, _ := m.o.counts(now)
	if sum != int64(len(m.o.rows)) || c.DeadLettered != want.DeadLettered || c.Lost != want.Lost || c.DeadLetterBlocked != want.DeadLetterBlocked {
		t.Fatalf("counts %+v, live are %d, want %+v", c, len(m.o.rows), want)
	}
	if at, ok := m.w.q.Next(now); m.w.q.behind(now) && (!ok || at > now.Mono) {
		t.Fatalf("the next time of a queue that is behind is %d, now is %d", at, now.Mono)
	}
	m.checkBooks(t)
}

// checkBooks looks at the queue without calling it.
func (m *model) checkBooks(t *rapid.T) {
	if err := m.w.q.broken(); err != nil {
		t.Fatal(err)
	}
	for _, s := range m.streams {
		for seq := range s.held {
			if j, ok := m.w.q.jobs.Get(seq); !ok || j.lease == nil || j.lease.stream != s || j.state != InFlight && j.pending != Claim {
				t.Fatalf("a stream has a slot for job %d, which is %+v", seq, j)
			}
		}
		if len(s.held) > s.Max {
			t.Fatalf("a stream of %d holds %d", s.Max, len(s.held))
		}
	}
}
