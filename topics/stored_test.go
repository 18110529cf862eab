package topics

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// storedMachine is a registryMachine with checkpoints, merges and deletes of
// records. Its clock never goes back.
type storedMachine struct {
	registryMachine
	classes []string
	fuzzy   map[string]bool // topics that a restart took ephemeral records from
}

func (m *storedMachine) Put(t *rapid.T) {
	name, p := m.name(t), m.config(t)
	p.Durability = ptr(rapid.SampledFrom(m.classes).Draw(t, "of the classes"))
	cfg, err := p.Apply(DefaultConfig(), name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.w.Put(context.Background(), name, p)
	if o := m.oracles[name]; err != nil || out.Created != (o == nil) {
		t.Fatalf("put %s: %+v, %v", name, out, err)
	} else if o == nil {
		m.oracles[name] = newOracle(cfg, m.w.now)
	} else if !cfg.Equal(&o.cfg) {
		o.configure(cfg, m.w.now)
	}
}

func (m *storedMachine) DeleteTopic(t *rapid.T) {
	m.Delete(t)
	maps.DeleteFunc(m.fuzzy, func(name string, _ bool) bool { return m.oracles[name] == nil })
}

func (m *storedMachine) DeleteRecords(t *rapid.T) {
	name, d := m.name(t), &Deletion{}
	if rapid.Bool().Draw(t, "by seq") {
		d.Before = ptr(rapid.Uint64Range(0, 80).Draw(t, "before"))
	}
	if d.Before == nil || rapid.Bool().Draw(t, "by tag") {
		match, err := ParseMatch(rapid.SampledFrom([]string{"x", "x*", "*", "z", "q"}).Draw(t, "pattern"))
		if err != nil {
			t.Fatal(err)
		}
		d.Match = &match
	}
	head := uint64(0)
	if topic := m.w.lookup(name); topic != nil {
		head = topic.head
	}
	out, err := m.w.Registry.DeleteRecords(context.Background(), name, d)
	o := m.oracles[name]
	if o == nil {
		if kindOf(err) != KindNotFound {
			t.Fatal(err)
		}
		return
	}
	o.expire(m.w.now)
	n := o.delete(d, head)
	out.Cost = Cost{}
	count, bytes := o.live()
	want := Deleted{Deleted: n, Earliest: o.earliest(), Head: o.head(), Count: count, Bytes: bytes}
	if head != o.head() && n == 0 { // answered before what is on its way
		want = out
	}
	if err != nil || out != want {
		t.Fatalf("delete %+v of %s: %+v, %v, want %+v", d, name, out, err, want)
	}
}

func (m *storedMachine) Time(t *rapid.T) {
	m.w.now += rapid.SampledFrom([]int64{1, 50, 101, 301, 1001}).Draw(t, "ms")
	for _, o := range m.oracles {
		o.elapse(m.w.now)
	}
}

// Checkpoint captures while writes are under way and more of everything comes.
func (m *storedMachine) Checkpoint(t *rapid.T) {
	var pending []*Pending
	for _, name := range slices.Sorted(maps.Keys(m.oracles)) {
		o, w := m.oracles[name], &Write{Records: tagged("x", "-")}
		for range rapid.IntRange(0, 2).Draw(t, "under way") {
			o.expire(m.w.now)
			p, err := m.w.Begin(context.Background(), name, w)
			if want := o.refuses(w, m.w.now); kindOf(err) != want {
				t.Fatalf("write to %s: %v, want kind %d", name, err, want)
			} else if want == 0 {
				o.append(w, m.w.now)
				pending = append(pending, p)
			}
		}
	}
	c := m.w.checkpoint(func() {
		if err := m.w.log.WaitSynced(m.w.log.Tail()); err != nil { // nobody else waits for those under way
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 2).Draw(t, "meanwhile") {
			rapid.SampledFrom([]func(*rapid.T){m.Write, m.DeleteRecords, m.Put, m.DeleteTopic, m.Time}).Draw(t, "what")(t)
		}
	})
	for _, p := range pending {
		if _, err := p.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for _, moved := range c.moved {
		o := m.oracles[moved.topic.name]
		if m.w.lookup(moved.topic.name) != moved.topic {
			continue
		}
		for i := range o.seqs[:moved.through] {
			if s := &o.seqs[i]; s.gone == "" && s.class == Ephemeral {
				s.class = Disk // it is now
			}
		}
	}
}

func (m *storedMachine) Merge(t *rapid.T) {
	from := rapid.IntRange(0, m.w.disk.old).Draw(t, "from")
	m.w.merge(from, rapid.IntRange(from, m.w.disk.old).Draw(t, "to"))
}

func (m *storedMachine) Restart(t *rapid.T) {
	for name, o := range m.oracles {
		o.expire(m.w.now)
		for i := range o.seqs {
			s := &o.seqs[i]
			if s.class != Ephemeral {
				continue
			}
			m.fuzzy[name] = true
			if s.gone == "" {
				s.gone = ReasonCrash
			}
		}
		for key, k := range o.keys {
			k.over = k.over || m.fuzzy[name]
			o.keys[key] = k
		}
	}
	if slices.Contains(m.classes, "ephemeral") {
		m.w.restart()
	} else {
		m.w.kill()
	}
	m.restarted = true
}

// Check reads every topic to its end, and holds every state and its invariants.
func (m *storedMachine) Check(t *rapid.T) {
	var all sums
	for name, o := range m.oracles {
		o.expire(m.w.now)
		q := &Query{Limit: 1000, MaxBytes: 1 << 20}
		for q.From <= o.head() {
			next := m.check(t, name, q)
			if next <= q.From {
				if next < o.head() {
					t.Fatalf("%s: stuck at %d", name, next)
				}
				break
			}
			q.From = next
		}
		s, err := m.w.State(name, false)
		count, bytes := o.live()
		if err != nil || s.Head != o.head() || s.Earliest != o.earliest() || s.Count != count || s.Bytes != bytes ||
			!m.fuzzy[name] && s.LastWrite != o.lastWrite || !s.Config.Equal(&o.cfg) {
			t.Fatalf("%s: %+v, %v\nwant %s", name, s, err, o.state(name))
		}
		all.add(sums{count, bytes})
		m.whole(t, name)
	}
	if got := m.w.Totals(); got.Topics != len(m.oracles) || got.Records != all.records || got.Bytes != all.bytes || got.DamagedPages > 0 ||
		all.records == 0 && got.EphemeralBytes != 0 {
		t.Fatalf("totals %+v, want %+v", got, all)
	}
}

// whole holds that every seq from the first live one on is live, deleted or
// lost, and where it is.
func (m *storedMachine) whole(t *rapid.T, name string) {
	topic := m.w.lookup(name)
	at := map[uint64]string{}
	note := func(seq uint64, what string) {
		if at[seq] != "" && !(at[seq] == "deleted" && what != "lost") {
			t.Fatalf("%s: seq %d is both %s and %s", name, seq, at[seq], what)
		}
		at[seq] = what
	}
	first := topic.earliest()
	topic.deleted.each(0, topic.head, func(seq uint64) bool { note(seq, "deleted"); return true })
	if topic.deleted.any(0, first) || topic.deleted.any(topic.head+1, 1<<63) || topic.deleted != nil && topic.deleted.empty() {
		t.Fatalf("%s: what is deleted is not between %d and %d", name, first, topic.head)
	}
	for i := range topic.history.extents {
		e := &topic.history.extents[i]
		page, err := e.seg.Page(&e.at)
		if err != nil {
			t.Fatal(err)
		}
		for _, off := range page.Seq {
			if seq := e.at.First + uint64(off); seq >= first {
				note(seq, "in a segment")
			}
		}
	}
	topic.index.each(func(_ *frameRef, _ int, seq uint64, _ uint32) bool { note(seq, "in the index"); return true })
	for _, l := range topic.lost {
		for seq := l.from; seq <= l.to; seq++ {
			if seq >= first && at[seq] != "deleted" { // an ephemeral one may be both
				note(seq, "lost")
			}
		}
	}
	for seq := first; seq <= topic.head; seq++ {
		if at[seq] == "" {
			t.Fatalf("%s: nothing is known of seq %d", name, seq)
		}
	}
	if seq, _, ok := topic.index.front(); ok && topic.history.last() >= seq {
		t.Fatalf("%s: the index begins at %d, the segments end at %d", name, seq, topic.history.last())
	}
}

func TestStorageAgainstAnOracle(t *testing.T) {
	for _, classes := range [][]string{{"disk", "fsync"}, classNames[:]} {
		t.Run(fmt.Sprint(classes), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				m := &storedMachine{classes: classes, fuzzy: map[string]bool{}}
				m.registryMachine = registryMachine{
					w: newWorld(t, stored(rapid.SampledFrom([]int64{1, 7, 100}).Draw(rt, "records in a segment"))), oracles: map[string]*oracle{},
				}
				rt.Repeat(map[string]func(*rapid.T){
					"": m.Check, "put": m.Put, "write": m.Write, "write again": m.Write, "read": m.Read, "read again": m.Read,
					"delete topic": m.DeleteTopic, "delete records": m.DeleteRecords, "checkpoint": m.Checkpoint,
					"merge": m.Merge, "time": m.Time, "sweep": m.Sweep, "restart": m.Restart,
				})
				m.w.log.Close()
				*m.w = world{} // the test's cleanup remembers thousands of them
			})
		})
	}
}

