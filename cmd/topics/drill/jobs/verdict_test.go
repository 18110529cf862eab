package jobs

import (
	"testing"
	"time"
)

// Each broken promise is found, and what is allowed is none.
func TestJudge(t *testing.T) {
	const s = int64(time.Second)
	w := func(change ...func(*written)) []written {
		x := written{job: job{number: 1, class: fsync}, seq: 1, sent: 1 * s, answered: 2 * s}
		for _, c := range change {
			c(&x)
		}
		return []written{x}
	}
	in := func(c class) func(*written) { return func(x *written) { x.class = c } }
	poison := func(x *written) { x.conduct = rejects }
	l := func(e event, at int64, lease, worker string) line {
		return line{event: e, at: at * s, class: fsync, number: 1, seq: 1, lease: lease, worker: worker}
	}
	of := func(c class, lines ...line) []line {
		for i := range lines {
			lines[i].class = c
		}
		return lines
	}
	complete := func(at int64, lease, worker string) []line {
		return []line{l(begun, at, lease, worker), l(did, at, lease, worker), l(acked, at, lease, worker)}
	}
	grouped := func(first, second int64) *evidence {
		a, b := w()[0], w()[0]
		a.group, b.group, b.number, b.seq = "g", "g", 2, 2
		lines := append(complete(first, "a", "w"), complete(second, "b", "v")...)
		for i := 3; i < 6; i++ {
			lines[i].number, lines[i].seq = 2, 2
		}
		return &evidence{written: []written{a, b}, lines: lines}
	}
	for name, tt := range map[string]struct {
		e      *evidence
		broken func(*tally) int64 // nil if nothing is
	}{
		"done":                      {&evidence{written: w(), lines: complete(3, "a", "w")}, nil},
		"never begun":               {&evidence{written: w()}, func(t *tally) int64 { return t.Lost }},
		"begun and not done":        {&evidence{written: w(), lines: []line{l(begun, 3, "a", "w")}}, func(t *tally) int64 { return t.Lost }},
		"gone from memory":          {&evidence{written: w(in(memory)), outages: []outage{{3 * s, 4 * s}}}, nil},
		"gone before any kill":      {&evidence{written: w(in(memory)), outages: []outage{{0, s / 2}}}, func(t *tally) int64 { return t.Lost }},
		"again after a worker kill": {&evidence{written: w(), lines: append(complete(5, "b", "v"), l(begun, 3, "a", "w"), l(did, 3, "a", "w")), killed: map[string]int64{"w": 4 * s}}, nil},
		"again before the kill":     {&evidence{written: w(), lines: append(complete(5, "b", "v"), l(begun, 3, "a", "w")), killed: map[string]int64{"w": 6 * s}}, func(t *tally) int64 { return t.Causeless }},
		"again after a server kill": {&evidence{written: w(), lines: append(complete(5, "b", "v"), l(begun, 3, "a", "w")), outages: []outage{{4 * s, 5 * s}}}, nil},
		"again after a return":      {&evidence{written: w(), lines: append(complete(5, "b", "v"), l(begun, 3, "a", "w"), l(returned, 4, "a", "w"))}, nil},
		"again after a loss":        {&evidence{written: w(), lines: append(complete(5, "b", "v"), l(begun, 3, "a", "w"), l(lost, 4, "a", "w"))}, nil},
		"again for nothing":         {&evidence{written: w(), lines: append(complete(5, "b", "v"), l(begun, 3, "a", "w"))}, func(t *tally) int64 { return t.Causeless }},
		"again after an ack":        {&evidence{written: w(), lines: append(complete(5, "b", "v"), complete(3, "a", "w")...), killed: map[string]int64{"w": 4 * s}}, func(t *tally) int64 { return t.Back }},
		"again after a lost ack":    {&evidence{written: w(in(ephemeral)), lines: of(ephemeral, append(complete(5, "b", "v"), complete(3, "a", "w")...)...), outages: []outage{{4 * s, 5 * s}}}, nil},
		"one lease twice":           {&evidence{written: w(), lines: append(complete(5, "a", "w"), l(begun, 3, "a", "w"), l(returned, 4, "a", "w"))}, func(t *tally) int64 { return t.Causeless }},
		"too early":                 {&evidence{written: w(func(x *written) { x.delay = 3 * time.Second }), lines: complete(3, "a", "w")}, func(t *tally) int64 { return t.Early }},
		"dead":                      {&evidence{written: w(poison), lines: []line{l(begun, 3, "a", "w"), l(rejected, 3, "a", "w")}, dead: map[class]map[int]int{fsync: {1: 1}}}, nil},
		"dead and nowhere":          {&evidence{written: w(poison), lines: []line{l(begun, 3, "a", "w"), l(rejected, 3, "a", "w")}}, func(t *tally) int64 { return t.Lost }},
		"dead and alive":            {&evidence{written: w(), lines: complete(3, "a", "w"), dead: map[class]map[int]int{fsync: {1: 1}}}, func(t *tally) int64 { return t.Twice }},
		"dead twice":                {&evidence{written: w(poison), lines: []line{l(begun, 3, "a", "w")}, dead: map[class]map[int]int{fsync: {1: 2}}}, func(t *tally) int64 { return t.Twice }},
		"a group in order":          {grouped(3, 4), nil},
		"a group out of order":      {grouped(4, 3), func(t *tally) int64 { return t.Disorder }},
	} {
		v := judge(tt.e)
		r := &Report{Classes: v.classes}
		switch {
		case tt.broken == nil && r.Broken() != 0:
			t.Errorf("%s: %v", name, v.findings)
		case tt.broken != nil && (r.Broken() != 1 || tt.broken(v.classes[tt.e.written[0].class]) != 1 || len(v.findings) != 1):
			t.Errorf("%s: %d broken, %v", name, r.Broken(), v.findings)
		}
	}
}
