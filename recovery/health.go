package recovery

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Status is how well a part of the server is; the worst has the highest value.
type Status uint8

// The three statuses, best first.
const (
	Healthy   Status = iota
	Degraded         // works, and somebody should look
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

// Check looks at one part of the server. It runs once a second in the
// background; one that blocks is noticed by the watchdog.
type Check func() Condition

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

// checkInterval is how often the checks run.
const checkInterval = time.Second

// StuckAfter is how long the background round may be late before the process
// counts as stuck.
const StuckAfter = 10 * time.Second

// Health runs named checks in the background and keeps what they found, so
// that a probe costs neither disk I/O nor a lock of the data path.
type Health struct {
	now func() time.Time
	// Changed, if set before Run, is told of every background check that
	// found another status than the round before. The first round is compared
	// with healthy.
	Changed func(name string, was Status, is Condition)

	round atomic.Pointer[round]

	rounds sync.Mutex // one round at a time

	mu   sync.Mutex   // held by Register, Live and the round; never by a reader
	slow []namedCheck // sorted by name
	live atomic.Pointer[[]namedCheck]
}

type namedCheck struct {
	name  string
	check Check
}

// round is one immutable result of the background checks.
type round struct {
	at       time.Time
	findings []Finding
}

// NewHealth makes a Health without checks. The watchdog starts counting now.
func NewHealth(now func() time.Time) *Health {
	h := &Health{now: now}
	h.round.Store(&round{at: now()})
	h.live.Store(new([]namedCheck))
	return h
}

// Register adds a background check under a name. Registering a name again
// replaces its check.
func (h *Health) Register(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slow = with(h.slow, namedCheck{name, check})
}

// Live adds a check that costs no more than a few atomic loads. It runs with
// every Snapshot, so that it turns at the same moment as what it looks at.
func (h *Health) Live(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	live := with(*h.live.Load(), namedCheck{name, check})
	h.live.Store(&live)
}

// with returns a sorted copy of list in which c's name has c's check.
func with(list []namedCheck, c namedCheck) []namedCheck {
	out := make([]namedCheck, 0, len(list)+1)
	for _, o := range list {
		if o.name != c.name {
			out = append(out, o)
		}
	}
	out = append(out, c)
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// Run runs the checks now and then once a second until ctx ends. Every round
// that ends is a beat of the watchdog.
func (h *Health) Run(ctx context.Context) {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		h.Refresh()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Refresh runs a round of the background checks at once.
func (h *Health) Refresh() {
	h.rounds.Lock()
	defer h.rounds.Unlock()
	h.mu.Lock()
	checks := h.slow
	h.mu.Unlock()
	r := &round{findings: run(checks)}
	r.at = h.now()
	last := h.round.Swap(r)
	if h.Changed == nil {
		return
	}
	for _, f := range r.findings {
		if was := last.status(f.Name); was != f.Status {
			h.Changed(f.Name, was, f.Condition)
		}
	}
}

// status is what the round found for a name; healthy if it was not asked.
func (r *round) status(name string) Status {
	for _, f := range r.findings {
		if f.Name == name {
			return f.Status
		}
	}
	return Healthy
}

func run(checks []namedCheck) []Finding {
	out := make([]Finding, len(checks))
	for i, c := range checks {
		out[i] = Finding{c.name, c.check()}
	}
	return out
}

// LastBeat is when the background checks last ran to their end.
func (h *Health) LastBeat() time.Time { return h.round.Load().at }

// Stuck reports whether the watchdog has missed StuckAfter.
func (h *Health) Stuck() bool { return h.now().Sub(h.LastBeat()) > StuckAfter }

// Snapshot returns what the background checks found last together with the
// live checks. A round that is overdue is a finding of its own.
func (h *Health) Snapshot() Snapshot {
	r := h.round.Load()
	findings := append(run(*h.live.Load()), r.findings...)
	if late := h.now().Sub(r.at); late > StuckAfter {
		reason := fmt.Sprintf("the checks have not run for %s", late.Round(time.Second))
		findings = append(findings, Finding{"watchdog", Condition{Unhealthy, reason}})
	}
	sort.Slice(findings, func(i, j int) bool { return findings[i].Name < findings[j].Name })
	s := Snapshot{Findings: findings, Taken: r.at}
	for _, f := range findings {
		s.Overall = max(s.Overall, f.Status)
	}
	return s
}