func (m *storedMachine) Read(t *rapid.T) {
	name := m.name(t)
	q := &Query{
		From:     rapid.Uint64Range(0, 60).Draw(t, "from"),
		Limit:    rapid.IntRange(1, 9).Draw(t, "limit"),
		MaxBytes: rapid.IntRange(1, 60).Draw(t, "bytes"),
	}
	if rapid.Bool().Draw(t, "nodes") {
		q.Nodes = []string{"m", "n"}
	}
	if rapid.Bool().Draw(t, "match") {
		match, err := ParseMatch(rapid.SampledFrom([]string{"x", "x*", "*", "q"}).Draw(t, "pattern"))
		if err != nil {
			t.Fatal(err)
		}
		q.Match = &match
	}
	if m.oracles[name] != nil {
		m.oracles[name].expire(m.w.now)
		m.check(t, name, q)
	}
}

// check holds one answer against the oracle's and returns where the next read
// goes on. A batch may end early where two filters meet; what it passes over
// must not be wanted.
func (m *storedMachine) check(t *rapid.T, name string, q *Query) (next uint64) {
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
	if m.restarted {
		for _, b := range []*Batch{got, want} {
			if b.Tombstone != nil && (b.Tombstone.Reason == ReasonCap || b.Tombstone.Reason == ReasonTTL) {
				b.Tombstone.Reason = ReasonMixed
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
func (m *storedMachine) checkFuzzy(fail func(string), o *oracle, q *Query, got *Batch) {
	seen := map[uint64]*Record{}
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
		case s.gone != "" && s.gone != goneDeleted && s.class != Ephemeral && !stoned:
			fail(fmt.Sprintf("seq %d was lost in silence", seq))
		}
	}
	if len(seen) > 0 {
		fail("records beyond the cursor")
	}
}
