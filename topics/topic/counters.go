package topic

import (
	"errors"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/record"
)

// Totals are the registry's counters: gauges of now, and totals since start.
type Totals struct {
	Topics           int
	ByClass          [4]int // indexed by Class
	Queues           int
	Routers          int
	BlockedRouters   int   // that have to wait
	Records, Bytes   int64 // live
	EphemeralBytes   int64 // memory held by ephemeral records
	AppendedRecords  uint64
	AppendedBytes    uint64
	DeliveredRecords uint64
	DeliveredBytes   uint64
	EvictedCap       uint64
	EvictedTTL       uint64
	Tombstones       map[string]uint64 // delivered, by reason
	DeletedRecords   uint64
	ForwardedRecords uint64 // by routers
	DamagedPages     uint64 // of segments, met while counting
	DamagedReads     uint64 // that were refused for damage

	Jobs JobTotals // of all queues

	IdempotencyKeys    int64 // remembered
	IdempotencyBytes   int64 // memory that they take
	IdempotencyRefused uint64
}

// Counters are kept as atomics: reading them takes no lock.
type Counters struct {
	Topics, queues         atomic.Int64
	Routers, Blocked       atomic.Int64
	Forwarded              atomic.Int64
	byClass                [len(record.ClassNames)]atomic.Int64
	live                   Sums
	Ephemeral              atomic.Int64
	Appended, Delivered    Sums
	evictedCap, evictedTTL atomic.Uint64
	deleted, damaged       atomic.Uint64
	damagedReads           atomic.Uint64
	tombstones             [len(reasons)]atomic.Uint64
	Met                    atomic.Pointer[string] // damage, by a read
	jobs                   jobTotals
	keys                   struct {
		held, bytes atomic.Int64 // bytes count those of writes on their way, too
		refused     atomic.Uint64
	}
}

type Sums struct{ Records, bytes atomic.Int64 }

func (a *Sums) Add(d record.Size) {
	a.Records.Add(d.Records)
	a.bytes.Add(d.Bytes)
}

// Restart zeroes what counts since start, which replay went through again.
func (t *Counters) Restart() {
	t.Appended.Records.Store(0)
	t.Appended.bytes.Store(0)
	t.evictedCap.Store(0)
	t.evictedTTL.Store(0)
	t.deleted.Store(0)
	t.jobs.restart()
}

// Count adds n topics of a config; nil is none.
func (t *Counters) Count(c *record.Config, n int64) {
	if c == nil {
		return
	}
	t.byClass[c.Durability].Add(n)
	if c.Type == record.TypeQueue {
		t.queues.Add(n)
	}
}

// Read returns the counters without taking a lock.
func (t *Counters) Read() Totals {
	out := Totals{
		Topics: int(t.Topics.Load()), Queues: int(t.queues.Load()), Routers: int(t.Routers.Load()), BlockedRouters: int(t.Blocked.Load()),
		Records: t.live.Records.Load(), Bytes: t.live.bytes.Load(),
		EphemeralBytes:  t.Ephemeral.Load(),
		AppendedRecords: uint64(t.Appended.Records.Load()), AppendedBytes: uint64(t.Appended.bytes.Load()),
		DeliveredRecords: uint64(t.Delivered.Records.Load()), DeliveredBytes: uint64(t.Delivered.bytes.Load()),
		EvictedCap: t.evictedCap.Load(), EvictedTTL: t.evictedTTL.Load(),
		DeletedRecords: t.deleted.Load(), ForwardedRecords: uint64(t.Forwarded.Load()), DamagedPages: t.damaged.Load(), DamagedReads: t.damagedReads.Load(),
		IdempotencyKeys: t.keys.held.Load(), IdempotencyBytes: t.keys.bytes.Load(), IdempotencyRefused: t.keys.refused.Load(),
		Jobs:       t.jobs.read(),
		Tombstones: make(map[string]uint64, len(reasons)),
	}
	for i := range t.byClass {
		out.ByClass[i] = int(t.byClass[i].Load())
	}
	for i, reason := range reasons {
		out.Tombstones[reason] = t.tombstones[i].Load()
	}
	return out
}

// RecordDamage counts and keeps err if it is KindDamaged.
func (t *Counters) RecordDamage(err error) {
	if e, ok := errors.AsType[*record.Error](err); ok && e.Kind == record.KindDamaged && e.Err != nil {
		s := e.Err.Error()
		t.Met.Store(&s)
		t.damagedReads.Add(1)
	}
}
