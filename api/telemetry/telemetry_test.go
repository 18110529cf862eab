package telemetry

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/history"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// ready is the gate and the checks of a server that has nothing to say.
type ready struct{}

func (ready) Progress() health.Progress      { return health.Progress{Phase: health.PhaseReady} }
func (ready) Snapshot() health.Snapshot      { return health.Snapshot{} }
func (ready) Heartbeats() *health.Heartbeats { return nil }
func (ready) LastBeat() time.Time            { return time.Now() }

// manyTopics has withinTopics and withinPage topics that begin with many-.
type manyTopics struct{ Engine }

func (manyTopics) Totals() topic.Totals { return topic.Totals{} }
func (manyTopics) Pressure() float64    { return 0 }

func (manyTopics) Routers(_, _, _, _ string, _ int) ([]router.State, bool) { return nil, false }

func (manyTopics) List(prefix, after string, limit int) (page []topic.State, more bool) {
	for i := range withinTopics + withinPage {
		name := fmt.Sprintf("many-%05d", i)
		if name <= after || !strings.HasPrefix(name, prefix) {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, topic.State{Name: name})
	}
	return page, false
}

// handlers are those of a server with the engine manyTopics.
func handlers(t *testing.T) *Handlers {
	limits := wire.Limits{}.WithDefaults()
	bounds := new(call.Bounds)
	bounds.Set(t.Context(), &call.Options{Limits: &limits})
	return New(Source{
		Set: metrics.New(nil, metrics.Endpoint{Route: call.Unmatched, Method: "other"}),
		Probes: &probes.Handlers{
			Gate: ready{}, Health: ready{}, Refusal: func() *wire.Error { return nil }, Now: time.Now, Start: time.Now(),
		},
		Bounds: bounds, Limits: &limits, Conns: conns.NewSet(zerolog.Nop()),
		Loops: eventloop.NewGroup(1), Now: time.Now,
		Engine:   func() Engine { return manyTopics{} },
		Sessions: func() (sessions, streams, sockets int64) { return 0, 0, 0 },
	})
}

// Consoles that ask for the same at the same time share one rendering.
func TestHistoryIsRenderedOnce(t *testing.T) {
	h := handlers(t)
	h.meter.past.Add(history.Reading{At: time.UnixMilli(1000), Values: make([]float64, len(samples)), Buckets: make([]uint64, 21)})
	first := h.meter.render(history.Span, history.Step)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if again := h.meter.render(history.Span, history.Step); &again[0] != &first[0] {
				t.Error("rendered again")
			}
		})
	}
	wg.Wait()
	h.Sample(time.UnixMilli(9000))
	if again := h.meter.render(history.Span, history.Step); &again[0] == &first[0] {
		t.Error("not rendered again after a step")
	}
}

// Only so many topics are counted within prefixes, and only so many lists of prefixes kept.
func TestOverviewWithinIsBounded(t *testing.T) {
	h := handlers(t)
	if v := h.within([]string{"many-"}); !v.Truncated || v.Topics != withinTopics {
		t.Errorf("%+v", v)
	}
	for i := range 3 * maxWithin {
		h.overview.of(h, []string{fmt.Sprint(i)})
	}
	if n := len(h.overview.within); n > maxWithin {
		t.Errorf("%d lists are kept", n)
	}
}
