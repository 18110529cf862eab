package audit

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// world is a trail with its log and its clock.
type world struct {
	*Trail
	keys  *auth.Keys
	now   time.Time
	lines []logged
}

// logged is a line of the log.
type logged struct {
	Key, Remote, Route, Target, Outcome string
	Suppressed                          int64
	At                                  *time.Time
	written                             time.Time // by the trail's clock
}

// what returns what is equal in all reads that the line is about.
func (l *logged) what() read {
	return readOf(&Entry{Key: l.Key, Remote: l.Remote, Route: l.Route, Target: l.Target, Outcome: l.Outcome})
}

// Write implements io.Writer for the log.
func (w *world) Write(line []byte) (int, error) {
	l := logged{written: w.Trail.now()}
	if err := json.Unmarshal(line, &l); err != nil {
		return 0, err
	}
	w.lines = append(w.lines, l)
	return len(line), nil
}

func newWorld(keys string) *world {
	w := &world{now: time.UnixMilli(1_000_000)}
	var err error
	if w.keys, err = auth.Parse(keys); err != nil {
		panic(err)
	}
	bounds := new(call.Bounds)
	bounds.Set(context.Background(), &call.Options{Limits: new(wire.Limits), Keys: w.keys})
	w.Trail = New(zerolog.New(w), func() time.Time { return w.now }, bounds)
	return w
}

// note puts a call of a key on the trail.
func (w *world) note(key, method, target, code string) {
	c := &call.Call{
		Request: httptest.NewRequest(method, "/", nil), Key: w.keys.Find(key), Status: 200,
		Route: &call.Route{Method: method, Pattern: "/", Kind: call.AdminRead},
	}
	if method != "GET" {
		c.Route.Kind = call.Admin
	}
	w.Note(c, target, code, w.Trail.now())
}

// The trail is the list of its lines, of which it keeps the last ones, with reads and
// without. Within a minute each read has a line or is counted in one about the same read, and
// there are no two lines about the same read within a minute.
func TestTrailAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld("a-key,another-key::t")
		calls, seen := map[read]int64{}, 0 // reads that are on no line yet; lines that were looked at
		last := map[read]time.Time{}       // when the last line was written
		look := func() {
			for ; seen < len(w.lines); seen++ {
				l := w.lines[seen]
				if !strings.HasPrefix(l.Route, "GET") {
					if l.Suppressed != 0 || l.At != nil {
						t.Fatalf("a change's line: %+v", l)
					}
					continue
				}
				what := l.what()
				if calls[what] -= 1 + l.Suppressed; calls[what] < 0 {
					t.Fatalf("more reads than there were: %+v", l)
				}
				if at, known := last[what]; known && l.written.Sub(at) < repeatTime {
					t.Fatalf("another line after %v: %+v", l.written.Sub(at), l)
				}
				last[what] = l.written
			}
			for what, n := range calls {
				if n > 0 && w.now.Sub(last[what]) >= repeatTime {
					t.Fatalf("%d reads are on no line after a minute: %v", n, what)
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "ms")) * time.Millisecond)
			key := rapid.SampledFrom([]string{"a-key", "another-key"}).Draw(t, "key")
			code := rapid.SampledFrom([]string{"", "topic_not_found"}).Draw(t, "code")
			method := rapid.SampledFrom([]string{"GET", "GET", "GET", "PUT"}).Draw(t, "method")
			targets := rapid.SampledFrom([]int{1, 3, 200}).Draw(t, "targets")
			for i := range rapid.IntRange(1, 200).Draw(t, "calls") {
				target := "t" + strconv.Itoa(i%targets)
				if method == "GET" {
					outcome := code
					if outcome == "" {
						outcome = "ok"
					}
					calls[read{w.keys.Find(key).ID, "192.0.2.1", "GET /", target, outcome}]++
				}
				w.note(key, method, target, code)
			}
			look()
			if n := len(w.repeats.reads); n != len(w.repeats.queue) || n > maxReads {
				t.Fatalf("%d reads are remembered, %d in the queue", n, len(w.repeats.queue))
			}
		}
		if rapid.Bool().Draw(t, "late") {
			w.now = w.now.Add(repeatTime)
			w.sweep()
			look()
		}
		before := len(w.lines)
		w.end()
		for _, l := range w.lines[before:] {
			calls[l.what()] -= 1 + l.Suppressed
		}
		for what, n := range calls {
			if n != 0 {
				t.Errorf("%d reads are on no line in the end: %v", n, what)
			}
		}
		for _, reads := range []bool{true, false} {
			var want, got []string
			for _, l := range slices.Backward(w.lines) {
				if (reads || !strings.HasPrefix(l.Route, "GET")) && len(want) < Kept {
					want = append(want, l.Key+l.Target+l.Outcome)
				}
			}
			for _, e := range w.last(Kept, reads, func(*Entry) bool { return true }) {
				got = append(got, e.Key+e.Target+e.Outcome)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("reads %v: %d entries, want %d: %q, want %q", reads, len(got), len(want), got, want)
			}
			if n := w.count(reads); n != len(want) {
				t.Fatalf("%d entries can be shown, want %d", n, len(want))
			}
		}
	})
}

