package health

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Finding is a named condition.
type Finding struct {
	Name string
	Condition
	Affects Affects
}

// Snapshot is the health at one moment.
type Snapshot struct {
	Status   Status    // the worst of the findings
	Findings []Finding // sorted by name
	Taken    time.Time // when the background checks last ran
}

// Failing is an unhealthy finding that affects a; nil if there is none.
func (s *Snapshot) Failing(a Affects) *Finding {
	for i := range s.Findings {
		if f := &s.Findings[i]; f.Affects == a && f.Status == Unhealthy {
			return f
		}
	}
	return nil
}

// lateAfter is how long a check may run before it is late.
const lateAfter = 3 * time.Second

// Monitor runs named checks in the background and keeps what they found, so
// that a probe costs neither disk I/O nor a lock of the data path.
type Monitor struct {
	now      func() time.Time
	interval time.Duration
	// Changed, if set before Run, is called when a background check finds
	// another status than before, or becomes late, for several checks at once if
	// they turn together. At first all are healthy.
	Changed func(name string, was Status, is Condition)

	heartbeats Heartbeats

	taken atomic.Pointer[time.Time] // when the last round began
	mu    sync.Mutex                // held by Register, Add and Live
	slow  atomic.Pointer[[]*runner]
	live  atomic.Pointer[[]namedCheck]
}

type namedCheck struct {
	name  string
	check Check
}

// NewMonitor makes a Monitor without checks that will run them once in each
// interval.
func NewMonitor(now func() time.Time, interval time.Duration) *Monitor {
	m := &Monitor{now: now, interval: interval}
	m.heartbeats.monitor, m.heartbeats.beats = m, map[string]*beat{}
	began := now()
	m.taken.Store(&began)
	m.slow.Store(new([]*runner))
	m.live.Store(new([]namedCheck))
	return m
}

// Register adds a background check under a name. Registering a name again
// replaces its check.
func (m *Monitor) Register(name string, check Check) {
	m.add(&runner{name: name, check: check, monitor: m, patience: lateAfter, whenLate: Degraded})
}

func (m *Monitor) add(r *runner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.slow.Load()
	checks := make([]*runner, 0, len(old)+1)
	for _, o := range old {
		if o.name != r.name {
			checks = append(checks, o)
		}
	}
	checks = append(checks, r)
	slices.SortFunc(checks, func(a, b *runner) int { return strings.Compare(a.name, b.name) })
	m.slow.Store(&checks)
}

// has reports whether there is a background check of that name.
func (m *Monitor) has(name string) bool {
	return slices.ContainsFunc(*m.slow.Load(), func(r *runner) bool { return r.name == name })
}

// Heartbeats are those that come from outside.
func (m *Monitor) Heartbeats() *Heartbeats { return &m.heartbeats }

// Live adds a check that costs no more than a few atomic loads. It runs with
// every Snapshot, so that it turns at the same moment as what it looks at.
func (m *Monitor) Live(name string, check Check) {
	m.mu.Lock()
	defer m.mu.Unlock()
	live := append(slices.Clone(*m.live.Load()), namedCheck{name, check})
	m.live.Store(&live)
}

// Run runs the checks now and then once in each interval, custom ones in their
// own, until ctx ends. It does not wait for a check that hangs.
func (m *Monitor) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, r := range *m.slow.Load() {
		if r.interval > 0 {
			wg.Go(func() { r.every(ctx) })
		}
	}
	tick := time.NewTicker(m.interval)
	defer tick.Stop()
	for {
		m.round()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round starts every check that is not running and has no interval of its own.
func (m *Monitor) round() {
	now := m.now()
	m.taken.Store(&now)
	for _, r := range *m.slow.Load() {
		if r.isLate(now) {
			r.reportLate()
			continue
		}
		if r.interval > 0 {
			continue
		}
		if _, running := r.start(now); !running {
			go r.run()
		}
	}
	m.heartbeats.reportLater()
}

// Refresh runs one check at once, in the caller's goroutine, unless it is
// running.
func (m *Monitor) Refresh(name string) {
	for _, r := range *m.slow.Load() {
		if r.name != name {
			continue
		}
		if _, running := r.start(m.now()); !running {
			r.run()
		}
	}
}

// Snapshot returns what the background checks found last together with the
// live checks and the heartbeats.
func (m *Monitor) Snapshot() Snapshot {
	now := m.now()
	s := Snapshot{Taken: *m.taken.Load()}
	for _, r := range *m.slow.Load() {
		if c, known := r.condition(now); known {
			s.Findings = append(s.Findings, Finding{r.name, c, r.affects})
		}
	}
	for _, c := range *m.live.Load() {
		s.Findings = append(s.Findings, Finding{c.name, c.check(), AffectsServer})
	}
	s.Findings = append(s.Findings, m.heartbeats.findings(now)...)
	slices.SortStableFunc(s.Findings, func(a, b Finding) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range s.Findings {
		s.Status = max(s.Status, f.Status)
	}
	return s
}
