package recovery

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// shape is a kind of write with the time its replay was measured to take
// (BenchmarkReplayOfShapes).
type shape struct {
	records int
	size    int // bytes of each
	cost    time.Duration
}

var (
	lone      = shape{1, 100, 756}
	loneLarge = shape{1, 1 << 20, 1_280_000}
	batch     = shape{100, 100, 14_300}
	batchWide = shape{100, 1000, 108_000}
	batchLong = shape{10_000, 100, 1_640_000}
)

// spell is a number of writes of one shape, one after the other.
type spell struct {
	shape
	n int
}

// of is as many writes as take that long to replay.
func of(s shape, d time.Duration) spell { return spell{s, int(d / s.cost)} }

func repeat(n int, stints ...spell) (all []spell) {
	for range n {
		all = append(all, stints...)
	}
	return all
}

const ms = time.Millisecond

// Progress is true in time, whatever the log is made of. The time is that of
// a clock that goes on with each frame by what its kind was measured to take.
func TestProgressIsTrueInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	for name, log := range map[string][]spell{
		"lone":                    {of(lone, 60*ms)},
		"batches":                 {of(batch, 40*ms)},
		"long batches":            {of(batchLong, 60*ms)},
		"large records":           {of(loneLarge, 20*ms)},
		"lone, then batches":      {of(lone, 60*ms), of(batch, 12*ms)},
		"batches, then lone":      {of(batchWide, 12*ms), of(lone, 60*ms)},
		"lone, then large":        {of(lone, 40*ms), of(loneLarge, 12*ms)},
		"lone and batches":        repeat(400, spell{lone, 200}, spell{batch, 2}),
		"lone and long batches":   repeat(20, spell{lone, 3000}, spell{batchLong, 1}),
		"long and large":          repeat(24, spell{batchLong, 1}, spell{loneLarge, 2}),
		"three kinds and a half":  {of(batchWide, 20*ms), of(lone, 30*ms), of(batch, 20*ms), of(lone, 10*ms)},
		"a short log, mostly air": {of(lone, 2*ms)},
	} {
		for tail, fileBytes := range map[string]int64{"": 8 << 20, ", zeros after it": 24 << 20} {
			t.Run(name+tail, func(t *testing.T) { checkProgress(t, log, fileBytes) })
		}
	}
}

// reading is one look at the gate.
type reading struct {
	health.Progress
	at time.Duration
}

func checkProgress(t *testing.T, log []spell, fileBytes int64) {
	opts := wal.Options{FS: vfs.OS(), Dir: t.TempDir(), LogID: 1, FileBytes: fileBytes, QueueBytes: 64 << 20, QueueWait: time.Minute, DiskSync: time.Hour}
	var times []time.Duration // of each frame
	var bytes int64
	replay, err := wal.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	end, err := replay.Run(func(wal.Frame) error { return nil }, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	l, err := end.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range log {
		payload := make([]byte, 0, 20+s.records*(s.size+4))
		payload = append(payload, 0, 1, 1, 2) // flags, id, first, ts
		payload = binary.AppendUvarint(payload, uint64(s.records))
		head := len(payload)
		payload = payload[:head+s.records*(s.size+4)]
		for i := range payload[head:] {
			payload[head+i] = 'x'
		}
		for range s.n {
			room, err := l.Reserve(t.Context(), len(payload), wal.Patient)
			if err != nil {
				t.Fatal(err)
			}
			span, err := room.Append(1, payload, nil)
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, s.cost)
			bytes += int64(span.End - span.Start)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	clock := time.Unix(1_700_000_000, 0)
	began := clock
	g := health.NewGate(func() time.Time { return clock })
	opts.ReadOnly = true
	if replay, err = wal.Open(opts); err != nil {
		t.Fatal(err)
	}
	p, err := follow(g, replay, 0)
	if err != nil {
		t.Fatal(err)
	}
	if total := g.Progress().BytesTotal; float64(total) > 1.02*float64(bytes)+8<<10 || total < bytes {
		t.Errorf("%d bytes to replay, want %d", total, bytes)
	}
	var seen []reading
	if _, err := replay.Run(func(f wal.Frame) error {
		clock = clock.Add(times[p.done.Frames])
		p.applied(f)
		return nil
	}, func(n int64) {
		if rest := n - g.Progress().BytesTotal; rest > 0 {
			clock = clock.Add(time.Duration(float64(rest-p.done.Rest) * 0.35))
		}
		p.read(n)
		seen = append(seen, reading{g.Progress(), clock.Sub(began)})
	}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		clock = clock.Add(health.SettleTime / 10)
		seen = append(seen, reading{g.Progress(), clock.Sub(began)})
	}
	whole := clock.Sub(began)
	var off, late float64
	for _, r := range seen {
		share := float64(r.at) / float64(whole)
		off = max(off, math.Abs(r.Fraction-share))
		left := whole - r.at
		if miss := math.Abs(float64(r.ETA - left)); share >= 0.2 && miss > 0.05*float64(whole) {
			late = max(late, miss/float64(left))
		}
	}
	if off > 0.05 || late > 0.2 {
		t.Errorf("of %v in %d readings: the fraction is off by up to %.3f, the time left by up to %.0f %%", whole, len(seen), off, 100*late)
	}
}
