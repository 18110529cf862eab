package recovery

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func fixed(c Condition) Check { return func() Condition { return c } }

func TestHealthOverallIsTheWorst(t *testing.T) {
	rows := []struct {
		slow, live []Condition
		want       Status
	}{
		{nil, nil, Healthy},
		{[]Condition{{}, {}}, nil, Healthy},
		{[]Condition{{}, {Degraded, "d"}}, nil, Degraded},
		{[]Condition{{Unhealthy, "u"}, {Degraded, "d"}}, nil, Unhealthy},
		{[]Condition{{}}, []Condition{{Unhealthy, "u"}}, Unhealthy},
	}
	for i, row := range rows {
		h := NewHealth(newClock().now)
		for j, c := range row.slow {
			h.Register(fmt.Sprint("slow", j), fixed(c))
		}
		for j, c := range row.live {
			h.Live(fmt.Sprint("live", j), fixed(c))
		}
		h.Refresh()
		if s := h.Snapshot(); s.Overall != row.want || len(s.Findings) != len(row.slow)+len(row.live) {
			t.Errorf("row %d: %+v", i, s)
		}
	}
}

func TestHealthRunsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth(time.Now)
		runs := 0
		h.Register("b", func() Condition { runs++; return Condition{Degraded, fmt.Sprint("run ", runs)} })
		h.Register("a", fixed(Condition{}))
		if len(h.Snapshot().Findings) != 0 {
			t.Error("a check ran before Run")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		synctest.Wait()
		began := time.Now()
		time.Sleep(3500 * time.Millisecond)
		want := Snapshot{Overall: Degraded, Taken: began.Add(3 * time.Second),
			Findings: []Finding{{"a", Condition{}}, {"b", Condition{Degraded, "run 4"}}}}
		for range 10 { // looking does not run anything
			if s := h.Snapshot(); !reflect.DeepEqual(s, want) {
				t.Errorf("snapshot %+v, want %+v", s, want)
			}
		}
		h.Register("b", fixed(Condition{Unhealthy, "replaced"}))
		time.Sleep(time.Second)
		if s := h.Snapshot(); s.Overall != Unhealthy || len(s.Findings) != 2 {
			t.Errorf("after replacing: %+v", s)
		}
		cancel()
		<-done
	})
}

func TestHealthWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth(time.Now)
		release := make(chan struct{})
		h.Register("stuck", func() Condition { <-release; return Condition{} })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		time.Sleep(StuckAfter)
		if h.Stuck() || h.Snapshot().Overall != Healthy {
			t.Error("stuck too early")
		}
		time.Sleep(time.Second)
		s := h.Snapshot()
		if !h.Stuck() || s.Overall != Unhealthy || s.Findings[0].Name != "watchdog" || !strings.Contains(s.Findings[0].Reason, "11s") {
			t.Errorf("not stuck: %+v", s)
		}
		close(release)
		synctest.Wait()
		if h.Stuck() || h.Snapshot().Overall != Healthy {
			t.Error("still stuck after the check came back")
		}
		cancel()
		<-done
	})
}

func TestLiveCheckTurnsAtOnce(t *testing.T) {
	h := NewHealth(time.Now)
	g := NewGate(time.Now)
	h.Live("recovery", RecoveryCheck(g))
	for _, step := range []struct {
		do   func()
		want Condition
	}{
		{func() {}, Condition{Degraded, "recovery has not begun"}},
		{func() { g.Replaying(8); g.Advance(5, 1) }, Condition{Degraded, "replaying the log: 62.5 %"}},
		{func() { g.Ready() }, Condition{}},
		{func() { g.Drain() }, Condition{}},
	} {
		step.do()
		if got := h.Snapshot().Findings[0].Condition; got != step.want {
			t.Errorf("got %+v, want %+v", got, step.want)
		}
	}
	g = NewGate(time.Now)
	g.Fail(errors.New("bad frame"))
	if got := RecoveryCheck(g)(); got != (Condition{Unhealthy, "recovery failed: bad frame"}) {
		t.Errorf("failed: %+v", got)
	}
}

