package topic

import "github.com/e6e95bb8/topics/topics/entry"

// watermarks are the seqs up to which caps and the ttl have removed a topic's records.
// They only rise.
type watermarks struct {
	Low    uint64 // first seq that is not gone
	Capped uint64 // highest seq evicted by a cap
	TTL    uint64 // highest seq that expired

	// What the log has of them. Replay finds the rest by itself.
	loggedTTL uint64 // ttl as of the last entry.Watermarks
	logCapped bool   // capped is to go into the next one
}

// raise moves the low watermark to low, if that is higher.
func (w *watermarks) raise(low uint64) { w.Low = max(w.Low, low) }

// reason returns what took the seqs from next up to the low watermark.
func (w *watermarks) reason(next uint64) string {
	switch byCap, byTTL := w.Capped >= next, w.TTL >= next; {
	case byCap && byTTL:
		return ReasonMixed
	case byTTL:
		return ReasonTTL
	}
	return ReasonCap
}

// Unlogged returns what the log is to say of the topic's watermarks, and false if
// it has all of it.
func (w *watermarks) Unlogged(id uint64) (e entry.Watermark, moved bool) {
	e, moved = entry.Watermark{Topic: id, ThroughTTL: w.TTL}, w.TTL > w.loggedTTL || w.logCapped
	if w.logCapped {
		e.ThroughCap = w.Capped
	}
	return e, moved
}

// Logged notes that the log has what Unlogged returned. The watermarks may have risen
// since.
func (w *watermarks) Logged(e entry.Watermark) {
	w.loggedTTL = max(w.loggedTTL, e.ThroughTTL)
	w.logCapped = w.logCapped && w.Capped > e.ThroughCap
}

// replayThrough raises the watermarks as far as the log says, but not above seq,
// which is gone.
func (w *watermarks) replayThrough(seq uint64, e entry.Watermark) {
	w.Capped = max(w.Capped, min(seq, e.ThroughCap))
	w.TTL = max(w.TTL, min(seq, e.ThroughTTL))
	w.loggedTTL = max(w.loggedTTL, min(seq, e.ThroughTTL))
}

// replay sets the watermarks to seq, which is gone by what the log says.
func (w *watermarks) replay(seq uint64, e entry.Watermark) {
	if seq <= e.ThroughCap {
		w.Capped = seq
	}
	if seq <= e.ThroughTTL {
		w.TTL, w.loggedTTL = seq, seq
	}
}
