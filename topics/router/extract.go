package router

import (
	"context"
	"errors"
	"slices"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Extract is a batch that a router takes from its source: records to forward, as
// references to the log or as copies, or a range of lost ones.
type Extract struct {
	from, through uint64   // seqs of the source: after from, up to through
	Count         int      // records for the destination
	trim          uint64   // they are lost, all of them
	path          []byte   // and theirs, in that case
	seqs          []uint64 // of each, at the source
	sizes         []uint32 // payload bytes of each
	Bytes         int64    // their sum
	tags          [][]byte // of each; packed when it is assigned
	packed        []byte
	jobs          []topic.JobAt // what records say of their jobs; for a queue
	runs          []entry.Run
	travelled     bool   // some have been elsewhere: not all may go everywhere
	fleeting      bool   // the source may lose what is passed over here
	Records       []byte // encoded, or nil if runs refer to them
}

// Extract reads what comes after cursor, unless that is known. It returns nil if
// nothing does.
func (f *Forwarders) Extract(rt *Router, spec *Spec, cursor uint64, shared *Extracts) (*Extract, error) {
	key := ExtractKey{cursor: cursor, strip: spec.strip(), filters: spec.Filter != nil}
	if key.filters {
		key.filter = *spec.Filter
	}
	x, known := shared.Of[key]
	if !known {
		var err error
		if x, err = f.read(rt, spec, cursor, shared.Log); err != nil {
			return nil, err
		}
		if x == nil || !x.travelled {
			shared.keep(key, x)
		}
	}
	if x == nil {
		return nil, nil
	}
	own := *x // its slices are not written to
	return &own, nil
}

// read makes the extract.
func (f *Forwarders) read(rt *Router, spec *Spec, cursor uint64, log *topic.Frames) (*Extract, error) {
	q := &topic.Query{From: cursor, Limit: ForwardRecords, MaxBytes: forwardBytes, Match: spec.Filter}
	for tries := 0; ; tries++ {
		b := &topic.Batch{NextFrom: cursor}
		v, path, fleeting := f.sourceView(rt.Source, q, b)
		if v == nil {
			return nil, nil
		}
		x := &Extract{from: cursor, fleeting: fleeting}
		if l := b.Tombstone; l != nil {
			x.trimmed(rt, l, path)
			return x, nil
		}
		err := f.fill(x, rt, spec.strip(), q, b, v, log)
		if f.shared.Outdated(err) && tries < topic.MaxTries {
			continue
		}
		if err != nil {
			err = topic.LogError(err)
			f.shared.Counters.RecordDamage(err)
			return nil, err
		}
		if x.through == x.from {
			return nil, nil
		}
		return x, nil
	}
}

// trimmed makes the extract a loss. It is forwarded only where the records would have
// been, or it would go round a cycle for ever.
func (x *Extract) trimmed(rt *Router, l *topic.Tombstone, path []byte) {
	x.through, x.travelled = l.GapTo, len(path) > 0
	var ok bool
	if x.path, ok = rt.ExtendPath(path); ok {
		x.trim, x.Count = l.Missed, int(min(l.Missed, topic.MaxLost))
	}
}

// sourceView returns what a router sees of its source; nil if there is nothing
// new. path is that of the records of its tombstone, if they were lost before they
// reached the source. fleeting is true if the source may lose records
// that it shows now.
func (f *Forwarders) sourceView(t *topic.Topic, q *topic.Query, b *topic.Batch) (v *topic.View, path []byte, fleeting bool) {
	now := f.shared.Steady()
	t.Mu.RLock()
	if t.Due(now) {
		t.Mu.RUnlock()
		t.Mu.Lock()
		t.ExpireLocked(now)
		t.Mu.Unlock()
		t.Mu.RLock()
	}
	defer t.Mu.RUnlock()
	if !t.Visible || q.From >= t.Head {
		return nil, nil, false
	}
	v = t.ViewLocked(q, b, now)
	v.Dedupe = false
	if b.Tombstone != nil && b.Tombstone.Reason == topic.ReasonTrim {
		l, _ := t.Lost.From(q.From + 1)
		path = []byte(l.Path)
	}
	c := t.Config
	return v, path, c.CapRecords > 0 || c.CapBytes > 0 || c.TTLMS > 0 || c.Durability == record.Ephemeral
}

// fill takes the records of a view.
func (f *Forwarders) fill(x *Extract, rt *Router, strip byte, q *topic.Query, b *topic.Batch, v *topic.View, log *topic.Frames) error {
	inMemory := false
	for i := range v.Frames {
		inMemory = inMemory || v.Frames[i].Body != nil
	}
	if len(v.Extents) == 0 && !inMemory {
		err := x.fillRuns(rt, strip, q, b, v, log)
		if !errors.Is(err, errCopy) {
			return err
		}
		*x = Extract{from: x.from, fleeting: x.fleeting}
	}
	if err := f.shared.Fetch(context.Background(), q, b, v); err != nil && len(b.Records) == 0 {
		return err
	}
	x.Records = []byte{}
	for i := range b.Records {
		rec := &b.Records[i]
		path, ok := rt.ExtendPath(rec.Path)
		x.travelled = x.travelled || rec.Path != nil
		if !ok {
			continue
		}
		out := rec.Forwarded(strip, path)
		x.Records = record.AppendRecord(x.Records, out)
		x.add(rec.Seq, out)
	}
	x.through = b.NextFrom
	return nil
}

// add counts one record that is forwarded.
func (x *Extract) add(seq uint64, rec *record.Record) {
	x.Count++
	x.seqs = append(x.seqs, seq)
	x.sizes = append(x.sizes, uint32(rec.PayloadBytes()))
	x.Bytes += int64(rec.PayloadBytes())
	x.tags = append(x.tags, rec.Tag)
	if rec.Job != nil {
		x.jobs = append(x.jobs, topic.JobAt{Index: x.Count - 1, Job: rec.Job})
	}
}

// fillRuns takes records that are all in the log.
func (x *Extract) fillRuns(rt *Router, strip byte, q *topic.Query, b *topic.Batch, v *topic.View, log *topic.Frames) error {
	x.through = b.NextFrom
	examined, size := 0, 0
	for _, frame := range v.Frames {
		batch, err := log.Batch(frame.LSN)
		if err != nil {
			return err
		}
		if batch.Part {
			return errCopy
		}
		records, err := log.Records(batch)
		if err != nil {
			return err
		}
		origins := topic.OriginsOf(batch, frame.LSN)
		for seq := frame.First; seq < frame.First+uint64(frame.Count); seq++ {
			rec, rest, err := record.NextRecord(records)
			if err != nil {
				return err
			}
			records = rest
			at, ordinal, stripped := origins.Next()
			if seq < v.Next || v.Dead.Has(seq) {
				continue
			}
			if seq >= v.Below || x.Count >= q.Limit || size >= q.MaxBytes || examined >= topic.MaxScanned {
				return nil
			}
			examined++
			size += rec.PayloadBytes()
			x.through = seq
			path, ok := rt.ExtendPath(rec.Path)
			x.travelled = x.travelled || rec.Path != nil
			if !ok || frame.TS < v.Expired || q.Match != nil && !q.Match.Tag(rec.Tag) {
				continue
			}
			x.add(seq, rec.Forwarded(strip, path))
			if n := len(x.runs); n == 0 || !x.runs[n-1].Continues(at, ordinal, strip|stripped, path) {
				x.runs = append(x.runs, entry.Run{At: at, From: ordinal, Strip: strip | stripped, Path: path})
			}
			x.runs[len(x.runs)-1].Count++
		}
	}
	if v.Whole {
		x.through = max(x.through, v.Below-1)
	}
	return nil
}

// oldest is the first position that the extract refers to.
func (x *Extract) oldest() wal.LSN {
	oldest := wal.LSN(1<<63 - 1)
	for i := range x.runs {
		oldest = min(oldest, x.runs[i].At)
	}
	return oldest
}

// copyOut makes the extract hold its records itself.
func (f *Forwarders) copyOut(x *Extract) error {
	s := f.shared.Reader(0)
	records, err := s.Records(entry.Batch{Runs: x.runs})
	if err != nil {
		return err
	}
	x.Records, x.runs = records, nil
	return nil
}

// cut keeps the first n records, and packs their tags.
func (x *Extract) cut(n int) {
	if n < x.Count {
		x.through = x.seqs[n] - 1
		x.Records = firstRecords(x.Records, n)
		x.runs = firstRuns(x.runs, n)
		x.Count, x.seqs, x.sizes, x.tags = n, x.seqs[:n], x.sizes[:n], x.tags[:n]
	}
	for len(x.jobs) > 0 && x.jobs[len(x.jobs)-1].Index >= n {
		x.jobs = x.jobs[:len(x.jobs)-1]
	}
	x.Bytes, x.packed = 0, nil
	tagged := 0
	for i, tag := range x.tags {
		x.Bytes += int64(x.sizes[i])
		if tag != nil {
			x.packed = index.PackTag(x.packed, i-tagged, tag)
			tagged = i + 1
		}
	}
}

func firstRecords(p []byte, n int) []byte {
	d := record.NewDecoder(p)
	if p == nil {
		return nil
	}
	for range n {
		d.Bytes()
	}
	return p[:len(p)-d.Left()]
}

func firstRuns(runs []entry.Run, n int) []entry.Run {
	for i := range runs {
		if n <= runs[i].Count {
			runs = slices.Clone(runs[:i+1])
			runs[i].Count = n
			return runs
		}
		n -= runs[i].Count
	}
	return runs
}
