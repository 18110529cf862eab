package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/history"
	"github.com/e6e95bb8/topics/api/metrics"
)

// sampleEvery is how often the counters of rates are read.
const sampleEvery = time.Second

// meter is what the server did in the last hour, as its counters show it. One
// goroutine reads them, in every phase.
type meter struct {
	mu     sync.Mutex // guards what follows
	recent history.Recent
	past   *history.Ring
	began  time.Time // when the current step of past began; zero before the first

	// The last rendering of past. It is shared until the next step: consoles ask
	// for the same.
	span, step time.Duration
	rendered   []byte // nil if there is none; never changed once it is here
}

func newMeter() meter { return meter{past: history.New(historySeries(), metrics.FsyncBounds())} }

// Keep reads the server's counters once a second until ctx ends. The
// history and the rates that operators see come of it. It may run once.
func (h *Handlers) Keep(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		h.Sample(h.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Sample reads the counters of rates, and every series if a step of the history
// ends. Nothing is read with the lock held: a reading may wait for others.
func (h *Handlers) Sample(now time.Time) {
	m := &h.meter
	counted := h.counted()
	recent := history.Reading{At: now, Values: make([]float64, len(rates))}
	for i := range rates {
		recent.Values[i] = rates[i].value(&counted)
	}
	ends := m.stepEnds(now)
	var step history.Reading
	if ends {
		step = h.sampleAll(now, counted)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recent.Add(recent)
	if ends {
		m.past.Add(step)
		m.began, m.rendered = now, nil
	}
}

// stepEnds reports whether a step of the history ends at a time. Half a tick
// early is in time.
func (m *meter) stepEnds(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	lasted := now.Sub(m.began)
	return m.began.IsZero() || lasted < 0 || lasted > history.Step-sampleEvery/2
}

// sampleAll reads a value of each series of the history.
func (h *Handlers) sampleAll(now time.Time, counted counts) history.Reading {
	all := sampled{counts: counted, Readings: h.readings(), engine: h.Engine(), handlers: h}
	out := history.Reading{At: now, Values: make([]float64, len(samples)), Buckets: h.Set.FsyncBuckets()}
	for i := range samples {
		if value := samples[i].value; value != nil {
			out.Values[i] = value(&all)
		}
	}
	return out
}

// perSecond returns the rates over the last d, null where they are unknown.
func (m *meter) perSecond(d time.Duration) map[string]any {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]any, len(rates))
	for i := range rates {
		out[rates[i].name] = nil
	}
	for i, v := range m.recent.PerSecond(d) {
		if v == v { // not NaN
			out[rates[i].name] = rounded(v)
		}
	}
	return out
}

// render returns the members of the history's JSON object.
func (m *meter) render(span, step time.Duration) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rendered == nil || m.span != span || m.step != step {
		m.span, m.step, m.rendered = span, step, m.past.AppendJSON(nil, span, step)
	}
	return m.rendered
}