func TestChecks(t *testing.T) {
	log := func(s LogState) Check { return NewLogWatch(func() LogState { return s }).Check }
	disk := func(free, total uint64, err error) Check {
		return NewDiskWatch(func() (uint64, uint64, error) { return free, total, err }).Check
	}
	memory := func(used, limit uint64) Check {
		return MemoryCheck(func() (uint64, uint64) { return used, limit })
	}
	conns := func(n, most int64) Check { return ConnectionsCheck(func() (int64, int64) { return n, most }) }
	const G = 1 << 30
	rows := []struct {
		name   string
		check  Check
		want   Status
		reason string
	}{
		{"log idle", log(LogState{QueueBytes: 100}), Healthy, ""},
		{"log read-only", log(LogState{ReadOnly: true, Err: errors.New("EIO"), Full: true}), Unhealthy, "read-only: EIO"},
		{"log read-only, no cause", log(LogState{ReadOnly: true}), Unhealthy, "read-only"},
		{"log without a next file", log(LogState{PrepareErr: errors.New("EMFILE"), LastSync: time.Minute}), Degraded, "made; reads go on: EMFILE"},
		{"log full", log(LogState{Full: true, PrepareErr: errors.New("ENOSPC")}), Degraded, "full"},
		{"log sync of 1 s", log(LogState{LastSync: time.Second}), Healthy, ""},
		{"log slow sync", log(LogState{LastSync: 1500 * time.Millisecond}), Degraded, "1.5s"},
		{"log queue below", log(LogState{QueueDepth: 79, QueueBytes: 100}), Healthy, ""},
		{"log queue nearly full", log(LogState{QueueDepth: 80, QueueBytes: 100}), Degraded, "80 B of 100 B"},
		{"disk roomy", disk(20*G, 100*G, nil), Healthy, ""},
		{"disk at the lines", disk(G, 10*G, nil), Healthy, ""},
		{"disk below 10 %", disk(9*G, 100*G, nil), Degraded, "9.0 GiB of 100.0 GiB"},
		{"disk below 1 GiB", disk(G-1, 2*G, nil), Degraded, "free"},
		{"disk at 64 MiB", disk(64<<20, 2*G, nil), Degraded, "64.0 MiB"},
		{"disk below 64 MiB", disk(64<<20-1, 2*G, nil), Unhealthy, "free"},
		{"disk unknown", disk(0, 0, errors.New("EIO")), Degraded, "unknown: EIO"},
		{"memory without a limit", memory(1<<40, 0), Healthy, ""},
		{"memory below", memory(89, 100), Healthy, ""},
		{"memory at 90 %", memory(90, 100), Degraded, "90 B of the memory limit of 100 B"},
		{"connections without a limit", conns(1e6, 0), Healthy, ""},
		{"connections below", conns(89, 100), Healthy, ""},
		{"connections nearly all", conns(90, 100), Degraded, "90 of at most 100"},
	}
	for _, row := range rows {
		c := row.check()
		if c.Status != row.want || !strings.Contains(c.Reason, row.reason) || (c.Reason == "") != (row.reason == "") {
			t.Errorf("%s: %s %q, want %s with %q", row.name, c.Status, c.Reason, row.want, row.reason)
		}
	}
}

func TestWatchesKeepTheLastReading(t *testing.T) {
	var fail error
	d := NewDiskWatch(func() (uint64, uint64, error) { return 7, 9, fail })
	d.Check()
	fail = errors.New("EIO")
	d.Check()
	if free, total := d.Space(); free != 7 || total != 9 {
		t.Errorf("space is %d of %d", free, total)
	}
	w := NewLogWatch(func() LogState { return LogState{Written: 9, Synced: 7} })
	if w.Last() != (LogState{}) {
		t.Error("a reading before the first check")
	}
	w.Check()
	if s := w.Last(); s.Written != 9 || s.Synced != 7 {
		t.Errorf("log is %+v", s)
	}
}

func TestMemoryUse(t *testing.T) {
	if used, limit := MemoryUse(); used == 0 || limit != 0 && limit < used/100 {
		t.Errorf("used %d, limit %d", used, limit)
	}
}

// A status that turns is told once, with its reason.
func TestHealthTellsWhatChanged(t *testing.T) {
	h := NewHealth(time.Now)
	condition := Condition{}
	h.Register("log", func() Condition { return condition })
	var told []string
	h.Changed = func(name string, was Status, is Condition) {
		told = append(told, name+" "+was.String()+" "+is.Status.String()+" "+is.Reason)
	}
	h.Refresh()
	condition = Condition{Status: Unhealthy, Reason: "read-only"}
	h.Refresh()
	h.Refresh()
	condition = Condition{}
	h.Refresh()
	want := []string{"log healthy unhealthy read-only", "log unhealthy healthy "}
	if !slices.Equal(told, want) {
		t.Fatalf("told %q, want %q", told, want)
	}
}

func TestRoutersCheck(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	stuck := 0
	check := RoutersCheck(func() time.Time { return now }, func(before int64) int {
		if want := now.Add(-stuckAfter).UnixMilli(); before != want {
			t.Errorf("asked for those since before %d, want %d", before, want)
		}
		return stuck
	})
	if c := check(); c.Status != Healthy {
		t.Fatal(c)
	}
	stuck = 2
	if c := check(); c.Status != Degraded || c.Reason != "2 routers have been waiting for more than 10s" {
		t.Fatal(c)
	}
}
