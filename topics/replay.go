package topics

import (
	"context"
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Replay applies one frame of the log. It must be called in the order of the
// log, by one goroutine, before Start.
func (r *Registry) Replay(f wal.Frame) error {
	e, err := decodeEntry(f.Type, f.Payload)
	if err != nil {
		return err
	}
	switch e.typ {
	case entryRouter:
		return r.replayRouter(&e, f)
	case entryUnroute:
		r.endRouter(e.router)
		return nil
	case entryForward:
		r.replayCursor(&e, f)
		if e.note {
			return nil
		}
	case entryFloors:
		for _, n := range e.floors {
			if t := r.byID[n.id]; t != nil && f.LSN >= t.applied {
				r.applyFloors(t, n)
			}
		}
		return nil
	}
	if e.typ == entryCreate || e.create {
		if err := r.replayCreate(&e); err != nil {
			return err
		}
	}
	t := r.byID[e.id]
	switch {
	case t != nil && f.LSN < t.applied:
		return nil // the checkpoint has it
	case t == nil && e.id > 0 && e.id < r.nextID:
		return nil // written before, and ordered behind, the topic's drop
	case t == nil:
		return fmt.Errorf("topics: entry of type %d for unknown topic id %d", e.typ, e.id)
	}
	return r.replayOn(t, &e, f)
}

func (r *Registry) replayCreate(e *entry) error {
	if e.config == nil || record.CheckName(e.name) != nil || e.id < r.nextID {
		return fmt.Errorf("%w: creation of topic id %d", record.ErrMalformed, e.id)
	}
	if _, taken := r.byName.Get(e.name); taken {
		return fmt.Errorf("%w: topic id %d takes a name in use", record.ErrMalformed, e.id)
	}
	t := &topic{id: e.id, name: e.name}
	r.nextID = e.id + 1
	r.byID[e.id] = t
	r.byName.Set(e.name, t)
	return nil
}

func (r *Registry) replayOn(t *topic, e *entry, frame wal.Frame) error {
	at := min(e.ts, r.steady())
	f := frameParts{span: wal.Span{Start: frame.LSN, End: frame.End}, came: moment{at, at}}
	switch e.typ {
	case entryDrop:
		r.cascade(t)
		r.forget(t)
		return nil
	case entryReserve:
		t.reserve.ceiling, t.reserve.given = e.ceiling, max(t.reserve.given, e.last)
		r.sweeper.visit(t)
		return nil
	case entryAppend, entryForward:
		if e.trim {
			break
		}
		records, err := r.recordsOf(e)
		if err != nil {
			return err
		}
		s := &r.scratch
		if s.sizes, s.tags, err = recordColumns(s.sizes[:0], s.tags[:0], records, e.count); err != nil {
			return err
		}
		f.sizes, f.tags = s.sizes, s.tags
		for _, n := range s.sizes {
			f.bytes += int64(n)
		}
	}
	if !t.follows(e) {
		return fmt.Errorf("%w: entry of type %d (seqs from %d to %d, %d records, at %d ms) cannot follow on topic id %d, whose head is %d at %d ms",
			record.ErrMalformed, e.typ, e.first, e.last, e.count, e.ts, t.id, t.head, t.assignedTS)
	}
	if err := r.apply(t, e, f); err != nil {
		return err
	}
	if e.config != nil {
		t.next = t.cfg
		t.reserve.ceiling = e.ceiling
	}
	t.assigned, t.assignedTS = t.head, max(t.assignedTS, e.ts)
	return nil
}

// follows holds what assigning seqs and times guarantees, and what the index
// relies on: neither goes back.
func (t *topic) follows(e *entry) bool {
	switch e.typ {
	case entryAppend, entryForward:
		return e.first > t.head && e.first <= math.MaxUint64-uint64(e.count) && e.ts >= t.assignedTS
	case entryConfig:
		return e.last >= t.head && e.last < math.MaxUint64 && e.ts >= t.assignedTS
	case entryDelete:
		return e.last < math.MaxUint64 && e.ts >= t.assignedTS // last may be an ephemeral record's
	case entryLost:
		// A checkpoint may know of ephemeral seqs before it, and the one that
		// is replayed from may not.
		return e.first > t.head && e.last < math.MaxUint64
	}
	return true
}

// Loss is a range that a crash took and recovery made explicit.
type Loss struct {
	Topic    string `json:"topic"`
	From     uint64 `json:"from"`
	To       uint64 `json:"to"`
	Reason   string `json:"reason"`
	AtLeast  uint64 `json:"-"` // so many are known to have been given out
	resolved *topic
}

// Losses returns, after the last Replay, the ranges of seqs that may have been
// given out and whose records are gone: all unsynced classes after the power
// went (powerLost), those that are not in the log even when only the process
// died otherwise. clean says that the last run ended in an orderly way.
func (r *Registry) Losses(powerLost, clean bool) []Loss {
	var losses []Loss
	r.byName.Scan(func(name string, t *topic) bool {
		gone := false
		switch t.next.Durability {
		case record.Ephemeral:
			gone = true
		case record.Memory:
			gone = !clean
		case record.Disk:
			gone = powerLost && !clean
		}
		if gone && t.reserve.ceiling > t.assigned {
			l := t.crashed(t.assigned+1, t.reserve.ceiling, ReasonCrash)
			losses = append(losses, Loss{name, l.from, l.to, l.reason, l.given, t})
		}
		return true
	})
	return losses
}

// LogLosses appends the losses to the log, applies them, and waits until they
// are durable. It is called once, after Start and before any write.
func (r *Registry) LogLosses(ctx context.Context, losses []Loss) error {
	var upto wal.LSN
	for _, l := range losses {
		e := entry{typ: entryLost, id: l.resolved.id, first: l.From, last: l.To, reason: l.Reason}
		span, err := r.logEntry(ctx, &e, wal.Freeing)
		if err != nil {
			return err
		}
		upto = span.End
		l.resolved.mu.Lock()
		l.resolved.applied = span.End
		r.applyLost(l.resolved, lostRange{from: l.From, to: l.To, reason: l.Reason, given: l.AtLeast})
		l.resolved.mu.Unlock()
	}
	if upto == 0 {
		return nil
	}
	return r.log.WaitSynced(upto)
}

// logEntry appends an entry without records and waits for room if need be.
// No lock is held.
func (r *Registry) logEntry(ctx context.Context, e *entry, mode wal.Mode) (wal.Span, error) {
	payload, err := e.encode(nil)
	if err != nil {
		return wal.Span{}, err
	}
	room, err := r.log.Reserve(ctx, len(payload), mode|wal.Patient)
	if err != nil {
		return wal.Span{}, err
	}
	defer room.Release()
	return room.Append(e.typ, payload, nil)
}

// Replayed is the number of records replayed so far; 0 again after Start.
func (r *Registry) Replayed() int64 { return r.totals.appended.records.Load() }

// RecordsIn is the number of records that a frame of the log carries.
func RecordsIn(f wal.Frame) int {
	e, err := decodeEntry(f.Type, f.Payload)
	if err != nil {
		return 0
	}
	if e.trim || e.note {
		return 0
	}
	return e.count
}

// RecordsAhead is RecordsIn for a frame of whose payload only the first bytes
// need be there: 64 are enough. What is no entry has none.
func RecordsAhead(f wal.Frame) int {
	d := record.NewDecoder(f.Payload)
	flags := d.Byte()
	switch f.Type {
	case entryAppend:
		_, _, _ = d.Uvarint(), d.Uvarint(), d.Varint()
	case entryForward:
		if flags == flagTrim || flags == flagNote {
			return 0
		}
		_, _, _, _, _ = d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Varint()
	default:
		return 0
	}
	if n := d.Uvarint(); !d.Failed() {
		return int(min(n, maxAhead))
	}
	return 0
}

// maxAhead bounds what a damaged count may claim.
const maxAhead = 1 << 24

// TimeOf is when the server took the write in a frame of the log, in Unix ms;
// not ok for a frame that does not say.
func TimeOf(f wal.Frame) (ms int64, ok bool) {
	e, err := decodeEntry(f.Type, f.Payload)
	if err != nil {
		return 0, false
	}
	switch e.typ {
	case entryAppend, entryCreate, entryConfig, entryDelete, entryRouter, entryForward:
		return e.ts, true
	}
	return 0, false
}
