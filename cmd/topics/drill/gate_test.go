package drill

import (
	"errors"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/child"
)

func replaying(progress float64) child.Probe {
	return child.Probe{Health: 200, Ready: 503, Progress: progress, Phase: "replaying"}
}

var ready = child.Probe{At: 30 * time.Millisecond, Health: 200, Ready: 200, Progress: 1, Phase: "ready"}

func TestGate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		probes []child.Probe
		broken int64
	}{
		{"rises", []child.Probe{replaying(0), replaying(0.2), replaying(0.2), replaying(0.9), ready, ready}, 0},
		{"goes back", []child.Probe{replaying(0.5), replaying(0.4), ready}, 1},
		{"goes back twice in a boot counts once", []child.Probe{replaying(0.5), replaying(0.4), replaying(0.3)}, 1},
		{"is done before it is ready", []child.Probe{replaying(1), ready}, 1},
		{"is more than done", []child.Probe{replaying(1.5)}, 1},
		{"flaps", []child.Probe{ready, replaying(0.5)}, 1},
		{"is not healthy", []child.Probe{{Health: 503, Ready: 503}}, 1},
		{"does not answer", []child.Probe{replaying(0.1), {Err: errors.New("refused")}}, 1},
		{"answers nonsense", []child.Probe{{Health: 200, Ready: 404}}, 1},
		{"fails", []child.Probe{{Health: 200, Ready: 503, Phase: "failed"}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &findings{}
			g := newGate(f)
			g.begin()
			for _, p := range tt.probes {
				g.see(p)
			}
			if g.broken != tt.broken || len(f.list()) != int(tt.broken) {
				t.Errorf("broken = %d, want %d: %v", g.broken, tt.broken, f.list())
			}
		})
	}
}

// Each boot may begin at zero again; values are counted across all boots.
func TestGateBoots(t *testing.T) {
	g := newGate(&findings{})
	for _, boot := range [][]child.Probe{
		{replaying(0), replaying(0.5), ready},
		{replaying(0.1)}, // killed early
		{replaying(0), replaying(0.25), replaying(0.5), {At: 50 * time.Millisecond, Health: 200, Ready: 200, Progress: 1}},
	} {
		g.begin()
		for _, p := range boot {
			g.see(p)
		}
	}
	if g.broken != 0 {
		t.Errorf("broken = %d: %v", g.broken, g.findings.list())
	}
	if n := len(g.progressValues()); n != 5 || g.most != 4 {
		t.Errorf("%d values (at most %d in a boot), want 5 and 4", n, g.most)
	}
	if p50, most := g.readyWait(0.5), g.readyWait(1); p50 != 30*time.Millisecond || most != 50*time.Millisecond {
		t.Errorf("time to ready p50 %v, max %v", p50, most)
	}
}
