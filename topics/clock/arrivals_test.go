package clock

import (
	"math/rand/v2"
	"testing"
)

const (
	hour = 3_600_000
	year = 365 * 24 * hour
)

// TestArrivalsAreBounded checks that a clock that is ahead for long takes little
// memory, and that no record counts as arrived too early, or much too late.
func TestArrivalsAreBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var a Arrivals
	var came []Moment
	m := Moment{Wall: 1_000_000, Steady: 1_000_000}
	began, ts := m.Steady, m.Wall+year
	for seq := uint64(1); seq <= 20_000; seq++ {
		passed := random.Int64N(5000)
		m.Wall, m.Steady = m.Wall+passed, m.Steady+passed
		if random.IntN(1000) == 0 {
			m.Wall += (random.Int64N(3) - 1) * hour
		}
		ts = max(ts, m.Wall)
		if _, fits := a.Next(ts, m); !fits {
			a.Begin(seq, ts, m)
		}
		came = append(came, Moment{ts, m.Steady})
		if len(a) > maxSpans {
			t.Fatalf("%d spans", len(a))
		}
	}
	slack := (m.Steady - began) / 50
	last := int64(0)
	for i, m := range came {
		at := a.Of(uint64(i+1), m.Wall)
		if at < m.Steady || at > m.Steady+slack || at < last {
			t.Fatalf("record %d came at %d and counts as come at %d, after %d", i+1, m.Steady, at, last)
		}
		last = at
	}
	a.Truncate(20_000, true)
	if len(a) != 1 {
		t.Fatalf("%+v is left for one record", a)
	}
}
