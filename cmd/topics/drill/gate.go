package drill

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/child"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// gate checks the probes of all boots against the rules that a load balancer
// relies on. It is used by one goroutine at a time.
type gate struct {
	findings *findings
	broken   int64
	probes   int64
	waits    []time.Duration // time from start to ready, of the boots that became ready
	values   map[float64]bool
	most     int // most distinct values in one boot

	boot struct {
		ready    bool
		last     float64
		values   map[float64]bool
		reported bool // report only one finding per boot
	}
}

func newGate(f *findings) *gate {
	return &gate{findings: f, values: make(map[float64]bool)}
}

// begin starts a boot.
func (g *gate) begin() {
	g.boot.ready, g.boot.reported, g.boot.last = false, false, 0
	g.boot.values = make(map[float64]bool)
}

// see checks one probe of the boot.
func (g *gate) see(p child.Probe) {
	g.probes++
	switch {
	case p.Err != nil:
		g.breakf(p, "no answer once it listened: %v", p.Err)
		return
	case p.Health != http.StatusOK:
		g.breakf(p, "health answered %d", p.Health)
	case p.Ready != http.StatusOK && g.boot.ready:
		g.breakf(p, "ready answered %d after it had answered 200", p.Ready)
	case p.Ready != http.StatusOK && p.Ready != http.StatusServiceUnavailable:
		g.breakf(p, "ready answered %d", p.Ready)
	case p.Phase == "failed":
		g.breakf(p, "recovery failed")
	case p.Progress < g.boot.last:
		g.breakf(p, "progress went back from %v to %v", g.boot.last, p.Progress)
	case p.Progress < 0 || p.Progress > 1 || p.Progress == 1 && p.Ready != http.StatusOK:
		g.breakf(p, "progress is %v while ready answers %d", p.Progress, p.Ready)
	}
	g.boot.last = p.Progress
	g.values[p.Progress] = true
	g.boot.values[p.Progress] = true
	g.most = max(g.most, len(g.boot.values))
	if p.Ready == http.StatusOK && !g.boot.ready {
		g.boot.ready = true
		g.waits = append(g.waits, p.At)
	}
}

func (g *gate) breakf(p child.Probe, format string, a ...any) {
	if g.boot.reported {
		return
	}
	g.boot.reported = true
	g.broken++
	g.findings.addf("probe %v after the start: %s", p.At.Round(time.Millisecond), fmt.Sprintf(format, a...))
}

// lastWait returns how long the last boot that became ready took.
func (g *gate) lastWait() time.Duration {
	if len(g.waits) == 0 {
		return 0
	}
	return g.waits[len(g.waits)-1]
}

// progressValues returns the distinct values seen, in ascending order.
func (g *gate) progressValues() []float64 {
	values := make([]float64, 0, len(g.values))
	for v := range g.values {
		values = append(values, v)
	}
	slices.Sort(values)
	return values
}

// readyWait returns a quantile of the times to ready.
func (g *gate) readyWait(q float64) time.Duration {
	return quantile.Of(slices.Clone(g.waits), q)
}
