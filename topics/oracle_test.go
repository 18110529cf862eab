package topics

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// oracle is a topic as the contract describes it, with no care for cost: every seq
// that was ever given out, and what became of it.
type oracle struct {
	seqs      []oracleSeq // seqs[i] is seq i+1
	keys      map[string]oracleKey
	cfg       record.Config
	lastWrite int64
	clock     int64 // no record is older than the one before it, nor than the config
	logged    int64 // the clock that a restart finds
}

type oracleSeq struct {
	record.Record
	class record.Class
	gone  string // why it cannot be read, or empty
	asked bool   // a delete asked for it, whether it was there or not
}

type oracleKey struct {
	first uint64
	count int
	ts    int64
	over  bool // its window was over once; a clock that was set back may find it or not
	// before is the last use of the key that a restart finds in the log, or nil.
	before *oracleKey
}

func newOracle(cfg record.Config, now int64) *oracle {
	return &oracle{cfg: cfg, keys: map[string]oracleKey{}, clock: now, logged: now}
}

func (o *oracle) head() uint64 { return uint64(len(o.seqs)) }

func (o *oracle) earliest() uint64 {
	i := slices.IndexFunc(o.seqs, func(s oracleSeq) bool { return s.gone == "" })
	if i < 0 {
		return o.head() + 1
	}
	return uint64(i + 1)
}

func (o *oracle) live() (count, bytes int64) {
	for i := range o.seqs {
		if s := &o.seqs[i]; s.gone == "" {
			count++
			bytes += int64(len(s.Data) + len(s.Meta))
		}
	}
	return count, bytes
}

// expire takes what the ttl has ended at now.
func (o *oracle) expire(now int64) {
	for i := range o.seqs {
		if s := &o.seqs[i]; s.gone == "" && o.cfg.TTLMS > 0 && now-s.TS > o.cfg.TTLMS {
			s.gone = topic.ReasonTTL
		}
	}
}

// trim takes the oldest until the caps hold.
func (o *oracle) trim() {
	for {
		count, bytes := o.live()
		if (o.cfg.CapRecords == 0 || count <= o.cfg.CapRecords) && (o.cfg.CapBytes == 0 || bytes <= o.cfg.CapBytes) {
			return
		}
		o.seqs[o.earliest()-1].gone = topic.ReasonCap
	}
}

// refuses returns why a write is refused, or 0.
func (o *oracle) refuses(w *topic.Write, now int64) record.Kind {
	n, size := int64(len(w.Records)), int64(0)
	for i := range w.Records {
		size += int64(len(w.Records[i].Data) + len(w.Records[i].Meta))
	}
	o.expire(now)
	count, bytes := o.live()
	over := func(c, b int64) bool {
		return o.cfg.CapRecords > 0 && c > o.cfg.CapRecords || o.cfg.CapBytes > 0 && b > o.cfg.CapBytes
	}
	switch {
	case w.ExpectedHead != nil && *w.ExpectedHead != o.head():
		return record.KindSeqMismatch
	case over(n, size):
		return record.KindRecordTooLarge
	case o.cfg.Discard == record.DiscardReject && over(count+n, bytes+size):
		return record.KindFull
	}
	return 0
}

func (o *oracle) append(w *topic.Write, now int64) {
	ts := max(now, o.clock)
	o.clock = ts
	if o.cfg.Durability != record.Ephemeral {
		o.logged = ts
	}
	o.expire(now)
	o.elapse(now)
	if w.IdempotencyKey != "" {
		k := oracleKey{first: o.head() + 1, count: len(w.Records), ts: ts}
		if old, ok := o.keys[w.IdempotencyKey]; ok {
			k.before = old.before
			if old.over = true; o.seqs[old.first-1].class != record.Ephemeral {
				k.before = &old
			}
		}
		o.keys[w.IdempotencyKey] = k
	}
	for _, r := range w.Records {
		r.Seq, r.TS = o.head()+1, ts
		o.seqs = append(o.seqs, oracleSeq{Record: r, class: o.cfg.Durability})
	}
	o.lastWrite = ts
	o.trim()
}

func (o *oracle) known(key string, now int64) (oracleKey, bool) {
	k, ok := o.keys[key]
	return k, ok && now-k.ts <= o.cfg.IdempotencyWindowMS
}

