package topic

import "math"

// NextLossLocked returns the time (Unix ms) after which t's first record or its first
// key expires, and false if none ever does. t.Mu is held.
func (t *Topic) NextLossLocked() (at int64, any bool) {
	if t.Config == nil {
		return 0, false
	}
	at = math.MaxInt64
	if seq, ts, ok := t.First(); ok && t.Config.TTLMS > 0 {
		at, any = later(t.Arrivals.Of(seq, ts), t.Config.TTLMS), true
	}
	if used, held := t.Keys.Oldest(); held {
		at, any = min(at, later(used, t.Config.IdempotencyWindowMS)), true
	}
	return at, any
}

// later returns ts plus ms, or the last time there is if the sum overflows.
func later(ts, ms int64) int64 {
	if at := ts + ms; at >= ts {
		return at
	}
	return math.MaxInt64
}
