package health

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal"
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
		h := NewMonitor(newClock().now, time.Second)
		for j, c := range row.slow {
			h.Register(fmt.Sprint("slow", j), fixed(c))
		}
		for j, c := range row.live {
			h.Live(fmt.Sprint("live", j), fixed(c))
		}
		for j := range row.slow {
			h.Refresh(fmt.Sprint("slow", j))
		}
		if s := h.Snapshot(); s.Status != row.want || len(s.Findings) != len(row.slow)+len(row.live) {
			t.Errorf("row %d: %+v", i, s)
		}
	}
}

func TestHealthRunsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewMonitor(time.Now, time.Second)
		runs := 0 // one run comes after the other
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
		want := Snapshot{Status: Degraded, Taken: began.Add(3 * time.Second),
			Findings: []Finding{{Name: "a"}, {Name: "b", Condition: Condition{Degraded, "run 4"}}}}
		for range 10 { // looking does not run anything
			if s := h.Snapshot(); !reflect.DeepEqual(s, want) {
				t.Errorf("snapshot %+v, want %+v", s, want)
			}
		}
		h.Register("b", fixed(Condition{Unhealthy, "replaced"}))
		time.Sleep(time.Second)
		if s := h.Snapshot(); s.Status != Unhealthy || len(s.Findings) != 2 {
			t.Errorf("after replacing: %+v", s)
		}
		cancel()
		<-done
		synctest.Wait()
	})
}

// A check that hangs is a finding of its own, reported once; all others go on, and
// so does the watchdog.
func TestHealthALateCheckDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := NewMonitor(time.Now, time.Second), NewWatchdog(time.Now)
		release := make(chan struct{})
		var hangs, other atomic.Int64 // runs
		h.Register("hangs", func() Condition {
			if hangs.Add(1) > 2 {
				<-release
			}
			return Condition{Degraded, "low"}
		})
		h.Register("other", func() Condition { other.Add(1); return Condition{} })
		var mu sync.Mutex
		var reported []string
		h.Changed = func(name string, was Status, is Condition) {
			mu.Lock()
			defer mu.Unlock()
			reported = append(reported, fmt.Sprintf("%s %s %s %s", name, was, is.Status, is.Reason))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{}, 2)
		go func() { h.Run(ctx); done <- struct{}{} }()
		go func() { d.Run(ctx); done <- struct{}{} }()
		time.Sleep(2*time.Second + 12*time.Second + time.Millisecond)
		s := h.Snapshot()
		late := Condition{Degraded, "hangs has not answered for 12 s; before that: low"}
		if want := []Finding{{Name: "hangs", Condition: late}, {Name: "other"}}; !slices.Equal(s.Findings, want) {
			t.Errorf("findings %+v", s.Findings)
		}
		if hangs.Load() != 3 || other.Load() != 15 || time.Since(s.Taken) > time.Second {
			t.Errorf("%d and %d runs, taken %s ago", hangs.Load(), other.Load(), time.Since(s.Taken))
		}
		if silent := time.Since(d.LastBeat()); silent > time.Second {
			t.Errorf("the watchdog is silent for %s", silent)
		}
		close(release)
		time.Sleep(time.Second)
		if s := h.Snapshot(); s.Findings[0].Reason != "low" || hangs.Load() != 4 {
			t.Errorf("after it came back: %+v, %d runs", s.Findings, hangs.Load())
		}
		want := []string{"hangs healthy degraded low", "hangs degraded degraded hangs has not answered for 4 s; before that: low"}
		mu.Lock()
		if !slices.Equal(reported, want) {
			t.Errorf("reported %q", reported)
		}
		mu.Unlock()
		cancel()
		<-done
		<-done
	})
}

// Run ends although a check hangs.
func TestHealthEndsWithoutTheLateOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewMonitor(time.Now, time.Second)
		release := make(chan struct{})
		h.Register("hangs", func() Condition { <-release; return Condition{} })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		synctest.Wait()
		cancel()
		<-done
		if s := h.Snapshot(); len(s.Findings) != 0 {
			t.Errorf("findings %+v", s.Findings)
		}
		close(release)
	})
}

