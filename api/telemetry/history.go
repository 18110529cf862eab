package telemetry

import (
	"math"
	"net/http"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/history"
	"github.com/e6e95bb8/topics/api/wire"
)

// History answers what the server did in the last hour, or a part of it.
func (h *Handlers) History(c *call.Call) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	span, step := steps(&p, "span", history.Span), steps(&p, "step", history.Step)
	if p.Err() == nil && step > span {
		p.Refuse("step", "%s is longer than the span of %s", step, span)
	}
	if p.Err() != nil {
		return p.Err()
	}
	body := h.meter.render(span, step)
	if err := c.Take(call.BeyondFirst(len(body))); err != nil {
		return err
	}
	c.Out = append(append(c.Out[:0], '{'), body...)
	c.Out = append(c.AppendPerformance(append(c.Out, ',')), '}')
	c.Header().Set("Cache-Control", "no-store")
	c.Header()["Content-Type"] = call.JsonHeader
	c.WriteHeader(http.StatusOK)
	return nil
}

// steps reads a duration that is a number of steps of the history.
func steps(p *wire.Params, name string, missing time.Duration) time.Duration {
	if !p.Has(name) {
		return missing
	}
	d, err := time.ParseDuration(p.Get(name))
	if err != nil || d < history.Step || d > history.Span || d%history.Step != 0 {
		p.Refuse(name, "%q is not a multiple of %s from %[2]s to 1h, such as 5s, 15m, 1h", p.Get(name), history.Step)
	}
	return d
}

// rounded has three decimal places at most.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }
