package health

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of heartbeats.
const (
	MaxHeartbeats = 100
	MaxReason     = 256 // bytes
	MinTTL        = 100 * time.Millisecond
	MaxTTL        = 24 * time.Hour
)

// Heartbeat is the report of an external program about itself. It is valid for TTL.
type Heartbeat struct {
	Condition
	TTL     time.Duration
	Affects Affects
}

// ErrTooMany is that there are MaxHeartbeats already.
var ErrTooMany = errors.New("there are as many heartbeats as there may be")

// Heartbeats are the last heartbeats of the programs that send them. One whose
// time is over is unhealthy until the next one comes or it is deleted.
type Heartbeats struct {
	monitor *Monitor

	mu    sync.Mutex
	beats map[string]*beat

	// reports is held while Changed is called, so that the calls come in order.
	// It is taken before mu.
	reports    sync.Mutex
	background atomic.Bool // reportLater has a goroutine
}

type beat struct {
	Heartbeat
	at       time.Time
	reported Status // to Changed
}

// Put takes a heartbeat. created is false if the name had one before.
func (h *Heartbeats) Put(name string, b Heartbeat) (created bool, err error) {
	if err := ValidName(name); err != nil {
		return false, err
	}
	if h.monitor.has(name) {
		return false, fmt.Errorf("%q is a check of the configuration: %w", name, ErrTaken)
	}
	if created, err = h.put(name, b); err == nil {
		h.report()
	}
	return created, err
}

func (h *Heartbeats) put(name string, b Heartbeat) (created bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.beats[name]
	if last == nil {
		if len(h.beats) >= MaxHeartbeats {
			return false, ErrTooMany
		}
		created, last = true, new(beat)
		h.beats[name] = last
	}
	last.Heartbeat, last.at = b, h.monitor.now()
	return created, nil
}

// Delete forgets a name and reports whether it had a heartbeat.
func (h *Heartbeats) Delete(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, had := h.beats[name]
	delete(h.beats, name)
	return had
}

// condition returns the condition of the heartbeat, or that it is late.
func (b *beat) condition(now time.Time) Condition {
	silent := now.Sub(b.at)
	if silent <= b.TTL {
		return b.Condition
	}
	reason := fmt.Sprintf("no heartbeat for %s; its ttl is %s; the last one was %s", silent.Round(time.Second/10), b.TTL, b.Status)
	if b.Reason != "" {
		reason += ": " + b.Reason
	}
	return Condition{Unhealthy, reason}
}

func (h *Heartbeats) findings(now time.Time) []Finding {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Finding, 0, len(h.beats))
	for name, b := range h.beats {
		out = append(out, Finding{name, b.condition(now), b.Affects})
	}
	return out
}

// change is a call of Changed.
type change struct {
	name string
	was  Status
	is   Condition
}

// report calls Changed for each heartbeat that has turned.
func (h *Heartbeats) report() {
	h.reports.Lock()
	defer h.reports.Unlock()
	changes := h.changes()
	if h.monitor.Changed == nil {
		return
	}
	for _, c := range changes {
		h.monitor.Changed(c.name, c.was, c.is)
	}
}

// reportLater is report in the background, once at a time: Changed may block.
func (h *Heartbeats) reportLater() {
	if h.background.CompareAndSwap(false, true) {
		go func() {
			h.report()
			h.background.Store(false)
		}()
	}
}

func (h *Heartbeats) changes() (all []change) {
	now := h.monitor.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, b := range h.beats {
		is := b.condition(now)
		if is.Status != b.reported {
			all = append(all, change{name, b.reported, is})
			b.reported = is.Status
		}
	}
	slices.SortFunc(all, func(a, b change) int { return cmp.Compare(a.name, b.name) })
	return all
}
