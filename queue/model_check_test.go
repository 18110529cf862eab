package queue

import (
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
	if err := m.w.q.broken(); err != nil {
		t.Fatal(err)
	}
}