// A key never sees a number of reads that it does not see.
func TestRepeatsStayWithTheirKey(t *testing.T) {
	w := newWorld("a-key,bound-key::in")
	for range 501 {
		w.note("a-key", "GET", "", "")
	}
	for i := range maxReads { // more than are remembered
		w.note("a-key", "GET", "out"+strconv.Itoa(i), "")
	}
	w.now = w.now.Add(repeatTime)
	w.note("bound-key", "GET", "in1", "")
	bound := w.keys.Find("bound-key")
	seen := w.last(Kept, true, func(e *Entry) bool { return maySee(bound, e) })
	if len(seen) != 1 || seen[0].Suppressed != 0 {
		t.Errorf("it sees %+v", seen)
	}
	all := w.last(2, true, func(*Entry) bool { return true })
	if e := all[1]; e.Target != "server" || e.Key != w.keys.Find("a-key").ID || e.Suppressed != 499 {
		t.Errorf("%+v", all)
	}
}

// The repeats of a read that does not come back are on a line when its minute is over,
// though nothing else is called, and at the end.
func TestRepeatsAreWrittenByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a-key")
		w.Trail.now = time.Now
		ctx, cancel := context.WithCancel(t.Context())
		var kept sync.WaitGroup
		kept.Go(func() { w.Keep(ctx) })
		reads := func(n int) (at time.Time) {
			for range n {
				time.Sleep(time.Second)
				w.note("a-key", "GET", "t", "")
			}
			return time.Now()
		}
		began := time.Now()
		last := reads(10)
		time.Sleep(repeatTime)
		synctest.Wait()
		if len(w.lines) != 2 {
			t.Fatalf("%+v", w.lines)
		}
		first, late := w.lines[0], w.lines[1]
		if first.Suppressed != 0 || first.At != nil || late.Suppressed != 8 || late.At == nil || late.At.Unix() != last.Unix() {
			t.Errorf("%+v", w.lines)
		}
		if after := late.written.Sub(began); after > repeatTime+2*time.Second {
			t.Errorf("it was written after %v", after)
		}
		if e := w.Trail.last(1, true, func(*Entry) bool { return true })[0]; e.Time != last.UnixMilli() || e.Suppressed != 8 {
			t.Errorf("%+v", e)
		}
		time.Sleep(2 * repeatTime)
		reads(3)
		cancel()
		kept.Wait()
		if n := len(w.lines); n != 4 || w.lines[3].Suppressed != 1 {
			t.Errorf("%+v", w.lines)
		}
		reads(2) // nothing would write their number any more
		if n := len(w.lines); n != 6 {
			t.Errorf("%d lines after the end", n)
		}
	})
}

