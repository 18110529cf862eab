package paths

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestCountingIsBounded counts paths in graphs of ten thousand routers, some as hard as
// any known, and checks that no count takes more steps than it may.
func TestCountingIsBounded(t *testing.T) {
	const n = 10_000
	random := rand.New(rand.NewPCG(5, 6))
	for name, join := range map[string]func(add func(a, b int)){
		"chain": func(add func(a, b int)) {
			for i := range n {
				add(i, i+1)
			}
		},
		"ring": func(add func(a, b int)) {
			for i := range n {
				add(i, (i+1)%n)
			}
		},
		"random": func(add func(a, b int)) {
			for range n {
				add(random.IntN(n*2/3), random.IntN(n*2/3))
			}
		},
		"forward": func(add func(a, b int)) {
			for i := range n / 2 {
				add(i, i+1+random.IntN(5))
				add(i, i+1+random.IntN(5))
			}
		},
		"mesh": func(add func(a, b int)) {
			for i := range n {
				add(i%100, i/100)
			}
		},
		"parallel": func(add func(a, b int)) {
			for i := range n {
				add(i%2, 1-i%2)
			}
		},
		"cycles in a fan": func(add func(a, b int)) { // many topics lead to one, from which a chain leads back to all
			for i := range n / 2 {
				add(10+i, i%10)
				add(10+(i+1)/2, 10+i)
			}
			for i := range 9 {
				add(i, i+1)
			}
			add(9, 10)
		},
	} {
		g := NewGraph()
		for i := range n + 10 {
			g.Fresh(fmt.Sprint(i))
		}
		join(func(a, b int) {
			if a != b {
				g.Join(a, b)
			}
		})
		began := time.Now()
		c := g.Counter(1024)
		most := c.steps
		var worst uint64
		list := c.Sources(1)
		for _, from := range list {
			worst = max(worst, c.From(from, 0))
		}
		t.Logf("%s: %d topics of %d, %d ways, %d steps, %v", name, len(list), len(g.names), worst, most-c.steps, time.Since(began))
		if took := most - c.steps; took > maxSteps+stepsPerEdge*n+len(list) {
			t.Errorf("%s: %d steps", name, took)
		}
	}
}
