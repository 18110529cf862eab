package history

import (
	"encoding/json"
	"math"
	"reflect"
	"runtime"
	"testing"
	"time"
)

var nan = math.NaN()

type document struct {
	StepMS int64                 `json:"step_ms"`
	Times  []int64               `json:"times"`
	Series map[string][]*float64 `json:"series"`
	Fsync  struct {
		Bounds []float64  `json:"bounds_us"`
		Counts [][]uint64 `json:"counts"`
	} `json:"fsync"`
}

func rendering(t *testing.T, r *Ring, span, step time.Duration) (d document) {
	t.Helper()
	b := append(r.AppendJSON([]byte("{"), span, step), '}')
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return d
}

// list has null for NaN.
func list(values ...float64) (out []*float64) {
	for _, v := range values {
		if math.IsNaN(v) {
			out = append(out, nil)
		} else {
			out = append(out, &v)
		}
	}
	return out
}

// Readings are differenced in time; one that is lower began again at 0, and what
// is unknown at an end of a step is unknown in it.
func TestSteps(t *testing.T) {
	r := New([]Series{{"counter", Rate}, {"gauge", Gauge}, {"peak", Peak}, {"p50", Median}, {"p99", Slowest}}, []float64{100, 200})
	at := time.UnixMilli(1_000_000)
	if d := rendering(t, r, Span, Step); len(d.Times) != 0 || len(d.Series) != 5 || len(d.Series["gauge"]) != 0 || len(d.Fsync.Counts) != 0 {
		t.Errorf("of nothing: %+v", d)
	}
	for _, reading := range []struct {
		seconds, counter, gauge, peak float64
		buckets                       []uint64
	}{
		{5, nan, 1, 1, []uint64{7, 0, 0}},
		{5, 100, 2, 9, []uint64{7, 0, 0}},
		{5, 150, 3, 4, []uint64{7, 10, 0}},
		{10, 160, nan, nan, []uint64{7, 10, 5}},
		{5, 20, 5, 6, []uint64{2, 0, 0}}, // the counters began again
	} {
		at = at.Add(time.Duration(reading.seconds * float64(time.Second)))
		r.Add(Reading{At: at, Values: []float64{reading.counter, reading.gauge, reading.peak, 0, 0}, Buckets: reading.buckets})
	}
	want := document{StepMS: 5000, Times: []int64{1_010_000, 1_015_000, 1_025_000, 1_030_000}}
	want.Series = map[string][]*float64{
		"counter": list(nan, 10, 1, 4), "gauge": list(2, 3, nan, 5), "peak": list(9, 4, nan, 6),
		"p50": list(nan, 150, 200, 50), "p99": list(nan, 199, 200, 99),
	}
	want.Fsync.Bounds, want.Fsync.Counts = []float64{100, 200}, [][]uint64{{0, 0, 0}, {0, 10, 0}, {0, 0, 5}, {2, 0, 0}}
	if got := rendering(t, r, Span, Step); !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nwant %s", text(got), text(want))
	}
	want.StepMS, want.Times = 10_000, []int64{1_015_000, 1_030_000}
	want.Series = map[string][]*float64{
		"counter": list(10, 2), "gauge": list(3, 5), "peak": list(9, 6), "p50": list(150, 200), "p99": list(199, 200),
	}
	want.Fsync.Counts = [][]uint64{{0, 10, 0}, {2, 0, 5}}
	if got := rendering(t, r, Span, 2*Step); !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nwant %s", text(got), text(want))
	}
	if got := rendering(t, r, 2*Step, Step); !reflect.DeepEqual(got.Times, []int64{1_025_000, 1_030_000}) {
		t.Errorf("the last two steps are %v", got.Times)
	}
}

func text(d document) []byte { b, _ := json.Marshal(d); return b }

// The ring keeps the last hour, and steps of several stay what they are while
// others follow.
func TestWrapsAround(t *testing.T) {
	r := New([]Series{{"n", Gauge}}, nil)
	at := time.UnixMilli(0)
	for n := range 2*Steps + 4 {
		r.Add(Reading{At: at.Add(time.Duration(n) * Step), Values: []float64{float64(n)}, Buckets: []uint64{0}})
	}
	all := rendering(t, r, Span, Step)
	if n := len(all.Times); n != Steps || *all.Series["n"][0] != Steps+4 || *all.Series["n"][n-1] != 2*Steps+3 {
		t.Fatalf("%d steps, from %v to %v", n, *all.Series["n"][0], *all.Series["n"][n-1])
	}
	coarse := rendering(t, r, Span, 7*Step)
	r.Add(Reading{At: at.Add((2*Steps + 4) * Step), Values: []float64{0}, Buckets: []uint64{0}})
	later := rendering(t, r, Span, 7*Step)
	if !reflect.DeepEqual(coarse.Times[1:len(coarse.Times)-1], later.Times[1:len(coarse.Times)-1]) {
		t.Errorf("steps have moved: %v, now %v", coarse.Times, later.Times)
	}
}

// Forty series and twenty bounds take less than 1 MiB.
func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := New(make([]Series, 41), make([]float64, 20))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<19 {
		t.Errorf("%d bytes", n)
	}
	runtime.KeepAlive(r)
}

func TestPerSecond(t *testing.T) {
	var r Recent
	if r.PerSecond(time.Second) != nil {
		t.Error("rates of nothing")
	}
	at := time.UnixMilli(0)
	add := func(seconds float64, v float64) {
		at = at.Add(time.Duration(seconds * float64(time.Second)))
		r.Add(Reading{At: at, Values: []float64{v}})
	}
	check := func(what string, d time.Duration, want float64) {
		t.Helper()
		if got := r.PerSecond(d)[0]; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	add(1, nan)
	check("unknown", time.Second, nan)
	add(1, 100)
	check("known from now on", time.Second, nan)
	add(1, 110)
	check("a second", time.Second, 10)
	check("less than a minute", time.Minute, 10)
	add(1.2, 134)
	check("a late reading", time.Second, 20)
	add(0.8, 4)
	check("the counter began again", time.Second, 5)
	for range 100 {
		add(1, 4)
	}
	check("long ago", time.Minute, 0)
	add(1, 64)
	check("the last second", time.Second, 60)
	check("the last minute", time.Minute, 1)
	if n := len(r.readings); n != kept {
		t.Errorf("%d readings are kept", n)
	}
	add(-3600, 70)
	check("the clock was put back", time.Minute, nan)
	add(1, 75)
	check("and goes on", time.Minute, 5)
}
