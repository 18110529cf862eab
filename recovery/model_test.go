package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/topics"
)

// model is what a client can rely on: which records were acknowledged, where,
// and under which class.
type model struct {
	lives map[string]*life // by topic name; nil or absent: not known to exist
}

// life is one incarnation of a topic, from its creation to its delete.
type life struct {
	class    topics.Class
	evicts   bool // a cap or a ttl was ever set
	unsure   bool // a change of it was cut off: it may be there or not
	records  map[uint64]string
	must     map[uint64]topics.Class // acked and not excused: seq to the class it was acked under
	seen     uint64                  // highest seq anybody was told of
	attempts []*attempt
}

func newModel() *model { return &model{lives: map[string]*life{}} }

func kind(err error) topics.Kind {
	var e *topics.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

func newLife() *life {
	return &life{records: map[uint64]string{}, must: map[uint64]topics.Class{}}
}

// configured notes a config that the server acknowledged.
func (m *model) configured(t *testing.T, name string, out topics.Configured) {
	l := m.lives[name]
	if out.Created {
		if l != nil && !l.unsure {
			t.Fatalf("topic %s was created although it was there", name)
		}
		l = newLife()
		m.lives[name] = l
	}
	if l == nil {
		t.Fatalf("topic %s was there although nobody made it", name)
	}
	l.unsure = false
	l.class = out.Config.Durability
	l.evicts = l.evicts || out.Config.CapRecords > 0 || out.Config.TTLMS > 0
}

// maybeConfigured notes that a config may or may not have been taken.
func (m *model) maybeConfigured(name string) {
	if l := m.lives[name]; l != nil {
		l.evicts = true
		return
	}
	m.lives[name] = newLife()
	m.lives[name].unsure, m.lives[name].evicts = true, true
}

func (m *model) maybeDropped(name string) {
	if l := m.lives[name]; l != nil {
		l.unsure = true
	}
}

// begun notes a write that has its seqs.
func (m *model) begun(t *testing.T, a *attempt, p *topics.Pending, cfg *topics.ConfigPatch) {
	placed := p.Placed()
	l := m.lives[a.topic]
	if placed.Created {
		if l != nil && !l.unsure {
			t.Fatalf("topic %s was created although it was there", a.topic)
		}
		l = newLife()
		if cfg != nil {
			l.evicts = *cfg.CapRecords > 0 || *cfg.TTLMS > 0
		}
		m.lives[a.topic] = l
	}
	a.life, a.first, a.class = l, placed.First, placed.Class
	l.attempts = append(l.attempts, a)
	for i, data := range a.payload {
		seq := a.first + uint64(i)
		if seq <= l.seen {
			t.Fatalf("topic %s: seq %d was given out again (told of %d before)", a.topic, seq, l.seen)
		}
		l.records[seq] = data
	}
}

// acked notes an acknowledgement.
func (m *model) acked(t *testing.T, a *attempt, out topics.Written) {
	if out.First != a.first || out.Count != len(a.payload) || out.Deduped {
		t.Fatalf("topic %s: write at %d acked as %+v", a.topic, a.first, out)
	}
	a.acked = true
	for i := range a.payload {
		seq := a.first + uint64(i)
		a.life.must[seq] = a.class
		a.life.seen = max(a.life.seen, seq)
	}
}

// unknown notes that nobody will ever tell whether the write happened.
func (m *model) unknown(a *attempt) {
	if a.life != nil && m.lives[a.topic] == a.life && len(a.life.must) == 0 {
		a.life.unsure = true // it may have been the one that made the topic
	}
}

// excuse takes the promise off what a crash may take under its class. It must
// be in a tombstone then; check sees to that.
func (m *model) excuse(weaker topics.Class) {
	for _, l := range m.lives {
		for seq, class := range l.must {
			if class <= weaker {
				l.must[seq] = topics.Ephemeral
			}
		}
	}
}

func (m *model) killed()    { m.excuse(topics.Memory) }
func (m *model) powerLost() { m.excuse(topics.Disk) }
func (m *model) closed() {
	m.excuse(topics.Ephemeral)
	for _, l := range m.lives {
		for seq, class := range l.must {
			if class > topics.Ephemeral { // the log was synced
				l.must[seq] = topics.Fsync
			}
		}
	}
}

func (m *model) keyed(rng *rand.Rand) *attempt {
	var all []*attempt
	for _, name := range []string{"t0", "t1", "t2", "t3", "t4", "t5", "t6"} {
		if l := m.lives[name]; l != nil && !l.unsure {
			for _, a := range l.attempts {
				if a.key != "" {
					all = append(all, a)
				}
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[rng.IntN(len(all))]
}

func (m *model) forgetKey(a *attempt) { a.key = "" }

// retried holds that a key never appends twice.
func (m *model) retried(t *testing.T, a *attempt, out topics.Written) {
	kept := a.acked && a.life.must[a.first] > topics.Ephemeral
	if kept && (!out.Deduped || out.First != a.first) {
		t.Fatalf("topic %s: key of the write acked at %d answered %+v", a.topic, a.first, out)
	}
	if out.Deduped {
		if out.Count != len(a.payload) {
			t.Fatalf("topic %s: key of %d records answered %+v", a.topic, len(a.payload), out)
		}
		return
	}
	if out.First <= a.life.seen {
		t.Fatalf("topic %s: seq %d was given out again (told of %d before)", a.topic, out.First, a.life.seen)
	}
	again := &attempt{topic: a.topic, life: a.life, class: a.life.class, key: a.key, payload: a.payload, first: out.First}
	a.key = ""
	again.life.attempts = append(again.life.attempts, again)
	for i, data := range again.payload {
		again.life.records[again.first+uint64(i)] = data
		again.life.must[again.first+uint64(i)] = topics.Ephemeral
	}
	again.life.seen = max(again.life.seen, out.Last)
}

// check reads every topic to its end and holds the answers against the model.
func (m *model) check(t *testing.T, r *topics.Registry) {
	for name, l := range m.lives {
		if l == nil {
			continue
		}
		m.checkTopic(t, r, name, l)
	}
}

func (m *model) checkTopic(t *testing.T, r *topics.Registry, name string, l *life) {
	state, err := r.State(name, false)
	if kind(err) == topics.KindNotFound && l.unsure {
		delete(m.lives, name)
		return
	}
	if err != nil {
		t.Fatalf("topic %s: %v", name, err)
	}
	l.unsure = false
	l.class = state.Config.Durability
	l.evicts = l.evicts || state.Config.CapRecords > 0 || state.Config.TTLMS > 0
	if state.Head < l.seen {
		t.Fatalf("topic %s: head went back from %d to %d", name, l.seen, state.Head)
	}
	got, lost := readAll(t, r, name)
	count := int64(0)
	for seq, rec := range got {
		if want, ok := l.records[seq]; !ok || want != string(rec.Data) {
			t.Fatalf("topic %s: seq %d holds %.60s, was given to %.60s", name, seq, rec.Data, want)
		}
		count++
	}
	if count != state.Count {
		t.Fatalf("topic %s: count %d, but %d records", name, state.Count, count)
	}
	for seq, class := range l.must {
		if _, ok := got[seq]; ok {
			continue
		}
		reason, told := lost[seq]
		switch evicted := reason == topics.ReasonCap || reason == topics.ReasonTTL || reason == topics.ReasonMixed; {
		case !told:
			t.Fatalf("topic %s: acked seq %d is gone without a word", name, seq)
		case class > topics.Ephemeral && !(evicted && l.evicts):
			t.Fatalf("topic %s: seq %d, acked as %s, is lost (%s)", name, seq, class, reason)
		}
	}
	m.checkWhole(t, name, l, got, state)
	// Whoever read this knows these seqs; they may not be used again.
	l.seen = state.Head
	for seq := range l.records {
		if seq > state.Head {
			delete(l.records, seq)
		}
	}
}

// checkWhole holds that no batch is there in part, but for what was evicted
// from its front, and no payload twice.
func (m *model) checkWhole(t *testing.T, name string, l *life, got map[uint64]topics.Record, state topics.State) {
	for _, a := range l.attempts {
		there := 0
		for i := range a.payload {
			seq := a.first + uint64(i)
			if rec, ok := got[seq]; ok && string(rec.Data) == a.payload[i] {
				there++
			} else if seq < state.Earliest && l.evicts {
				there++
			}
		}
		if evicted := l.evicts && a.first < state.Earliest; there > 0 && there < len(a.payload) && !evicted {
			t.Fatalf("topic %s: %d of the %d records at %d are there", name, there, len(a.payload), a.first)
		}
	}
	once := map[string]uint64{}
	for seq, rec := range got {
		if other, ok := once[string(rec.Data)]; ok {
			t.Fatalf("topic %s: %.60s is at %d and at %d", name, rec.Data, other, seq)
		}
		once[string(rec.Data)] = seq
	}
}

// readAll reads a topic from its beginning: its records, and the reason given
// for every seq that is not there.
func readAll(t *testing.T, r *topics.Registry, name string) (map[uint64]topics.Record, map[uint64]string) {
	got, lost := map[uint64]topics.Record{}, map[uint64]string{}
	q := topics.Query{Limit: 7, MaxBytes: 1 << 20}
	lastTS := int64(0)
	for {
		b, err := r.Read(context.Background(), name, &q)
		if err != nil {
			t.Fatalf("read %s from %d: %v", name, q.From, err)
		}
		if s := b.Tombstone; s != nil {
			if s.GapFrom != q.From+1 || s.GapTo < s.GapFrom || s.GapTo > b.Head {
				t.Fatalf("read %s from %d: tombstone %+v", name, q.From, s)
			}
			for seq := s.GapFrom; seq <= s.GapTo; seq++ {
				lost[seq] = s.Reason
			}
		}
		for _, rec := range b.Records {
			if rec.Seq <= q.From || lost[rec.Seq] != "" || rec.TS < lastTS {
				t.Fatalf("read %s from %d: seq %d at %d ms", name, q.From, rec.Seq, rec.TS)
			}
			lastTS = rec.TS
			got[rec.Seq] = rec
		}
		if b.NextFrom == b.Head {
			return got, lost
		}
		if b.NextFrom <= q.From {
			t.Fatalf("read %s from %d stands still", name, q.From)
		}
		q.From = b.NextFrom
	}
}

// dump is everything a client can see of all topics.
func dump(t *testing.T, r *topics.Registry) string {
	var b strings.Builder
	page, _ := r.List("", "", 100)
	for _, s := range page {
		got, lost := readAll(t, r, s.Name)
		s.LastRead, s.EffectivePriority = 0, 0
		fmt.Fprintf(&b, "%s head %d earliest %d count %d bytes %d write %d cfg %+v\n", s.Name, s.Head, s.Earliest, s.Count, s.Bytes, s.LastWrite, s.Config)
		var gap string
		for seq := range s.Head + 2 {
			reason := lost[seq]
			if gap != "" && reason != gap {
				fmt.Fprintf(&b, "  ..%d lost %s\n", seq-1, gap)
			}
			if gap = reason; gap == "" && seq > 0 && seq <= s.Head {
				fmt.Fprintf(&b, "  %d %d %s\n", seq, got[seq].TS, got[seq].Data)
			}
		}
	}
	return b.String()
}
