package topic

import (
	"math"
	"testing"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"pgregory.net/rapid"
)

// TestKeyWindowState holds that keys are found after a restart as before.
func TestKeyWindowState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w, back index.Keys
		ts := int64(0)
		for range rapid.IntRange(0, 40).Draw(t, "keys") {
			ts += rapid.Int64Range(1, 9).Draw(t, "ms")
			id := index.KeyHash{Hi: rapid.Uint64Range(0, 5).Draw(t, "key"), Lo: 1}
			w.Expire(ts, 20)
			w.Add(index.KeyUse{Hash: id, First: uint64(ts), At: ts, Count: 2}, 20)
		}
		var e Encoder
		v := (&Topic{published: published{Keys: w}}).KeyViewLocked(clock.Moment{Wall: ts, Steady: ts})
		if err := e.Keys(&v, math.MaxUint64, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		d := record.NewDecoder(e.Buf)
		if index.DecodeKeys(&d, &back, 20, ts); d.Failed() || d.Left() > 0 || back.Usage().Keys != w.Usage().Keys {
			t.Fatalf("%+v, %d bytes are left", back, d.Left())
		}
		for now := ts; now <= ts+21; now++ {
			w.Expire(now, 20)
			back.Expire(now, 20)
			for hi := range uint64(6) {
				id := index.KeyHash{Hi: hi, Lo: 1}
				want, _, ok := w.Find(id, now, 20)
				if got, _, found := back.Find(id, now, 20); got != want || found != ok {
					t.Fatalf("at %d: %+v, %v, want %+v, %v", now, got, found, want, ok)
				}
			}
		}
		if !back.Empty() {
			t.Fatalf("%+v is left", back)
		}
	})
}
