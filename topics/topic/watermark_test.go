package topic

import (
	"testing"

	"github.com/e6e95bb8/topics/topics/entry"
)

// TestWatermarks checks what took a seq, and that the log gets once what
// replay does not find by itself.
func TestWatermarks(t *testing.T) {
	w := watermarks{Capped: 5, TTL: 3}
	for next, want := range map[uint64]string{1: ReasonMixed, 3: ReasonMixed, 4: ReasonCap, 5: ReasonCap} {
		if got := w.reason(next); got != want {
			t.Errorf("%d went by %s, want %s", next, got, want)
		}
	}
	w = watermarks{Capped: 2, TTL: 4}
	if got := w.reason(3); got != ReasonTTL {
		t.Errorf("3 went by %s", got)
	}
	if e, moved := w.Unlogged(7); !moved || e != (entry.Watermark{Topic: 7, ThroughTTL: 4}) {
		t.Errorf("%+v, %v", e, moved)
	}
	if e, moved := w.Unlogged(7); !moved || e.ThroughTTL != 4 { // the log did not take it
		t.Errorf("%+v, %v", e, moved)
	}
	w.Logged(entry.Watermark{Topic: 7, ThroughTTL: 4})
	if e, moved := w.Unlogged(7); moved {
		t.Errorf("%+v again", e)
	}
	w.logCapped = true
	w.Logged(entry.Watermark{Topic: 7, ThroughCap: 1, ThroughTTL: 4}) // of before
	if e, moved := w.Unlogged(7); !moved || e != (entry.Watermark{Topic: 7, ThroughCap: 2, ThroughTTL: 4}) {
		t.Errorf("%+v, %v", e, moved)
	}
	w.Logged(entry.Watermark{Topic: 7, ThroughCap: 2, ThroughTTL: 4})
	if e, moved := w.Unlogged(7); moved {
		t.Errorf("%+v again", e)
	}
	var replayed watermarks
	for seq := uint64(1); seq <= 4; seq++ {
		replayed.replay(seq, entry.Watermark{ThroughCap: 2, ThroughTTL: 4})
		replayed.raise(seq + 1)
	}
	if replayed != (watermarks{Low: 5, Capped: 2, TTL: 4, loggedTTL: 4}) {
		t.Errorf("%+v", replayed)
	}
	replayed.raise(3)
	if replayed.Low != 5 {
		t.Errorf("the low watermark sank to %d", replayed.Low)
	}
}
