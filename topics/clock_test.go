package topics

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

const (
	hour = int64(3_600_000)
	year = 365 * 24 * hour
)

// jumpy is a world whose wall clock jumps, and what of it must be there.
type jumpy struct {
	*world
	random *rand.Rand
	passed int64 // the time that has really passed
	ahead  int64 // the wall clock is wrong by that
	began  int64 // and was when this run began
	window int64

	records []arrived // every one, by seq
	keys    map[string]int
	floor   uint64
	ops     int
}

// arrived is a record, or the key of its write.
type arrived struct {
	ts int64
	// When it came, by the time that passed, as the rule has it: it came no
	// earlier than first, and counts as one that came no later than last. The
	// key's after a restart are not the record's.
	first, last       int64
	keyFirst, keyLast int64
	gone              bool
	keyOver           bool // it was once, and a start may know it again or not
	// As the last checkpoint has the key, on the wall clock.
	kept                  bool
	storedFirst, storedTo int64
}

const jumpyTTL = 2 * hour

func newJumpy(t *testing.T, seed uint64) *jumpy {
	j := &jumpy{random: rand.New(rand.NewPCG(seed, 5)), keys: map[string]int{}, window: hour, passed: 10 * year}
	j.world = newWorld(t, func(w *world) {
		w.opt.Now = func() int64 { return j.passed + j.ahead }
		w.opt.Elapsed = func() int64 { return j.passed }
	})
	j.put("a", &record.ConfigPatch{TTLMS: ptr(jumpyTTL), IdempotencyWindowMS: ptr(j.window)})
	return j
}

// over reports whether something that came between two times is over by now;
// unsure: the rule allows both.
func (j *jumpy) over(first, last, after int64) (over, unsure bool) {
	over = j.passed-last > after+clock.MaxStep
	return over, !over && j.passed-first > after
}

func (j *jumpy) write() {
	wr := &topic.Write{Records: records(1)}
	if j.random.IntN(2) == 0 {
		wr.IdempotencyKey = fmt.Sprint("k", j.random.IntN(12))
	}
	out := j.append("a", wr)
	if at, known := j.keys[wr.IdempotencyKey]; known {
		a := &j.records[at]
		over, unsure := j.over(a.keyFirst, a.keyLast, j.window)
		unsure = unsure || a.keyOver && !over
		if !unsure && out.Deduped == over {
			j.t.Fatalf("operation %d: key %s, used %d to %d ms ago: %+v", j.ops, wr.IdempotencyKey, j.passed-a.keyLast, j.passed-a.keyFirst, out)
		}
	} else if out.Deduped {
		j.t.Fatalf("operation %d: key %s was never used: %+v", j.ops, wr.IdempotencyKey, out)
	}
	if out.Deduped {
		return
	}
	a := arrived{ts: j.state("a").LastWrite, first: j.passed, last: j.passed, keyFirst: j.passed, keyLast: j.passed}
	if n := len(j.records); out.First != uint64(n+1) || n > 0 && a.ts < j.records[n-1].ts || a.ts < j.passed+j.ahead {
		j.t.Fatalf("operation %d: %+v at %d", j.ops, out, a.ts)
	}
	j.records = append(j.records, a)
	if wr.IdempotencyKey != "" {
		j.keys[wr.IdempotencyKey] = len(j.records) - 1
	}
}

// begin applies the rule of a start: what is there came at its timestamp, by the
// wall clock of the start, or now.
func (j *jumpy) begin() {
	j.began = j.ahead
	var latest int64
	for i := range j.records {
		a := &j.records[i]
		a.first = j.passed - max(0, j.passed+j.ahead-a.ts)
		a.last = a.first
		a.keyFirst, a.keyLast = a.first, a.first
		if a.kept {
			a.keyFirst = min(a.keyFirst, j.passed-max(0, j.passed+j.ahead-a.storedFirst))
			a.keyLast = max(a.keyLast, j.passed-max(0, j.passed+j.ahead-a.storedTo))
		}
		latest = max(latest, a.keyLast)
		a.keyLast = latest // a key comes no earlier than those before it
	}
}

func (j *jumpy) check() {
	live := map[uint64]int64{}
	b := j.read("a", 0)
	for _, rec := range b.Records {
		live[rec.Seq] = rec.TS
	}
	if b.Tombstone != nil && b.Tombstone.Reason != topic.ReasonTTL {
		j.t.Fatalf("operation %d: %+v", j.ops, b.Tombstone)
	}
	for i := range j.records {
		a, seq := &j.records[i], uint64(i+1)
		ts, there := live[seq]
		over, unsure := j.over(a.first, a.last, jumpyTTL)
		switch {
		case there && (a.gone || ts != a.ts):
			j.t.Fatalf("operation %d: seq %d is back, or changed", j.ops, seq)
		case !a.gone && !unsure && there == over:
			j.t.Fatalf("operation %d: seq %d, there: %v, came %d to %d ms ago", j.ops, seq, there, j.passed-a.last, j.passed-a.first)
		}
		a.gone = !there
	}
	if len(b.Records) < len(j.records) && b.Tombstone == nil {
		j.t.Fatalf("operation %d: expired without a word", j.ops)
	}
	floor := j.catalog.Lookup("a").Marks.Low
	if floor < j.floor || floor > b.Earliest {
		j.t.Fatalf("operation %d: the floor goes from %d to %d, below %d", j.ops, j.floor, floor, b.Earliest)
	}
	j.floor = floor
}

