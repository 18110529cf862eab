package recovery

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Status is how well a part of the server is; the worst has the highest value.
type Status uint8

// The three statuses, best first.
const (
	Healthy   Status = iota
	Degraded         // works, and an operator should look
	Unhealthy        // does not do its work
)

var statusNames = [...]string{"healthy", "degraded", "unhealthy"}

// String returns the status's name on the wire.
func (s Status) String() string { return statusNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Condition is what a check found.
type Condition struct {
	Status Status
	Reason string // empty when healthy
}

// Check looks at one part of the server. It runs in the background, in a
// goroutine of its own: one that blocks is late, which is a finding of its own,
// and delays no other.
type Check func() Condition

// Worst runs checks one after the other and finds the worst of what they find.
func Worst(checks ...Check) Check {
	return func() (worst Condition) {
		for _, check := range checks {
			if c := check(); c.Status > worst.Status {
				worst = c
			}
		}
		return worst
	}
}

// Finding is a named condition.
type Finding struct {
	Name string
	Condition
}

// Snapshot is the health at one moment.
type Snapshot struct {
	Overall  Status    // the worst of the findings
	Findings []Finding // sorted by name
	Taken    time.Time // when the background checks last ran
}

// lateAfter is how long a check may run before it is late.
const lateAfter = 3 * time.Second

// Health runs named checks in the background and keeps what they found, so
// that a probe costs neither disk I/O nor a lock of the data path.
type Health struct {
	now      func() time.Time
	interval time.Duration
	// Changed, if set before Run, is called when a background check finds
	// another status than before, or becomes late, for several checks at once if
	// they turn together. At first all are healthy.
	Changed func(name string, was Status, is Condition)

	taken atomic.Pointer[time.Time] // when the last round began
	mu    sync.Mutex                // held by Register and Live
	slow  atomic.Pointer[[]*watched]
	live  atomic.Pointer[[]namedCheck]
}

type namedCheck struct {
	name  string
	check Check
}

// NewHealth makes a Health without checks that will run them once in each
// interval.
func NewHealth(now func() time.Time, interval time.Duration) *Health {
	h := &Health{now: now, interval: interval}
	began := now()
	h.taken.Store(&began)
	h.slow.Store(new([]*watched))
	h.live.Store(new([]namedCheck))
	return h
}

// Register adds a background check under a name. Registering a name again
// replaces its check.
func (h *Health) Register(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &watched{name: name, check: check, health: h}
	old := *h.slow.Load()
	checks := make([]*watched, 0, len(old)+1)
	for _, o := range old {
		if o.name != name {
			checks = append(checks, o)
		}
	}
	checks = append(checks, w)
	slices.SortFunc(checks, func(a, b *watched) int { return strings.Compare(a.name, b.name) })
	h.slow.Store(&checks)
}

// Live adds a check that costs no more than a few atomic loads. It runs with
// every Snapshot, so that it turns at the same moment as what it looks at.
func (h *Health) Live(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	live := append(slices.Clone(*h.live.Load()), namedCheck{name, check})
	h.live.Store(&live)
}

// Run runs the checks now and then once in each interval until ctx ends. It
// does not wait for a check that hangs.
func (h *Health) Run(ctx context.Context) {
	tick := time.NewTicker(h.interval)
	defer tick.Stop()
	for {
		h.round()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round starts every check that is not running.
func (h *Health) round() {
	now := h.now()
	h.taken.Store(&now)
	for _, w := range *h.slow.Load() {
		switch began, running := w.start(now); {
		case !running:
			go w.run()
		case now.Sub(began) > lateAfter:
			w.reportLate()
		}
	}
}

// Refresh runs one check at once, in the caller's goroutine, unless it is
// running.
func (h *Health) Refresh(name string) {
	for _, w := range *h.slow.Load() {
		if w.name != name {
			continue
		}
		if _, running := w.start(h.now()); !running {
			w.run()
		}
	}
}

// Snapshot returns what the background checks found last together with the
// live checks.
func (h *Health) Snapshot() Snapshot {
	now := h.now()
	s := Snapshot{Taken: *h.taken.Load()}
	for _, w := range *h.slow.Load() {
		if c, known := w.condition(now); known {
			s.Findings = append(s.Findings, Finding{w.name, c})
		}
	}
	for _, c := range *h.live.Load() {
		s.Findings = append(s.Findings, Finding{c.name, c.check()})
	}
	slices.SortStableFunc(s.Findings, func(a, b Finding) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range s.Findings {
		s.Overall = max(s.Overall, f.Status)
	}
	return s
}