func TestLiveCheckTurnsAtOnce(t *testing.T) {
	h := NewMonitor(time.Now, time.Second)
	clock := time.Unix(1_700_000_000, 0)
	g := NewGate(func() time.Time { return clock })
	h.Live("recovery", RecoveryCheck(g))
	for _, step := range []struct {
		do   func()
		want Condition
	}{
		{func() {}, Condition{Degraded, "recovery has not begun"}},
		{func() {
			g.Replaying(8)
			clock = clock.Add(time.Hour)
			g.Advance(wal.Amount{Bytes: 5}, wal.Amount{Bytes: 3})
		}, Condition{Degraded, "replaying the log: 62.5 %"}},
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

// lines are the thresholds that are documented as defaults.
var lines = Thresholds{
	SyncDegraded: time.Second, SyncUnhealthy: 10 * time.Second, DiskDegraded: 1 << 30, DiskUnhealthy: 64 << 20,
	DiskPercent: 10, MemoryPercent: 90, DescriptorsPercent: 80, ConnectionsPercent: 90,
}

func TestChecks(t *testing.T) {
	log := func(s LogState) Check { return NewLogWatch(func() LogState { return s }, lines).Check }
	disk := func(free, total uint64, err error) Check {
		return NewDiskWatch(func() (uint64, uint64, error) { return free, total, err }, lines).Check
	}
	memory := func(used, limit uint64) Check {
		return MemoryCheck(func() (uint64, uint64) { return used, limit }, lines)
	}
	conns := func(n, most int64) Check { return ConnectionsCheck(func() (int64, int64) { return n, most }, lines) }
	files := func(n, most int64) Check { return DescriptorsCheck(func() (int64, int64) { return n, most }, lines) }
	const second = time.Second
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
		{"log sync under way", log(LogState{Syncing: second, Waiting: 1}), Healthy, ""},
		{"log sync under way for long", log(LogState{Syncing: 1500 * time.Millisecond, Waiting: 1}), Degraded, "a sync of the log has been under way for 1.5s"},
		{"log sync without a writer that waits", log(LogState{Syncing: 13 * second}), Degraded, "13s"},
		{"log sync that a writer waits for", log(LogState{Syncing: 13 * second, Waiting: 2, Blocked: 1}), Unhealthy, "under way for 13s; writers that wait: 3"},
		{"log write that holds up the queue", log(LogState{Writing: 13 * second, Blocked: 1}), Unhealthy, "a write of the log"},
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
		{"descriptors below", files(79, 100), Healthy, ""},
		{"descriptors nearly all", files(80, 100), Degraded, "80 of at most 100"},
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
	d := NewDiskWatch(func() (uint64, uint64, error) { return 7, 9, fail }, lines)
	d.Check()
	fail = errors.New("EIO")
	d.Check()
	if free, total := d.Space(); free != 7 || total != 9 {
		t.Errorf("space is %d of %d", free, total)
	}
	state := LogState{Written: 9, Synced: 7, Waiting: 1}
	w := NewLogWatch(func() LogState { return state }, lines)
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

// A status that turns is reported once, with its reason.
func TestHealthTellsWhatChanged(t *testing.T) {
	h := NewMonitor(time.Now, time.Second)
	condition := Condition{}
	h.Register("log", func() Condition { return condition })
	var reported []string
	h.Changed = func(name string, was Status, is Condition) {
		reported = append(reported, name+" "+was.String()+" "+is.Status.String()+" "+is.Reason)
	}
	h.Refresh("log")
	condition = Condition{Status: Unhealthy, Reason: "read-only"}
	h.Refresh("log")
	h.Refresh("log")
	condition = Condition{}
	h.Refresh("log")
	want := []string{"log healthy unhealthy read-only", "log unhealthy healthy "}
	if !slices.Equal(reported, want) {
		t.Fatalf("reported %q, want %q", reported, want)
	}
}

func TestRoutersCheck(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	stuck := 0
	check := RoutersCheck(func() time.Time { return now }, func(before int64) int {
		if want := now.Add(-StuckAfter).UnixMilli(); before != want {
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
