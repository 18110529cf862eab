package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestPulse(t *testing.T) {
	var served atomic.Int64
	enough := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if served.Add(1) == 30 {
			close(enough)
		}
	}))
	defer s.Close()
	p, err := StartPulse(context.Background(), s.Listener.Addr().String(), 3, 2*time.Millisecond, Render("GET", "/v0/metrics", nil))
	if err != nil {
		t.Fatal(err)
	}
	<-enough
	if err := p.End(); err != nil {
		t.Fatal(err)
	}
	whole := Window{time.Time{}, time.Now()}
	if got := p.Within([]Window{whole, whole}); int64(len(got)) != served.Load() {
		t.Errorf("%d writes of %d served", len(got), served.Load())
	}
	if got := p.Within([]Window{{whole.To, whole.To.Add(time.Hour)}}); len(got) != 0 {
		t.Errorf("%d writes after the end", len(got))
	}
}

// The latency of a write that had to wait for the previous one counts from when
// it was due.
func TestPulseCountsStalls(t *testing.T) {
	const every, stall = time.Millisecond, 50 * time.Millisecond
	first, enough := true, make(chan struct{})
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if n++; n == 40 {
			close(enough)
		}
		if first { // there is one connection, and so one request at a time
			first = false
			time.Sleep(stall) // the fault itself
		}
	}))
	defer s.Close()
	p, err := StartPulse(context.Background(), s.Listener.Addr().String(), 1, every, Render("GET", "/v0/metrics", nil))
	if err != nil {
		t.Fatal(err)
	}
	<-enough
	if err := p.End(); err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, took := range p.Within([]Window{{time.Time{}, time.Now()}}) {
		if took > stall/4 {
			late++
		}
	}
	if late < 10 {
		t.Errorf("%d writes felt a stall of %v, want those that were due in it", late, stall)
	}
}

func TestPulseReportsRefusals(t *testing.T) {
	addr, _ := serveCounting(t, 5)
	p, err := StartPulse(context.Background(), addr, 1, time.Millisecond, Render("GET", "/v0/metrics", nil))
	if err != nil {
		t.Fatal(err)
	}
	p.running.Wait()
	if err := p.End(); err == nil {
		t.Error("a refused request passed")
	}
}
