package recovery_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// attempt is one write as the model knows it.
type attempt struct {
	topic   string
	life    *life // the incarnation it went to, or nil
	class   record.Class
	key     string
	payload []string // data of each record
	first   uint64
	acked   bool
	created bool // it makes the topic
	at      int64
	aged    bool // a restart may have found that the window of its key is over
	pending *topic.Pending
}

func (s *sim) topicName() string { return fmt.Sprintf("t%d", s.rng.IntN(7)) }

func (s *sim) write() {
	name := s.topicName()
	a := &attempt{topic: name}
	w := &topic.Write{DisableBackpressure: true}
	n := 1 + s.rng.IntN(4)
	if s.rng.IntN(12) == 0 {
		n = 20 + s.rng.IntN(40)
	}
	for i := range n {
		data := fmt.Sprintf(`"%s op %d record %d of %d %s"`, name, s.ops, i, n, strings.Repeat("x", s.rng.IntN(200)))
		a.payload = append(a.payload, data)
		rec := record.Record{Data: []byte(data)}
		if s.rng.IntN(2) == 0 {
			rec.Tag, rec.Meta = fmt.Appendf(nil, "tag-%d", s.rng.IntN(4)), []byte(`{"m":1}`)
		}
		w.Records = append(w.Records, rec)
	}
	if s.rng.IntN(3) == 0 {
		a.key = fmt.Sprintf("key-%d-%d", s.boot, s.rng.Uint64())
		w.IdempotencyKey = a.key
	}
	if s.model.lives[name] == nil {
		w.Config = s.config()
	}
	s.begin(a, w)
}

// begin gives the write its place and, half of the time, waits for everything
// begun so far.
func (s *sim) begin(a *attempt, w *topic.Write) {
	p, err := s.data.Registry.Begin(context.Background(), a.topic, w)
	if kind(err) == record.KindFull || kind(err) == record.KindRecordTooLarge {
		return
	}
	if err != nil {
		s.excused(err)
		return
	}
	a.pending, a.at = p, s.written()
	s.model.begun(s.t, a, p, w.Config)
	s.begun = append(s.begun, a)
	if s.rng.IntN(2) == 0 {
		s.waitAll()
	}
}

func (s *sim) waitAll() {
	for _, a := range s.begun {
		out, err := a.pending.Wait()
		if err != nil {
			s.excused(err)
			s.cut = append(s.cut, a)
			s.model.failed(a)
			continue
		}
		s.model.acked(s.t, a, out)
	}
	s.begun = nil
}

// retry sends some write again that had a key.
func (s *sim) retry() {
	s.waitAll()
	if old := s.model.keyed(s.rng); old != nil {
		s.repeat(old)
	}
}

// retryCut sends again, as a client would, what the last life did not answer.
func (s *sim) retryCut() {
	cut := s.cut
	s.cut = nil
	for _, a := range cut {
		if a.key != "" && s.model.lives[a.topic] == a.life && s.rng.IntN(2) == 0 {
			s.repeat(a)
		}
	}
}

// repeat sends a write again: one that was acked must be known still, one that
// was not may be appended now, once.
func (s *sim) repeat(old *attempt) {
	w := &topic.Write{IdempotencyKey: old.key, DisableBackpressure: true}
	for _, data := range old.payload {
		w.Records = append(w.Records, record.Record{Data: []byte(data)})
	}
	p, err := s.data.Registry.Begin(context.Background(), old.topic, w)
	switch {
	case kind(err) == record.KindFull || kind(err) == record.KindRecordTooLarge:
		return
	case err != nil:
		s.excused(err)
		return
	}
	if first := p.Placed().First; first == old.first && old.life.records[first] == old.payload[0] {
		if out, err := p.Wait(); err != nil {
			s.excused(err)
		} else if !out.Deduped || out.Count != len(old.payload) || out.Last-out.First+1 != uint64(out.Count) {
			s.t.Fatalf("topic %s: the key of the write at %d answered %+v", old.topic, old.first, out)
		}
		return
	}
	again := &attempt{topic: old.topic, key: old.key, payload: old.payload, pending: p, at: s.written()}
	s.model.repeated(s.t, old, again, p)
	s.begun = append(s.begun, again)
	s.waitAll()
}

// simWindow is longer than a run: only a clock that jumped ends it.
const simWindow = 86_400_000

func (s *sim) config() *record.ConfigPatch {
	class := record.Class(s.rng.IntN(4)).String()
	window := int64(simWindow)
	p := &record.ConfigPatch{Durability: &class, IdempotencyWindowMS: &window}
	var limit, ttl int64
	switch s.rng.IntN(6) {
	case 0:
		limit = 10 + int64(s.rng.IntN(80))
	case 1:
		ttl = 1000 + int64(s.rng.IntN(20_000))
	}
	p.CapRecords, p.TTLMS = &limit, &ttl
	if s.rng.IntN(4) == 0 {
		reject := string(record.DiscardReject)
		p.Discard = &reject
	}
	return p
}

