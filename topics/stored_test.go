package topics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

// storedMachine is a registryMachine with checkpoints, merges and deletes of
// records. Its clock never goes back.
type storedMachine struct {
	registryMachine
	classes []string
	fuzzy   map[string]bool // topics that a restart took ephemeral records from
	late    map[string]bool // topics of which time passed while writes were under way: what those evict may have expired before
}

func (m *storedMachine) Put(t *rapid.T) {
	name, p := m.name(t), m.config(t)
	p.Durability = ptr(rapid.SampledFrom(m.classes).Draw(t, "of the classes"))
	cfg, err := p.Apply(record.DefaultConfig(), name)
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
	for _, topics := range []map[string]bool{m.fuzzy, m.late} {
		maps.DeleteFunc(topics, func(name string, _ bool) bool { return m.oracles[name] == nil })
	}
}

func (m *storedMachine) DeleteRecords(t *rapid.T) {
	name, d := m.name(t), &Deletion{}
	if rapid.Bool().Draw(t, "by seq") {
		d.Before = ptr(rapid.Uint64Range(0, 80).Draw(t, "before"))
	}
	if d.Before == nil || rapid.Bool().Draw(t, "by tag") {
		match, err := record.ParseMatch(rapid.SampledFrom([]string{"x", "x*", "*", "z", "q"}).Draw(t, "pattern"))
		if err != nil {
			t.Fatal(err)
		}
		d.Match = &match
	}
	head := uint64(0)
	if x := m.w.catalog.Lookup(name); x != nil {
		head = x.Head
	}
	out, err := m.w.Registry.DeleteRecords(context.Background(), name, d)
	o := m.oracles[name]
	if o == nil {
		if kindOf(err) != record.KindNotFound {
			t.Fatal(err)
		}
		return
	}
	o.expire(m.w.now)
	n := o.delete(d, head)
	out.Cost = topic.Cost{}
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
	var pending []*topic.Pending
	var writing []string
	began := m.w.now
	for _, name := range slices.Sorted(maps.Keys(m.oracles)) {
		o, w := m.oracles[name], &topic.Write{Records: tagged("x", "-")}
		for range rapid.IntRange(0, 2).Draw(t, "under way") {
			o.expire(m.w.now)
			p, err := m.w.Begin(context.Background(), name, w)
			if want := o.refuses(w, m.w.now); kindOf(err) != want {
				t.Fatalf("write to %s: %v, want kind %d", name, err, want)
			} else if want == 0 {
				o.append(w, m.w.now)
				pending, writing = append(pending, p), append(writing, name)
			}
		}
	}
	c := m.w.checkpoint(func() {
		if err := m.w.shared.Log.WaitSynced(m.w.shared.Log.Tail()); err != nil { // no other goroutine waits for those under way
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 2).Draw(t, "meanwhile") {
			rapid.SampledFrom([]func(*rapid.T){m.Write, m.DeleteRecords, m.Put, m.DeleteTopic, m.Time}).Draw(t, "what")(t)
		}
	})
	for i, p := range pending {
		if _, err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		if m.w.now > began {
			m.late[writing[i]] = true
		}
	}
	for _, moved := range c.moved {
		o := m.oracles[moved.topic.Name]
		if m.w.catalog.Lookup(moved.topic.Name) != moved.topic {
			continue
		}
		for i := range o.seqs[:moved.through] {
			if s := &o.seqs[i]; s.gone == "" && s.class == record.Ephemeral {
				s.class = record.Disk // it is now
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
			if s.class != record.Ephemeral {
				continue
			}
			m.fuzzy[name] = true
			if s.gone == "" {
				s.gone = topic.ReasonCrash
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
		if rapid.Bool().Draw(t, "from the checkpoint before") {
			m.w.fallBack()
		}
		m.w.kill()
	}
	m.restarted = true
}

// Check reads every topic to its end, and holds every state and its invariants.
func (m *storedMachine) Check(t *rapid.T) {
	var all record.Size
	for name, o := range m.oracles {
		o.expire(m.w.now)
		q := &topic.Query{Limit: 1000, MaxBytes: 1 << 20}
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
		all.Add(record.Size{Records: count, Bytes: bytes})
		m.whole(t, name)
	}
	if got := m.w.Totals(); got.Topics != len(m.oracles) || got.Records != all.Records || got.Bytes != all.Bytes || got.DamagedPages > 0 ||
		all.Records == 0 && got.EphemeralBytes != 0 {
		t.Fatalf("totals %+v, want %+v", got, all)
	}
}

func TestStorageAgainstAnOracle(t *testing.T) {
	for _, classes := range [][]string{{"disk", "fsync"}, everyClass} {
		t.Run(fmt.Sprint(classes), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				m := &storedMachine{classes: classes, fuzzy: map[string]bool{}, late: map[string]bool{}}
				m.registryMachine = registryMachine{
					w: newWorld(t, stored(rapid.SampledFrom([]int64{1, 7, 100}).Draw(rt, "records in a segment"))), oracles: map[string]*oracle{},
				}
				rt.Repeat(map[string]func(*rapid.T){
					"": m.Check, "put": m.Put, "write": m.Write, "write again": m.Write, "read": m.Read, "read again": m.Read,
					"delete topic": m.DeleteTopic, "delete records": m.DeleteRecords, "checkpoint": m.Checkpoint,
					"merge": m.Merge, "time": m.Time, "before a time": m.BeforeTime, "sweep": m.Sweep, "restart": m.Restart,
				})
				m.w.shared.Log.Close()
				*m.w = world{} // the test's cleanup remembers thousands of them
			})
		})
	}
}

func (m *storedMachine) Read(t *rapid.T) {
	name := m.name(t)
	q := &topic.Query{
		From:     rapid.Uint64Range(0, 60).Draw(t, "from"),
		Limit:    rapid.IntRange(1, 9).Draw(t, "limit"),
		MaxBytes: rapid.IntRange(1, 60).Draw(t, "bytes"),
	}
	if rapid.Bool().Draw(t, "nodes") {
		q.Nodes = []string{"m", "n"}
	}
	if rapid.Bool().Draw(t, "match") {
		match, err := record.ParseMatch(rapid.SampledFrom([]string{"x", "x*", "*", "q"}).Draw(t, "pattern"))
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
