package topics

import "github.com/e6e95bb8/topics/wal"

// Everything in this file runs the same for a live write and for its replay:
// it is the only code that changes what readers see, and it depends on nothing
// but the entry, so that a replayed topic is the topic that was.

// apply publishes one entry on t. t.mu is held.
func (r *Registry) apply(t *topic, e *entry, lsn wal.LSN, sizes []uint32, bytes int64, body []byte) {
	r.expire(t, e.ts)
	switch e.typ {
	case entryCreate:
		r.applyCreate(t, e)
	case entryConfig:
		r.jump(t, e.last, ReasonCrash)
		r.applyConfig(t, e.config)
		r.trim(t)
	case entryLost:
		r.applyLost(t, lostRange{e.first, e.last, e.reason})
	case entryAppend:
		if e.create {
			r.applyCreate(t, e)
		}
		r.jump(t, e.first-1, ReasonCrash)
		t.index.add(lsn, e.first, e.ts, sizes, body)
		t.head = e.first + uint64(e.count) - 1
		t.lastWrite = e.ts
		r.grow(t, sums{int64(e.count), bytes})
		r.trim(t)
		if e.key != nil {
			k := keyed{first: e.first, count: uint32(e.count), ts: e.ts}
			t.keys.add(r.keyID(e.key), k, t.cfg.IdempotencyWindowMS)
			r.sweeper.visit(t)
		}
		r.totals.appended.add(sums{int64(e.count), bytes})
	}
	t.notify()
}

func (r *Registry) applyCreate(t *topic, e *entry) {
	t.visible = true
	r.totals.topics.Add(1)
	r.applyConfig(t, e.config)
}

func (r *Registry) applyConfig(t *topic, c *Config) {
	r.totals.count(t.cfg, -1)
	t.cfg = r.intern(c)
	r.totals.count(t.cfg, +1)
	if t.cfg.TTLMS > 0 {
		r.sweeper.visit(t)
	}
}

// jump moves the head over seqs that were given out and whose records are not
// in the log: ephemeral ones, or ones that a crash took.
func (r *Registry) jump(t *topic, head uint64, reason string) {
	if head > t.head {
		r.applyLost(t, lostRange{t.head + 1, head, reason})
	}
}

// applyLost notes a lost range above the head and moves the head over it.
func (r *Registry) applyLost(t *topic, l lostRange) {
	if n := len(t.lost); n > 0 && t.lost[n-1].to+1 == l.from && t.lost[n-1].reason == l.reason {
		t.lost[n-1].to = l.to
	} else {
		t.lost = append(t.lost, l)
	}
	t.head = max(t.head, l.to)
	t.assigned = max(t.assigned, t.head)
}

func (r *Registry) grow(t *topic, d sums) {
	t.live.records += d.records
	t.live.bytes += d.bytes
	r.totals.live.add(d)
}

// pop drops t's first live record.
func (r *Registry) pop(t *topic) (seq uint64) {
	seq, _, _ = t.index.front()
	bytes, freed := t.index.pop()
	r.grow(t, sums{-1, -bytes})
	r.totals.ephemeral.Add(-int64(freed))
	return seq
}

// trim evicts the oldest records until the caps hold.
func (r *Registry) trim(t *topic) {
	before := t.capThrough
	for c := t.cfg; c.CapRecords > 0 && t.live.records > c.CapRecords || c.CapBytes > 0 && t.live.bytes > c.CapBytes; {
		if !t.index.frontIsEphemeral() && t.index.ephemeral > 0 {
			// Replay, which does not see the ephemeral ones, would keep it.
			t.noteCap = true
			r.sweeper.visit(t)
		}
		t.capThrough = r.pop(t)
		r.totals.evictedCap.Add(1)
	}
	if t.capThrough > before {
		t.raiseFloor(t.capThrough + 1)
	}
}

// applyFloors drops what a note of the sweeper says is gone. Seqs that are not
// here were ephemeral: they are lost, whatever else became of them.
func (r *Registry) applyFloors(t *topic, f floors) {
	for {
		seq, _, ok := t.index.front()
		if !ok || seq > max(f.byCap, f.byTTL) {
			return
		}
		r.pop(t)
		if seq <= f.byCap {
			t.capThrough = seq
		}
		if seq <= f.byTTL {
			t.ttlThrough, t.ttlNoted = seq, seq
		}
		t.raiseFloor(seq + 1)
	}
}

// expire drops the records whose time is over at now. t.mu is held for
// writing.
func (r *Registry) expire(t *topic, now int64) {
	if t.cfg == nil || t.cfg.TTLMS == 0 {
		return
	}
	before := t.ttlThrough
	for t.due(now) {
		t.ttlThrough = r.pop(t)
		r.totals.evictedTTL.Add(1)
	}
	if t.ttlThrough > before {
		t.raiseFloor(t.ttlThrough + 1)
	}
}

// due says whether the first live record has expired at now.
func (t *topic) due(now int64) bool {
	_, ts, ok := t.index.front()
	return ok && t.cfg != nil && t.cfg.TTLMS > 0 && now-ts > t.cfg.TTLMS
}

// raiseFloor moves the evict floor and forgets lost ranges below it: the
// floor's own tombstone covers them.
func (t *topic) raiseFloor(floor uint64) {
	t.evictFloor = max(t.evictFloor, floor)
	drop := 0
	for drop < len(t.lost) && t.lost[drop].to < t.evictFloor {
		drop++
	}
	t.lost = t.lost[drop:]
}
