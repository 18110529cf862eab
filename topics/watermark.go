package topics

import "github.com/e6e95bb8/topics/topics/entry"

// watermarks are the seqs up to which caps and the ttl have removed a topic's records.
// They only rise.
type watermarks struct {
	low    uint64 // first seq that is not gone
	capped uint64 // highest seq evicted by a cap
	ttl    uint64 // highest seq that expired

	// What the log has of them. Replay finds the rest by itself.
	loggedTTL uint64 // ttl as of the last entry.Watermarks
	logCapped bool   // capped is to go into the next one
}

// raise moves the low watermark to low, if that is higher.
func (w *watermarks) raise(low uint64) { w.low = max(w.low, low) }

// reason returns what took the seqs from next up to the low watermark.
func (w *watermarks) reason(next uint64) string {
	switch byCap, byTTL := w.capped >= next, w.ttl >= next; {
	case byCap && byTTL:
		return ReasonMixed
	case byTTL:
		return ReasonTTL
	}
	return ReasonCap
}

// unlogged returns what the log is to say of the topic's watermarks, and false if
// it has all of it. They then count as logged.
func (w *watermarks) unlogged(id uint64) (e entry.Watermark, moved bool) {
	e, moved = entry.Watermark{Topic: id, ThroughTTL: w.ttl}, w.ttl > w.loggedTTL || w.logCapped
	if w.logCapped {
		e.ThroughCap = w.capped
	}
	w.loggedTTL, w.logCapped = w.ttl, false
	return e, moved
}

// replayThrough raises the watermarks as far as the log says, but not above seq,
// which is gone.
func (w *watermarks) replayThrough(seq uint64, e entry.Watermark) {
	w.capped = max(w.capped, min(seq, e.ThroughCap))
	w.ttl = max(w.ttl, min(seq, e.ThroughTTL))
	w.loggedTTL = max(w.loggedTTL, min(seq, e.ThroughTTL))
}

// replay sets the watermarks to seq, which is gone by what the log says.
func (w *watermarks) replay(seq uint64, e entry.Watermark) {
	if seq <= e.ThroughCap {
		w.capped = seq
	}
	if seq <= e.ThroughTTL {
		w.ttl, w.loggedTTL = seq, seq
	}
}