func (j *jumpy) step() {
	j.ops++
	for i := range j.records {
		a := &j.records[i]
		a.keyOver = a.keyOver || j.passed-a.keyFirst > j.window
	}
	switch n := j.random.IntN(20); {
	case n < 8:
		j.write()
	case n < 11:
		j.passed += j.random.Int64N(hour / 4)
	case n < 13:
		jumps := []int64{2000, hour, 24 * hour, year, 50 * year}
		j.ahead += (1 - 2*j.random.Int64N(2)) * jumps[j.random.IntN(len(jumps))]
		j.ahead = max(j.ahead, -j.passed)
		j.shared.Steady() // the clock is read between two jumps
	case n < 14:
		j.ahead = 0
		j.shared.Steady()
	case n < 16:
		j.Sweep(context.Background())
	case n < 17:
		j.checkpoint(nil)
		for i := range j.records {
			a := &j.records[i]
			ahead := j.began + max(0, j.ahead-j.began)
			a.kept, a.storedFirst, a.storedTo = true, a.keyFirst+ahead, a.keyLast+ahead+clock.MaxStep
			if ts := j.catalog.Lookup("a").AssignedTS; ts > j.passed+j.ahead {
				a.storedTo = max(a.storedTo, ts)
			}
		}
	case n < 18:
		j.Sweep(context.Background())
		j.check()
		if j.random.IntN(2) == 0 {
			j.world.write("b", 1) // the note of the sweep lies before it
			j.kill()
		} else {
			j.restart()
		}
		j.begin()
	default:
		j.check()
	}
}

// TestJumpingClock has a wall clock jump by hours and by years, forward and
// back, between writes, sweeps, checkpoints and restarts. In one run what is
// over follows the time that really passed; a start follows the wall clock, and
// takes a future timestamp for now. When the clock is right again, everything goes.
func TestJumpingClock(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			j := newJumpy(t, seed)
			for range 150 {
				j.step()
			}
			j.ahead = 0
			j.delete("b", false)
			for range 2 {
				j.passed += jumpyTTL + 2*clock.MaxStep
				j.Sweep(t.Context())
			}
			got := j.Totals()
			if got.Records != 0 || got.Bytes != 0 || got.IdempotencyKeys != 0 || got.IdempotencyBytes != 0 || j.catalog.Lookup("a").Arrivals != nil {
				t.Fatalf("%+v is left, and %+v", got, j.catalog.Lookup("a").Arrivals)
			}
			j.shared.Log.Close()
		})
	}
}

// TestYearAhead is one write with the clock a year ahead.
func TestYearAhead(t *testing.T) {
	j := newJumpy(t, 1)
	keyed := func(key string, want bool) {
		t.Helper()
		if out := j.append("a", keyedWrite(key, 1)); out.Deduped != want {
			t.Fatalf("key %s: %+v", key, out)
		}
	}
	keyed("before", false)
	j.ahead = year
	keyed("before", true) // the clock is wrong, and no time has passed
	keyed("ahead", false)
	ts := j.state("a").LastWrite
	j.ahead = 0
	for range 10 {
		j.passed += 10 * 60_000
		keyed(fmt.Sprint(j.passed), false)
	}
	if got := j.state("a"); got.LastWrite != ts || got.Count != 12 {
		t.Fatalf("timestamps stand still until the clock has come to them: %+v", got)
	}
	j.Sweep(t.Context())
	keyed("ahead", false) // its hour is over
	for i, want := range []int64{13, 13, 11, 10, 9} {
		j.passed += 10 * 60_000
		j.Sweep(t.Context())
		if got := j.state("a").Count; got != want {
			t.Fatalf("%d minutes after the last: %d records are left, want %d", 10*(i+1), got, want)
		}
	}
	// What a restart finds came now, if its timestamp is to come.
	j.kill()
	j.passed += jumpyTTL - 1000
	j.Sweep(t.Context())
	if got := j.state("a").Count; got == 0 {
		t.Fatal("records expired before their time")
	}
	j.passed += 3000
	j.Sweep(t.Context())
	if got := j.Totals(); got.Records != 0 || got.IdempotencyKeys != 0 {
		t.Fatalf("%+v is left", got)
	}
}

// TestClockBehindAtStart starts with a clock in the past, as a machine without a
// battery does, which is set right soon: nothing expires by that.
func TestClockBehindAtStart(t *testing.T) {
	j := newJumpy(t, 1)
	j.append("a", keyedWrite("k", 1))
	j.ahead = -j.passed
	j.restart()
	j.append("a", keyedWrite("l", 1))
	j.passed += 5000
	j.ahead = 0
	j.Sweep(t.Context())
	if got := j.state("a"); got.Count != 2 {
		t.Fatalf("%+v", got)
	}
	for _, key := range []string{"k", "l"} {
		if out := j.append("a", keyedWrite(key, 1)); !out.Deduped {
			t.Fatalf("key %s: %+v", key, out)
		}
	}
}

// TestCheckpointBehind takes a checkpoint while the clock is slow, and starts
// from it when the clock is right again: no key is forgotten by that.
func TestCheckpointBehind(t *testing.T) {
	j := newJumpy(t, 1)
	j.append("a", keyedWrite("k", 1))
	j.ahead = -year
	j.restart()
	j.checkpoint(nil)
	j.checkpoint(nil)
	j.passed += 5000
	j.ahead = 0
	j.restart()
	if out := j.append("a", keyedWrite("k", 1)); !out.Deduped {
		t.Fatalf("%+v", out)
	}
}
