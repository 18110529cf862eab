package health

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// run runs a monitor in the background of a bubble.
func run(t *testing.T, m *Monitor) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { m.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

// A custom check runs in its own interval and is late after its own time, which
// delays no other.
func TestCustomChecksHaveTheirOwnTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMonitor(time.Now, time.Second)
		release := make(chan struct{})
		var rare, often, hangs atomic.Int64
		m.Add(Custom{Name: "rare", Check: func() Condition { rare.Add(1); return Condition{} }, Interval: time.Minute, Timeout: time.Second})
		m.Add(Custom{Name: "often", Check: func() Condition { often.Add(1); return Condition{} }, Interval: 200 * time.Millisecond, Timeout: time.Second})
		m.Add(Custom{Name: "hangs", Check: func() Condition { hangs.Add(1); <-release; return Condition{} }, Affects: AffectsLiveness, Interval: time.Second, Timeout: 5 * time.Second})
		run(t, m)
		time.Sleep(5*time.Second + 100*time.Millisecond)
		if rare.Load() != 1 || often.Load() != 26 || hangs.Load() != 1 {
			t.Errorf("%d, %d and %d runs", rare.Load(), often.Load(), hangs.Load())
		}
		if s := m.Snapshot(); s.Status != Healthy || len(s.Findings) != 2 {
			t.Errorf("before it is late: %+v", s)
		}
		time.Sleep(2 * time.Second)
		s := m.Snapshot()
		f := s.Failing(AffectsLiveness)
		if f == nil || f.Name != "hangs" || f.Reason != "hangs has not answered for 7 s" || s.Failing(AffectsReadiness) != nil {
			t.Errorf("late: %+v", s)
		}
		close(release)
		time.Sleep(time.Second)
		if s := m.Snapshot(); s.Status != Healthy {
			t.Errorf("afterwards: %+v", s)
		}
	})
}

// What readiness depends on is not ready before it has been looked at.
func TestReadinessWaitsForItsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMonitor(time.Now, time.Second)
		for name, affects := range map[string]Affects{"a": AffectsHealth, "b": AffectsReadiness, "c": AffectsLiveness} {
			m.Add(Custom{Name: name, Check: func() Condition { time.Sleep(time.Second); return Condition{} }, Affects: affects, Interval: time.Minute, Timeout: 2 * time.Second})
		}
		run(t, m)
		synctest.Wait()
		want := []Finding{{"b", Condition{Unhealthy, "it has not been checked yet"}, AffectsReadiness}}
		if s := m.Snapshot(); !slices.Equal(s.Findings, want) {
			t.Errorf("at first: %+v", s)
		}
		time.Sleep(1100 * time.Millisecond)
		if s := m.Snapshot(); s.Status != Healthy || len(s.Findings) != 3 {
			t.Errorf("a run later: %+v", s)
		}
	})
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMonitor(time.Now, time.Second)
		var mu sync.Mutex
		var reported []string
		m.Changed = func(name string, was Status, is Condition) {
			mu.Lock()
			defer mu.Unlock()
			reported = append(reported, fmt.Sprintf("%s %s %s %s", name, was, is.Status, is.Reason))
		}
		run(t, m)
		beats := m.Heartbeats()
		put := func(status Status, reason string, created bool) {
			t.Helper()
			got, err := beats.Put("backup", Heartbeat{Condition{status, reason}, 10 * time.Second, AffectsReadiness})
			if err != nil || got != created {
				t.Errorf("created %v, %v", got, err)
			}
		}
		finding := func() Finding {
			t.Helper()
			s := m.Snapshot()
			if len(s.Findings) != 1 || s.Status != s.Findings[0].Status {
				t.Fatalf("%+v", s)
			}
			return s.Findings[0]
		}
		put(Healthy, "", true)
		if f := finding(); f != (Finding{"backup", Condition{}, AffectsReadiness}) {
			t.Errorf("%+v", f)
		}
		put(Degraded, "an old copy", false)
		time.Sleep(10 * time.Second)
		if f := finding(); f.Condition != (Condition{Degraded, "an old copy"}) {
			t.Errorf("within its time: %+v", f)
		}
		time.Sleep(2500 * time.Millisecond)
		late := Condition{Unhealthy, "no heartbeat for 12.5s; its ttl is 10s; the last one was degraded: an old copy"}
		if f := finding(); f.Condition != late {
			t.Errorf("late: %+v", f)
		}
		put(Healthy, "", false)
		if f := finding(); f.Status != Healthy {
			t.Errorf("it came back: %+v", f)
		}
		if !beats.Delete("backup") || beats.Delete("backup") || len(m.Snapshot().Findings) != 0 {
			t.Error("it is still there")
		}
		mu.Lock()
		defer mu.Unlock()
		want := []string{
			"backup healthy degraded an old copy",
			"backup degraded unhealthy no heartbeat for 11s; its ttl is 10s; the last one was degraded: an old copy",
			"backup unhealthy healthy ",
		}
		if !slices.Equal(reported, want) {
			t.Errorf("reported %q", reported)
		}
	})
}

func TestHeartbeatsAreBounded(t *testing.T) {
	m := NewMonitor(time.Now, time.Second)
	m.Add(Custom{Name: "db", Check: fixed(Condition{}), Interval: time.Second})
	for name, want := range map[string]string{
		"log": "check of the server's own", "liveness": "check of the server's own", "db": "check of the configuration",
		"": "a name has 1 to 64", "Backup": "a name has", "a b": "a name has", strings.Repeat("a", 65): "a name has",
	} {
		if _, err := m.Heartbeats().Put(name, Heartbeat{TTL: time.Second}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for i := range MaxHeartbeats {
		if created, err := m.Heartbeats().Put(fmt.Sprint("a", i), Heartbeat{TTL: time.Second}); err != nil || !created {
			t.Fatal(i, err)
		}
	}
	if _, err := m.Heartbeats().Put("one.more", Heartbeat{TTL: time.Second}); err != ErrTooMany {
		t.Error(err)
	}
	if created, err := m.Heartbeats().Put("a7", Heartbeat{TTL: time.Second}); err != nil || created {
		t.Error("one that is there is refused:", err)
	}
}