// While the log does not take the line of a repeated read, the trail can be listed, and further
// repeats are counted.
func TestAHangingLogHoldsUpNoLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a-key")
		w.Trail.now = time.Now
		w.note("a-key", "GET", "t", "")
		w.note("a-key", "GET", "t", "")
		hangs := make(chan struct{})
		w.log = w.log.Output(writerFunc(func(line []byte) (int, error) {
			<-hangs
			return w.Write(line)
		}))
		ctx, cancel := context.WithCancel(t.Context())
		var kept sync.WaitGroup
		kept.Go(func() { w.Keep(ctx) })
		time.Sleep(repeatTime + time.Second)
		synctest.Wait() // it hangs
		w.note("a-key", "GET", "t", "")
		if all := w.last(Kept, true, func(*Entry) bool { return true }); len(all) != 2 || len(w.lines) != 1 {
			t.Errorf("%d entries, %d lines", len(all), len(w.lines))
		}
		cancel()
		close(hangs)
		kept.Wait()
		if n := len(w.lines); n != 3 {
			t.Errorf("%d lines in the end", n)
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(line []byte) (int, error) { return f(line) }

// A line that stands for repeats begins a minute anew: while they go on there is one a
// minute.
func TestALineAMinute(t *testing.T) {
	w := newWorld("a-key")
	const reads = 600
	for range reads {
		w.note("a-key", "GET", "", "")
		w.now = w.now.Add(time.Second)
	}
	w.end()
	total := int64(0)
	for _, l := range w.lines {
		total += 1 + l.Suppressed
	}
	if len(w.lines) != 11 || total != reads { // the first, and one at the end of each minute
		t.Errorf("%d lines about %d reads", len(w.lines), total)
	}
}

// Only so many reads are remembered; those beyond are all on the trail, until there is
// room. A clock that is set back ends all minutes, or makes one a little longer.
func TestRepeatsAreBounded(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	var r repeats
	fold := func(i int) bool {
		return r.fold(&Entry{Route: "GET /", Target: strconv.Itoa(i), Outcome: "ok"}, now)
	}
	remembered := func(want int) {
		t.Helper()
		if len(r.reads) != want || len(r.queue) != want {
			t.Fatalf("%d reads are remembered, %d in the queue, want %d", len(r.reads), len(r.queue), want)
		}
	}
	for i := range maxReads {
		if fold(i) {
			t.Fatalf("read %d is a repeat", i)
		}
	}
	for range 2 {
		if !fold(7) {
			t.Error("a repeat is none")
		}
		if fold(maxReads) {
			t.Error("a read that is not remembered is a repeat")
		}
	}
	remembered(maxReads)
	now = now.Add(repeatTime - 1)
	if due := r.over(now); due != nil {
		t.Errorf("due too early: %+v", due)
	}
	now = now.Add(1)
	if due := r.over(now); len(due) != 1 || due[0].Target != "7" || due[0].Suppressed != 1 {
		t.Errorf("due: %+v", due)
	}
	remembered(1)
	if fold(maxReads) || !fold(maxReads) || !fold(7) {
		t.Error("there is no room")
	}
	now = now.Add(-time.Second)
	if due := r.over(now); due != nil || fold(8) || !fold(8) {
		t.Errorf("due after the clock was set back a little: %+v", due)
	}
	now = now.Add(-time.Hour)
	if due := r.over(now); len(due) != 3 {
		t.Errorf("due after the clock was set back: %+v", due)
	}
	remembered(3)
	now = now.Add(repeatTime)
	if due := r.over(now); due != nil {
		t.Errorf("due again: %+v", due)
	}
	remembered(0)
}

// An entry keeps its target, and not the request that it was a part of.
func TestAuditKeepsNoRequest(t *testing.T) {
	bounds := new(call.Bounds)
	bounds.Set(t.Context(), &call.Options{Limits: new(wire.Limits), Keys: new(auth.Keys)})
	trail := New(zerolog.Nop(), time.Now, bounds)
	path := "/v0/topics/t?" + strings.Repeat("x", 1000)
	c := &call.Call{Request: httptest.NewRequest("DELETE", path, nil), Key: auth.Anonymous(), Route: &call.Route{Method: "DELETE"}}
	trail.Note(c, path[11:12], "", time.Now())
	got := trail.last(1, true, func(*Entry) bool { return true })
	if len(got) != 1 || got[0].Target != "t" {
		t.Fatalf("%+v", got)
	}
	if unsafe.StringData(got[0].Target) == unsafe.StringData(path[11:]) {
		t.Error("the target is a part of the path")
	}
}
