package recovery_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// check reads every topic to its end and holds the answers against the model.
// After a restart it also settles what was unsure.
func (m *model) check(t *testing.T, r *topics.Registry, restarted bool) {
	for name, l := range m.lives {
		if l != nil {
			m.checkTopic(t, r, name, l, restarted)
		}
	}
}

func (m *model) checkTopic(t *testing.T, r *topics.Registry, name string, l *life, restarted bool) {
	state, err := r.State(name, false)
	if kind(err) == record.KindNotFound && l.unsure && !l.kept {
		if restarted {
			delete(m.lives, name)
		}
		return
	}
	if err != nil {
		t.Fatalf("topic %s: %v", name, err)
	}
	if l.unmade {
		t.Fatalf("topic %s: its creation failed, and there it is", name)
	}
	l.unsure = l.unsure && !restarted
	l.class = state.Config.Durability
	l.evicts = l.evicts || state.Config.CapRecords > 0 || state.Config.TTLMS > 0
	if state.Head < l.seen {
		t.Fatalf("topic %s: head went back from %d to %d %+v must %v", name, l.seen, state.Head, state.Config, l.must)
	}
	got, lost := readAll(t, r, name)
	count := int64(0)
	for seq, rec := range got {
		if want, ok := l.records[seq]; !ok || want != string(rec.Data) {
			t.Fatalf("topic %s: seq %d holds %.60s, was given to %.60s", name, seq, rec.Data, want)
		}
		if _, gone := l.gone[seq]; gone {
			t.Fatalf("topic %s: seq %d was deleted, and it can be read", name, seq)
		}
		if l.hidden[seq] {
			t.Fatalf("topic %s: the write at %d failed, and it can be read", name, seq)
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
		switch evicted := reason == topic.ReasonCap || reason == topic.ReasonTTL || reason == topic.ReasonMixed; {
		case !told:
			t.Fatalf("topic %s: acked seq %d is gone without a word", name, seq)
		case class > record.Ephemeral && !(evicted && l.evicts):
			t.Fatalf("topic %s: seq %d, acked as %s, is lost (%s)", name, seq, class, reason)
		}
	}
	l.checkKnown(t, r, name, lost)
	m.checkWhole(t, name, l, got, state)
	l.checkOnce(t, name, got, lost)
	// Whoever read this knows these seqs; they may not be used again.
	l.seen = state.Head
	for seq := range l.records {
		if seq > state.Head && restarted {
			delete(l.records, seq)
		}
	}
}

// checkKnown holds that of every gap no more is said to have been given out than
// was.
func (l *life) checkKnown(t *testing.T, r *topics.Registry, name string, lost map[uint64]string) {
	for seq, reason := range lost {
		if lost[seq-1] == reason {
			continue // not the beginning of a gap
		}
		b, err := r.Read(context.Background(), name, &topic.Query{From: seq - 1, Limit: 1, MaxBytes: 1})
		if err != nil {
			t.Fatalf("read %s from %d: %v", name, seq-1, err)
		}
		if b.Tombstone == nil {
			continue // it follows a deleted seq, and passed with that
		}
		given := uint64(0)
		for seq := b.Tombstone.GapFrom; seq <= b.Tombstone.GapTo; seq++ {
			if _, ok := l.records[seq]; ok {
				given++
			}
		}
		if b.Tombstone.AtLeast > given {
			t.Fatalf("topic %s: %+v, and %d were given out", name, b.Tombstone, given)
		}
	}
}

// checkWhole holds that no batch is there in part, but for what was evicted
// from its front.
func (m *model) checkWhole(t *testing.T, name string, l *life, got map[uint64]record.Record, state topic.State) {
	for _, a := range l.attempts {
		there, missing := 0, 0
		for i := range a.payload {
			seq := a.first + uint64(i)
			if rec, ok := got[seq]; ok && string(rec.Data) == a.payload[i] {
				there++
			} else if !l.dead[seq] {
				missing++
			}
		}
		if evicted := l.evicts && a.first < state.Earliest; there > 0 && missing > 0 && !evicted {
			t.Fatalf("topic %s: %d of the %d records at %d are there", name, there, len(a.payload), a.first)
		}
	}
}

// checkOnce holds that no payload is there twice, and that one that is not
// where it was is back because a crash took it from there.
func (l *life) checkOnce(t *testing.T, name string, got map[uint64]record.Record, lost map[uint64]string) {
	once := map[string]uint64{}
	for seq, rec := range got {
		data := string(rec.Data)
		if l.twice[data] {
			continue
		}
		if other, ok := once[data]; ok {
			t.Fatalf("topic %s: %.60s is at %d and at %d", name, data, other, seq)
		}
		once[data] = seq
		if was, ok := l.places[data]; ok && was != seq && lost[was] != topic.ReasonCrash && !l.evicts {
			t.Fatalf("topic %s: %.60s was at %d and is at %d", name, data, was, seq)
		}
		l.places[data] = seq
	}
}

// readAll reads a topic from its beginning: its records, and the reason given
// for every seq that is not there.
func readAll(t *testing.T, r *topics.Registry, name string) (map[uint64]record.Record, map[uint64]string) {
	state, err := r.State(name, false)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	got, lost := make(map[uint64]record.Record, state.Count), map[uint64]string{}
	lastTS := int64(0)
	for from, b := range recoverytest.Batches(t, r, name, 7) {
		if s := b.Tombstone; s != nil {
			if s.GapFrom != from+1 || s.GapTo < s.GapFrom || s.GapTo > b.Head {
				t.Fatalf("read %s from %d: tombstone %+v", name, from, s)
			}
			for seq := s.GapFrom; seq <= s.GapTo; seq++ {
				lost[seq] = s.Reason
			}
		}
		for _, rec := range b.Records {
			if rec.Seq <= from || lost[rec.Seq] != "" || rec.TS < lastTS {
				t.Fatalf("read %s from %d: seq %d at %d ms", name, from, rec.Seq, rec.TS)
			}
			lastTS = rec.TS
			got[rec.Seq] = rec
		}
	}
	return got, lost
}

// dump is everything a client can see of all topics.
func dump(t *testing.T, r *topics.Registry) string {
	var b strings.Builder
	page, _ := r.List("", "", 100)
	for _, s := range page {
		b.WriteString(dumpTopic(t, r, s))
	}
	return b.String()
}

// dumpTopic is everything a client can see of one topic.
func dumpTopic(t *testing.T, r *topics.Registry, s topic.State) string {
	var b strings.Builder
	{
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