// elapse notes the windows that are over.
func (o *oracle) elapse(now int64) {
	for key, k := range o.keys {
		k.over = k.over || now-k.ts > o.cfg.IdempotencyWindowMS
		o.keys[key] = k
	}
}

func (o *oracle) configure(cfg record.Config, now int64) {
	o.clock = max(now, o.clock)
	o.logged = o.clock
	o.expire(now)
	o.cfg = cfg
	o.elapse(now)
	o.trim()
}

// restart is an orderly one: ephemeral records are gone, their seqs are not.
func (o *oracle) restart() {
	o.lastWrite, o.clock = 0, o.logged
	for i := range o.seqs {
		s := &o.seqs[i]
		if s.class == record.Ephemeral {
			s.gone = topic.ReasonCrash
			for key, k := range o.keys {
				if k.first != s.Seq {
					continue
				}
				if delete(o.keys, key); k.before != nil {
					o.keys[key] = *k.before
				}
			}
			continue
		}
		o.lastWrite = s.TS
	}
}

// delete is the contract's section 7, on what was published up to head.
func (o *oracle) delete(d *Deletion, head uint64) (n int64) {
	for i := range o.seqs[:head] {
		s := &o.seqs[i]
		matches := (d.Before == nil || s.Seq < *d.Before) && (d.Match == nil || d.Match.Tag(s.Tag))
		s.asked = s.asked || matches
		if s.gone == "" && matches {
			s.gone = goneDeleted
			n++
		}
	}
	return n
}

const goneDeleted = "deleted"

// afterDeleted is the first seq from next on that was not deleted.
func (o *oracle) afterDeleted(next uint64) uint64 {
	for next <= o.head() && o.seqs[next-1].gone == goneDeleted {
		next++
	}
	return next
}

// read is the contract's sections 5 and 6.
func (o *oracle) read(q *topic.Query) *topic.Batch {
	b := &topic.Batch{NextFrom: q.From, Head: o.head(), Earliest: o.earliest()}
	next := q.From + 1
	gap := func(from, to uint64, reason string) {
		b.Tombstone = &topic.Tombstone{GapFrom: from, GapTo: to, Reason: reason, Missed: to + 1 - from, AtLeast: to + 1 - from, Earliest: b.Earliest, Head: b.Head}
		next, b.NextFrom = to+1, to
	}
	var byCap, byTTL bool
	for seq := next; seq <= b.Head; seq++ {
		byCap = byCap || o.seqs[seq-1].gone == topic.ReasonCap
		byTTL = byTTL || o.seqs[seq-1].gone == topic.ReasonTTL
	}
	switch {
	case q.From > b.Head:
		gap(1, b.Head, topic.ReasonRecreated)
	case byCap && byTTL:
		gap(next, b.Earliest-1, topic.ReasonMixed)
	case byTTL:
		gap(next, b.Earliest-1, topic.ReasonTTL)
	case byCap:
		gap(next, b.Earliest-1, topic.ReasonCap)
	case o.afterDeleted(next) <= b.Head && o.seqs[o.afterDeleted(next)-1].gone == topic.ReasonCrash:
		to := o.afterDeleted(next)
		for to < b.Head && o.seqs[to].gone == topic.ReasonCrash {
			to++
		}
		gap(next, to, topic.ReasonCrash)
	}
	for bytes := 0; next <= b.Head && len(b.Records) < q.Limit; next++ {
		switch o.seqs[next-1].gone {
		case "":
		case goneDeleted:
			b.NextFrom = next
			continue
		default:
			return b
		}
		r := o.seqs[next-1].Record
		wanted := (!o.cfg.DedupeNode || r.Node == nil || !slices.Contains(q.Nodes, string(r.Node))) &&
			(q.Match == nil || q.Match.Tag(r.Tag))
		if wanted {
			bytes += len(r.Data) + len(r.Meta)
			if len(b.Records) > 0 && bytes > q.MaxBytes {
				break
			}
			b.Records = append(b.Records, r)
		}
		b.NextFrom = next
	}
	return b
}

func (o *oracle) state(name string) string {
	count, bytes := o.live()
	return fmt.Sprintf("%s head %d earliest %d count %d bytes %d write %d cfg %+v", name, o.head(), o.earliest(), count, bytes, o.lastWrite, o.cfg)
}
