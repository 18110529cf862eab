package recovery_test

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// The seq of a time is found by the indexes of segments, which stay when the data is
// moved to the cold directory: that one is not read, before and after a restart, also
// where a cap and the ttl have taken the beginning of what is there.
func TestTimeInColdSegments(t *testing.T) {
	const began = 1_000_000
	// A read of the cold directory while it is stuck would wait for ever.
	fsys := &stuckFS{FS: crashfs.New(), asked: make(chan struct{}, 1), answer: make(chan struct{})}
	now := int64(began)
	change := func(o *recovery.Options) {
		o.Storage.HotSegments, o.Storage.CacheBytes = 1, 0
		o.Topics.Now = func() int64 { return now }
	}
	data := start(t, fsys, change)
	ctx := context.Background()
	var times []int64 // of seq i+1
	for range 5 {
		for range 4 {
			now += 10
			if len(times) == 8 {
				now -= 55 // a clock that is set back: timestamps do not decrease
			}
			load(t, data, 2)
			latest := now
			if len(times) > 0 {
				latest = max(now, times[len(times)-1])
			}
			times = append(times, latest, latest)
		}
		take(t, data)
	}
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	hold := func(when string, gone uint64) {
		t.Helper()
		fsys.stuck.Store(true)
		defer fsys.stuck.Store(false)
		for ts := times[0] - 1; ts <= times[len(times)-1]+1; ts++ {
			want := uint64(0)
			for want < uint64(len(times)) && times[want] < ts {
				want++
			}
			got, err := data.Registry.Before(ctx, "a", ts)
			// Where nothing earlier is left, a reader begins where it sees what was lost.
			if err != nil || got != want && (want > gone || got > want) {
				t.Fatalf("%s: before %d: %d, %v, want %d", when, ts-began, got, err, want)
			}
		}
	}
	hold("moved to the cold directory", 0)
	limit := int64(len(times) - 5)
	if _, err := data.Registry.Patch(ctx, "a", &record.ConfigPatch{CapRecords: &limit}); err != nil {
		t.Fatal(err)
	}
	hold("beyond a cap", 5)
	take(t, data)
	if err := data.Close(ctx); err != nil {
		t.Fatal(err)
	}
	data = start(t, fsys, change)
	hold("after a restart", 5)
	ttl := now - times[20] // what is older is gone
	if _, err := data.Registry.Patch(ctx, "a", &record.ConfigPatch{TTLMS: &ttl}); err != nil {
		t.Fatal(err)
	}
	state, err := data.Registry.State("a", false)
	if err != nil || state.Earliest < 6 || state.Count == 0 {
		t.Fatalf("%+v, %v", state, err)
	}
	hold("beyond the ttl", state.Earliest-1)
	b, err := data.Registry.Read(ctx, "a", &topic.Query{From: state.Earliest - 1, Limit: 1, MaxBytes: 1})
	if err != nil || len(b.Records) != 1 || b.Cost.Cold == 0 {
		t.Errorf("a read there is not cold: %+v, %v", b, err)
	}
}
