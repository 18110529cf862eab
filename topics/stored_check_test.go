package topics

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

// whole holds that every seq from the first live one on is live, deleted or
// lost, and where it is.
func (m *storedMachine) whole(t *rapid.T, name string) {
	x := m.w.catalog.Lookup(name)
	at := map[uint64]string{}
	note := func(seq uint64, what string) {
		if at[seq] != "" && !(at[seq] == "deleted" && what != "lost") {
			t.Fatalf("%s: seq %d is both %s and %s", name, seq, at[seq], what)
		}
		at[seq] = what
	}
	first := x.Earliest()
	x.Deleted.Each(0, x.Head, func(seq uint64) bool { note(seq, "deleted"); return true })
	if x.Deleted.Any(0, first) || x.Deleted.Any(x.Head+1, 1<<63) || x.Deleted != nil && x.Deleted.Empty() {
		t.Fatalf("%s: what is deleted is not between %d and %d", name, first, x.Head)
	}
	for _, e := range x.History.All() {
		page, err := e.Segment.Page(context.Background(), &e.At)
		if err != nil {
			t.Fatal(err)
		}
		for _, off := range page.Seq {
			if seq := e.At.First + uint64(off); seq >= first {
				note(seq, "in a segment")
			}
		}
	}
	x.Index.Each(func(_ *index.Frame, _ int, seq uint64, _ uint32) bool { note(seq, "in the index"); return true })
	for _, l := range x.Lost.Ranges {
		for seq := l.From; seq <= l.To; seq++ {
			if seq >= first && at[seq] != "deleted" { // an ephemeral one may be both
				note(seq, "lost")
			}
		}
	}
	for seq := first; seq <= x.Head; seq++ {
		if at[seq] == "" {
			t.Fatalf("%s: nothing is known of seq %d", name, seq)
		}
	}
	if seq, _, ok := x.Index.Front(); ok && x.History.Last() >= seq {
		t.Fatalf("%s: the index begins at %d, the segments end at %d", name, seq, x.History.Last())
	}
}

// check holds one answer against the oracle's and returns where the next read
// goes on. A batch may end early where two filters meet; what it passes over
// must not be wanted.
func (m *storedMachine) check(t *rapid.T, name string, q *topic.Query) (next uint64) {
	o := m.oracles[name]
	got, err := m.w.Registry.Read(context.Background(), name, q)
	if err != nil {
		t.Fatal(err)
	}
	all := *q
	all.Limit, all.MaxBytes = 1<<20, 1<<30
	want, most := o.read(q), o.read(&all)
	fail := func(why string) {
		t.Fatalf("read %s %+v: %s\n got %+v %+v\nwant %+v %+v", name, q, why, got, got.Tombstone, want, want.Tombstone)
	}
	if m.fuzzy[name] {
		m.checkFuzzy(fail, o, q, got)
		return got.NextFrom
	}
	if m.restarted || m.late[name] { // what is gone by a cap and by its age is gone by either
		for _, b := range []*topic.Batch{got, want} {
			if b.Tombstone != nil && (b.Tombstone.Reason == topic.ReasonCap || b.Tombstone.Reason == topic.ReasonTTL) {
				b.Tombstone.Reason = topic.ReasonMixed
			}
		}
	}
	early := q.Match != nil && len(q.Nodes) > 0 && len(got.Records) <= len(want.Records)
	switch {
	case got.Head != want.Head || got.Earliest != want.Earliest || !reflect.DeepEqual(got.Tombstone, want.Tombstone):
		fail("state")
	case !early && len(got.Records) != len(want.Records),
		early && got.NextFrom <= q.From && q.From < got.Head,
		len(got.Records) > 0 && !reflect.DeepEqual(got.Records, want.Records[:len(got.Records)]):
		fail("records")
	case got.NextFrom > most.NextFrom,
		len(got.Records) > 0 && got.NextFrom < got.Records[len(got.Records)-1].Seq,
		len(most.Records) > len(got.Records) && got.NextFrom >= most.Records[len(got.Records)].Seq,
		len(most.Records) == len(got.Records) && !early && len(got.Records) < q.Limit && got.NextFrom != most.NextFrom:
		fail("next from")
	}
	return got.NextFrom
}

// checkFuzzy holds that what is live is read, and that no loss is silent but
// of ephemeral records, whose deletion a restart may have forgotten.
func (m *storedMachine) checkFuzzy(fail func(string), o *oracle, q *topic.Query, got *topic.Batch) {
	seen := map[uint64]*record.Record{}
	for i := range got.Records {
		seen[got.Records[i].Seq] = &got.Records[i]
	}
	for seq := q.From + 1; seq <= min(got.NextFrom, o.head()); seq++ {
		s := &o.seqs[seq-1]
		r := seen[seq]
		delete(seen, seq)
		wanted := (!o.cfg.DedupeNode || s.Node == nil || !slices.Contains(q.Nodes, string(s.Node))) && (q.Match == nil || q.Match.Tag(s.Tag))
		stoned := got.Tombstone != nil && seq >= got.Tombstone.GapFrom && seq <= got.Tombstone.GapTo
		switch {
		case s.gone == "" && wanted && (r == nil || !reflect.DeepEqual(*r, s.Record)):
			fail(fmt.Sprintf("seq %d is live and is not read", seq))
		case (s.gone != "" || !wanted) && r != nil:
			fail(fmt.Sprintf("seq %d is %s and is read", seq, s.gone))
		case s.gone == "" && stoned:
			fail(fmt.Sprintf("seq %d is live and in the gap", seq))
		case s.gone != "" && s.gone != goneDeleted && s.class != record.Ephemeral && !stoned && !s.asked:
			// What was asked for by a delete may count as deleted: replay does not
			// see the ephemeral records that made a cap evict it before.
			fail(fmt.Sprintf("seq %d was lost in silence", seq))
		}
	}
	if len(seen) > 0 {
		fail("records beyond the cursor")
	}
}
