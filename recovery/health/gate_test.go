package health

import (
	"errors"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/e6e95bb8/topics/wal"
)

// clock is a hand-turned one.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_700_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestGateTransitions(t *testing.T) {
	steps := map[string]func(*Gate) bool{
		"replay": func(g *Gate) bool { return g.Replaying(10) },
		"ready":  (*Gate).Ready,
		"fail":   func(g *Gate) bool { return g.Fail(errors.New("no")) },
		"drain":  (*Gate).Drain,
		"stop":   (*Gate).Stop,
	}
	rows := []struct {
		path    []string // all legal
		phase   Phase
		illegal []string
	}{
		{nil, PhaseStarting, nil},
		{[]string{"replay"}, PhaseReplaying, []string{"replay"}},
		{[]string{"ready"}, PhaseReady, []string{"replay", "ready", "fail"}},
		{[]string{"replay", "ready"}, PhaseReady, []string{"replay", "ready", "fail"}},
		{[]string{"replay", "ready", "drain"}, PhaseDraining, []string{"replay", "ready", "fail", "drain"}},
		{[]string{"replay", "drain"}, PhaseDraining, []string{"replay", "ready", "fail", "drain"}},
		{[]string{"replay", "ready", "drain", "stop"}, PhaseStopped, []string{"replay", "ready", "fail", "drain", "stop"}},
		{[]string{"fail"}, PhaseFailed, []string{"replay", "ready", "fail", "drain"}},
		{[]string{"replay", "fail"}, PhaseFailed, []string{"replay", "ready", "fail", "drain"}},
		{[]string{"replay", "fail", "stop"}, PhaseStopped, []string{"replay", "ready", "fail", "drain", "stop"}},
	}
	for _, row := range rows {
		g := NewGate(newClock().now)
		for _, s := range row.path {
			if !steps[s](g) {
				t.Errorf("%v: %s was refused", row.path, s)
			}
		}
		for _, s := range row.illegal {
			before := g.Progress()
			if steps[s](g) || g.Progress() != before {
				t.Errorf("%v: %s was let through", row.path, s)
			}
		}
		if g.Phase() != row.phase || g.Progress().Phase != row.phase {
			t.Errorf("%v ends in %s, want %s", row.path, g.Phase(), row.phase)
		}
	}
}

func TestGateProgress(t *testing.T) {
	c := newClock()
	g := NewGate(c.now)
	c.add(time.Second)
	if p := g.Progress(); p.Elapsed != 0 || p.ETA >= 0 || p.Fraction != 0 || p.Startup != time.Second {
		t.Errorf("starting: %+v", p)
	}
	g.Replaying(1000)
	g.Advance(wal.Amount{}, wal.Amount{Bytes: 1000})
	if p := g.Progress(); p.ETA >= 0 || p.Fraction != 0 {
		t.Errorf("nothing read: %+v", p)
	}
	c.add(2 * time.Second)
	g.Advance(wal.Amount{Bytes: 250, Records: 7}, wal.Amount{Bytes: 250 + 7*recordCost})
	g.Advance(wal.Amount{Bytes: 100, Records: 3}, wal.Amount{Bytes: 300 + 9*recordCost}) // more than was thought
	want := Progress{Phase: PhaseReplaying, Fraction: 2 / 4.05, BytesDone: 250, BytesTotal: 1000, Records: 7,
		Elapsed: 2 * time.Second, ETA: 6*time.Second + SettleTime, Startup: 3 * time.Second}
	if p := g.Progress(); p != want {
		t.Errorf("half of it done:\n%+v, want\n%+v", p, want)
	}
	g.Advance(wal.Amount{Bytes: 2000, Records: 20}, wal.Amount{})
	if p := g.Progress(); p.Fraction != 2/2.05 || p.BytesDone != 1000 || p.ETA != SettleTime {
		t.Errorf("all read: %+v", p)
	}
	c.add(SettleTime / 2)
	if p := g.Progress(); p.Fraction != 2.025/2.05 || p.ETA != SettleTime/2 {
		t.Errorf("settling: %+v", p)
	}
	c.add(SettleTime)
	if p := g.Progress(); p.Fraction != almostDone || p.ETA != 0 {
		t.Errorf("settling for longer than thought: %+v", p)
	}
	g.Ready()
	c.add(time.Hour)
	want = Progress{Phase: PhaseReady, Fraction: 1, BytesDone: 1000, BytesTotal: 1000, Records: 20,
		Elapsed: 2*time.Second + 3*SettleTime/2, Startup: 3*time.Second + 3*SettleTime/2}
	if p := g.Progress(); p != want {
		t.Errorf("ready:\n%+v, want\n%+v", p, want)
	}
}

func TestGateStoppedInReplayIsNotComplete(t *testing.T) {
	cause := errors.New("bad frame")
	for name, end := range map[string]func(*Gate) bool{
		"drain": (*Gate).Drain,
		"stop":  (*Gate).Stop,
		"fail":  func(g *Gate) bool { return g.Fail(cause) },
	} {
		c := newClock()
		g := NewGate(c.now)
		g.Replaying(100)
		g.Advance(wal.Amount{Bytes: 100, Records: 1}, wal.Amount{})
		c.add(SettleTime)
		end(g)
		if p := g.Progress(); p.Fraction != almostDone || p.ETA >= 0 || (p.Err == cause) != (name == "fail") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// Whatever is reported in whatever order, no reading of the gate goes back,
// and none is 1 before ready.
func TestGateMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		g := NewGate(c.now)
		last := g.Progress()
		look := func() {
			p := g.Progress()
			if p.Fraction < last.Fraction || p.BytesDone < last.BytesDone || p.Records < last.Records || p.Elapsed < last.Elapsed {
				t.Fatalf("went back from %+v to %+v", last, p)
			}
			if (p.Fraction == 1) != (p.Phase == PhaseReady) {
				t.Fatalf("fraction %v in %s", p.Fraction, p.Phase)
			}
			last = p
		}
		g.Replaying(rapid.Int64Range(-1, 1000).Draw(t, "total"))
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			amount := func(name string) wal.Amount {
				return wal.Amount{
					Bytes:   rapid.Int64Range(-5, 1200).Draw(t, name+" bytes"),
					Frames:  rapid.Int64Range(0, 5).Draw(t, name+" frames"),
					Records: rapid.Int64Range(-5, 100).Draw(t, name+" records"),
				}
			}
			g.Advance(amount("done"), amount("left"))
			c.add(time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "passed")))
			look()
		}
		g.Ready()
		look()
	})
}

func TestGateConcurrent(t *testing.T) {
	g := NewGate(time.Now)
	g.Replaying(4000)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := 0.0
			for i := range int64(1000) {
				g.Advance(wal.Amount{Bytes: 4 * i, Records: i}, wal.Amount{Bytes: 4000 - 4*i, Records: 1000 - i})
				f := g.Progress().Fraction
				if f < last || f >= 1 {
					t.Errorf("fraction went from %v to %v", last, f)
				}
				last = f
			}
		})
	}
	wg.Wait()
	if p := g.Progress(); p.Records != 999 || p.BytesDone != 3996 {
		t.Errorf("ended at %+v", p)
	}
}

func TestGateReadingIsCheap(t *testing.T) {
	g := NewGate(time.Now)
	g.Replaying(100)
	if n := testing.AllocsPerRun(100, func() { g.Advance(wal.Amount{Bytes: 1}, wal.Amount{Bytes: 99}); _ = g.Progress() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
