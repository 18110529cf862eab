package topics

import (
	"math/rand/v2"
	"testing"
)

// TestArrivalsAreBounded checks that a clock that is ahead for long takes little
// memory, that nothing counts as come before it did, and how much later.
func TestArrivalsAreBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var a arrivals
	var came []moment
	m := moment{wall: 1_000_000, steady: 1_000_000}
	began, ts := m.steady, m.wall+year
	for seq := uint64(1); seq <= 20_000; seq++ {
		passed := random.Int64N(5000)
		m.wall, m.steady = m.wall+passed, m.steady+passed
		if random.IntN(1000) == 0 {
			m.wall += (random.Int64N(3) - 1) * hour
		}
		ts = max(ts, m.wall)
		if _, fits := a.next(ts, m); !fits {
			a.begin(seq, ts, m)
		}
		came = append(came, moment{ts, m.steady})
		if len(a) > maxSpans {
			t.Fatalf("%d spans", len(a))
		}
	}
	slack := (m.steady - began) / 50
	last := int64(0)
	for i, m := range came {
		at := a.of(uint64(i+1), m.wall)
		if at < m.steady || at > m.steady+slack || at < last {
			t.Fatalf("record %d came at %d and counts as come at %d, after %d", i+1, m.steady, at, last)
		}
		last = at
	}
	a.truncate(20_000, true)
	if len(a) != 1 {
		t.Fatalf("%+v is left for one record", a)
	}
}