func (s *sim) configure() {
	s.waitAll()
	name, p := s.topicName(), s.config()
	var out topics.Configured
	err := s.attempt(func(r *topics.Registry) (err error) {
		out, err = r.Put(context.Background(), name, p)
		return err
	})
	if err != nil {
		s.excused(err)
		s.model.maybeConfigured(name)
		return
	}
	s.model.configured(s.t, name, out)
}

// checkpoint turns the log into segments, and then, perhaps, merges and moves
// them.
func (s *sim) checkpoint() {
	ctx := context.Background()
	if s.rng.IntN(2) == 0 {
		s.waitAll() // otherwise the checkpoint publishes what is under way
	}
	if s.rng.IntN(4) == 0 {
		s.erase()
		return
	}
	if _, err := s.data.Checkpoint(ctx); err != nil {
		s.excused(err)
		return
	}
	if s.rng.IntN(2) == 0 {
		if err := s.data.Compact(ctx); err != nil {
			s.excused(err)
			return
		}
	}
	if s.rng.IntN(2) == 0 {
		if err := s.data.Offload(ctx); err != nil {
			s.excused(err)
		}
	}
}

// erase erases what is dead. Then no log file has a record any more: what is live
// is in segments.
func (s *sim) erase() {
	tail := s.data.Log.Tail()
	receipt, err := s.data.Erase(context.Background())
	if err != nil {
		s.excused(err)
		return
	}
	if receipt.FirstLSN < tail {
		s.t.Fatalf("erased at %d: %+v", tail, receipt)
	}
	names, err := s.fs.List("/data/wal")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		content, err := vfs.ReadFile(s.fs, "/data/wal/"+name)
		if err == nil && bytes.Contains(content, []byte(" op ")) {
			s.t.Fatalf("%s has a record after the receipt %+v", name, receipt)
		}
	}
	s.erased++
}

// deleteRecords deletes some of a topic's records, by seq, by tag, or both.
func (s *sim) deleteRecords() {
	s.waitAll()
	name := s.topicName()
	l := s.model.lives[name]
	if l == nil || s.fs.Crashed() {
		return
	}
	d := topics.Deletion{}
	how := s.rng.IntN(3)
	if how != 0 {
		d.Before = new(uint64)
		*d.Before = l.seen - min(l.seen, uint64(s.rng.IntN(60)))
	}
	if how != 1 {
		op, tag := "Eq", fmt.Sprintf("tag-%d", s.rng.IntN(4))
		if s.rng.IntN(3) == 0 {
			op, tag = "Glob", "tag-*"
		}
		m, err := record.NewMatch(op, tag)
		if err != nil {
			s.t.Fatal(err)
		}
		d.Match = &m
	}
	r := s.data.Registry
	state, err := r.State(name, false)
	if err != nil {
		return // its creation failed
	}
	matched, _ := readAll(s.t, r, name)
	// What ephemeral records pushed over a cap is back after a crash that comes
	// before the sweeper, for the delete to take.
	if s.jumped || l.evicts && state.Config.Durability == record.Ephemeral {
		l.forgo(matched, d.Before)
	}
	for seq, rec := range matched {
		if d.Before != nil && seq >= *d.Before || d.Match != nil && !d.Match.Tag(rec.Tag) {
			delete(matched, seq)
		}
	}
	out, err := r.DeleteRecords(context.Background(), name, &d)
	l.deleted(matched, state.Config.Durability, err != nil)
	switch {
	case err != nil:
		s.excused(err)
	case out.Deleted != int64(len(matched)) || out.Count != state.Count-out.Deleted:
		s.t.Fatalf("topic %s: %d records match, and %+v went of %d", name, len(matched), out, state.Count)
	}
}

func (s *sim) drop() {
	s.waitAll()
	name := s.topicName()
	err := s.attempt(func(r *topics.Registry) error {
		_, err := r.Delete(context.Background(), name, false)
		return err
	})
	if err != nil {
		s.excused(err)
		s.model.maybeDropped(name)
		s.model.routing.dropped(name, true)
		return
	}
	delete(s.model.lives, name)
	s.model.routing.dropped(name, false)
}

// attempt makes a change of which topics and routers there are, or of what they
// are, and holds that nothing is seen of it in this life if it fails.
func (s *sim) attempt(change func(*topics.Registry) error) error {
	r := s.data.Registry
	before := outline(r)
	err := change(r)
	if err != nil {
		if after := outline(r); after != before {
			s.t.Fatalf("a change failed (%v), and is seen: %s", err, firstDifference(before, after))
		}
	}
	return err
}

// outline is which topics and routers there are, with their configs.
func outline(r *topics.Registry) string {
	var b strings.Builder
	page, _ := r.List("", "", 100)
	for _, s := range page {
		fmt.Fprintln(&b, s.Name, s.Config, s.Head, s.Count)
	}
	routers, _ := r.Routing().Routers("", "", "", "", 100)
	for _, s := range routers {
		fmt.Fprintln(&b, s.Name, s.Spec)
	}
	return b.String()
}
