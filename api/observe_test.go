package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/wal"
)

func TestObserveAllocatesNothing(t *testing.T) {
	s := opsServer(newWorld(), nil)
	refused := wire.Invalid("no such op")
	observe := func() {
		s.metrics.Observe(metrics.Endpoint{Route: "/v0/topics/:topic", Method: "POST"}, 200, time.Millisecond)
		s.metrics.Observe(metrics.Endpoint{Route: "/v0/topics/:topic", Method: "POST"}, 429, time.Millisecond)
		s.metrics.Observe(metrics.Endpoint{Route: "/no such route", Method: "POST"}, 200, time.Millisecond)
		s.sockets.Observe("publish", nil)
		s.sockets.Observe("brew", refused)
		s.observeDelivery(5, 1)
		s.ObserveGroup(wal.Group{Sync: 99 * time.Microsecond, Frames: 3})
	}
	observe()
	if n := testing.AllocsPerRun(100, observe); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Requests are counted once each, also when many see a new status at once,
// while scrapes go on.
func TestObserveConcurrently(t *testing.T) {
	s := opsServer(newWorld(), nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 300 {
				s.metrics.Observe(metrics.Endpoint{Route: "/v0/topics/:topic", Method: "POST"}, 200+i%30, time.Millisecond)
			}
			s.exposition()
		})
	}
	wg.Wait()
	e := parseExposition(t, s.exposition())
	for i := range 30 {
		series := fmt.Sprintf(`topics_http_requests_total{route="/v0/topics/:topic",method="POST",code="%d"}`, 200+i)
		durations := strings.Replace(series, "requests_total", "request_duration_seconds_count", 1)
		if e.values[series] != 40 || e.values[durations] != 40 {
			t.Errorf("%s is %v, %v durations", series, e.values[series], e.values[durations])
		}
	}
}
