package topics

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

// registryMachine runs a registry beside one oracle for each topic.
type registryMachine struct {
	w         *world
	oracles   map[string]*oracle
	restarted bool
	marked    []markedRead
	latest    int64 // time that there was
}

func (m *registryMachine) name(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "topic")
}

func (m *registryMachine) config(t *rapid.T) *record.ConfigPatch {
	limits := rapid.SampledFrom([]int64{0, 0, 1, 5, 20})
	return &record.ConfigPatch{
		Durability:          ptr(rapid.SampledFrom(everyClass).Draw(t, "class")),
		TTLMS:               ptr(rapid.SampledFrom([]int64{0, 0, 100, 1000}).Draw(t, "ttl")),
		CapRecords:          ptr(limits.Draw(t, "cap records")),
		CapBytes:            ptr(10 * limits.Draw(t, "cap bytes")),
		Discard:             ptr(rapid.SampledFrom([]string{"old", "old", "reject"}).Draw(t, "discard")),
		IdempotencyWindowMS: ptr(int64(300)), // never longer: what a longer one finds again is not promised
		DedupeNode:          ptr(rapid.Bool().Draw(t, "dedupe")),
	}
}

func (m *registryMachine) Put(t *rapid.T) {
	name, p := m.name(t), m.config(t)
	cfg, err := p.Apply(record.DefaultConfig(), name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.w.Put(context.Background(), name, p)
	if o := m.oracles[name]; err != nil || out.Created != (o == nil) || !out.Config.Equal(&cfg) {
		t.Fatalf("put %s: %+v, %v", name, out, err)
	} else if o == nil {
		m.oracles[name] = newOracle(cfg, m.w.now)
	} else if !cfg.Equal(&o.cfg) {
		o.configure(cfg, m.w.now)
	}
}

func (m *registryMachine) Write(t *rapid.T) {
	name, w := m.name(t), &topic.Write{}
	for range rapid.IntRange(1, 6).Draw(t, "records") {
		r := record.Record{Data: make([]byte, rapid.IntRange(1, 12).Draw(t, "data"))}
		if rapid.Bool().Draw(t, "tagged") {
			r.Tag, r.Node = []byte(rapid.SampledFrom([]string{"x", "xy", "z"}).Draw(t, "tag")), []byte("n")
			r.Meta = []byte("{}")
		}
		w.Records = append(w.Records, r)
	}
	if rapid.IntRange(0, 2).Draw(t, "keyed") == 0 {
		w.IdempotencyKey = rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(t, "key")
	}
	if rapid.IntRange(0, 9).Draw(t, "expects") == 0 {
		w.ExpectedHead = ptr(rapid.Uint64Range(0, 9).Draw(t, "head"))
	}
	out, err := m.w.Append(context.Background(), name, w)
	out.Cost = topic.Cost{}
	o, created := m.oracles[name], false
	if o == nil {
		o, created = newOracle(record.DefaultConfig(), m.w.now), true
	}
	if k, ok := o.known(w.IdempotencyKey, m.w.now); ok && (!k.over || out.Deduped) {
		want := topic.Written{First: k.first, Last: k.first + uint64(k.count) - 1, Count: k.count, Head: o.head(), Deduped: true}
		if m.w.catalog.Lookup(name).Line.Commits != nil { // the head of what is published
			want.Head = out.Head
		}
		if err != nil || out != want {
			t.Fatalf("repeat on %s: %+v, %v, want %+v", name, out, err, want)
		}
		return
	}
	if kindOf(err) == record.KindFull && m.w.catalog.Lookup(name).Line.Size.Records > 0 {
		return // what is on its way takes room even when it has expired by now
	}
	if want := o.refuses(w, m.w.now); kindOf(err) != want || (err == nil) != (want == 0) {
		t.Fatalf("write to %s: %v, want kind %d", name, err, want)
	} else if want != 0 {
		return
	}
	m.oracles[name] = o
	o.append(w, m.w.now)
	n := uint64(len(w.Records))
	if want := (topic.Written{First: o.head() + 1 - n, Last: o.head(), Head: o.head(), Count: int(n), Created: created}); out != want {
		t.Fatalf("write to %s: %+v, want %+v", name, out, want)
	}
}

func (m *registryMachine) Read(t *rapid.T) {
	name := m.name(t)
	q := &topic.Query{
		From:     rapid.Uint64Range(0, 60).Draw(t, "from"),
		Limit:    rapid.IntRange(1, 9).Draw(t, "limit"),
		MaxBytes: rapid.IntRange(1, 60).Draw(t, "bytes"),
	}
	q.Synced = rapid.Bool().Draw(t, "synced")
	if rapid.Bool().Draw(t, "nodes") {
		q.Nodes = []string{"m", "n"}
	}
	if rapid.Bool().Draw(t, "match") {
		match, err := record.ParseMatch(rapid.SampledFrom([]string{"x", "x*", "q"}).Draw(t, "pattern"))
		if err != nil {
			t.Fatal(err)
		}
		q.Match = &match
	}
	o := m.oracles[name]
	got, err := m.w.Registry.Read(context.Background(), name, q)
	if o == nil {
		if kindOf(err) != record.KindNotFound {
			t.Fatal(err)
		}
		return
	}
	o.expire(m.w.now)
	want := o.read(q)
	want.From = q.From
	if err != nil {
		t.Fatal(err)
	}
	m.marked = append(m.marked, markedRead{name, q, got.Mark, got.Records})
	got.Cost, got.Mark, got.Topic = topic.Cost{}, topic.Mark{}, 0
	if m.restarted { // which restores what was evicted, and not always by what
		for _, b := range []*topic.Batch{got, want} {
			if b.Tombstone != nil && (b.Tombstone.Reason == topic.ReasonCap || b.Tombstone.Reason == topic.ReasonTTL) {
				b.Tombstone.Reason = topic.ReasonMixed
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("read %s %+v:\n got %+v %+v\nwant %+v %+v", name, q, got, got.Tombstone, want, want.Tombstone)
	}
}

func (m *registryMachine) Delete(t *rapid.T) {
	name := m.name(t)
	o, ifEmpty := m.oracles[name], rapid.Bool().Draw(t, "if empty")
	waiting := o != nil && m.w.catalog.Lookup(name).Line.Size.Records > 0
	removal, err := m.w.Registry.Delete(context.Background(), name, ifEmpty)
	deleted := removal.Deleted
	if o != nil && ifEmpty {
		o.expire(m.w.now)
		if n, _ := o.live(); n > 0 || waiting {
			if kindOf(err) != record.KindNotEmpty || deleted {
				t.Fatalf("delete %s: %v, %v", name, deleted, err)
			}
			return
		}
	}
	if err != nil || deleted != (o != nil) {
		t.Fatalf("delete %s: %v, %v", name, deleted, err)
	}
	delete(m.oracles, name)
}

// Time passes, or the clock is set back.
func (m *registryMachine) Time(t *rapid.T) {
	ms := rapid.SampledFrom([]int64{1, 50, 101, 301, 1001, -500}).Draw(t, "ms")
	if m.latest = max(m.latest, m.w.now); m.w.now+ms < m.latest-clock.MaxStep {
		ms = 1 // more is a jump: TestJumpingClock
	}
	m.w.now += ms
	for _, o := range m.oracles {
		o.elapse(m.w.now)
	}
}

func (m *registryMachine) Sweep(*rapid.T) {
	for _, o := range m.oracles { // a topic that the sweeper has no reason to visit is swept when it is looked at
		o.expire(m.w.now)
	}
	m.w.Sweep(context.Background())
}

func (m *registryMachine) Restart(t *rapid.T) {
	for _, o := range m.oracles {
		o.expire(m.w.now)
		o.restart()
	}
	m.w.restart()
	m.restarted, m.marked = true, nil
}

// Check holds every state, the listing, and the sums of everything.
func (m *registryMachine) Check(t *rapid.T) {
	want := topic.Totals{Topics: len(m.oracles)}
	names := slices.Sorted(maps.Keys(m.oracles))
	page, _ := m.w.List("", "", 10)
	if len(page) != len(names) {
		t.Fatalf("listed %+v, want %v", page, names)
	}
	gauges := map[string]TopicGauge{}
	for i, name := range names {
		o := m.oracles[name]
		o.expire(m.w.now)
		s := page[i]
		got := fmt.Sprintf("%s head %d earliest %d count %d bytes %d write %d cfg %+v", s.Name, s.Head, s.Earliest, s.Count, s.Bytes, s.LastWrite, s.Config)
		if want := o.state(name); got != want {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
		want.Records += s.Count
		want.Bytes += s.Bytes
		want.ByClass[s.Config.Durability]++
		gauges[name] = TopicGauge{Name: name, Head: s.Head, Earliest: s.Earliest, Records: s.Count, Bytes: s.Bytes}
	}
	got := m.w.Totals()
	if got.Topics != want.Topics || got.ByClass != want.ByClass || got.Records != want.Records || got.Bytes != want.Bytes {
		t.Fatalf("totals %+v, want %+v", got, want)
	}
	if want.Records == 0 && got.EphemeralBytes != 0 {
		t.Fatalf("%d ephemeral bytes of nothing", got.EphemeralBytes)
	}
	busiest, truncated := m.w.Busiest(2)
	if truncated != (len(names) > 2) || len(busiest) != min(2, len(names)) {
		t.Fatalf("%+v of %d, truncated %v", busiest, len(names), truncated)
	}
	for _, g := range busiest {
		if g != gauges[g.Name] || g.Head < busiest[len(busiest)-1].Head {
			t.Fatalf("%+v, want %+v", g, gauges[g.Name])
		}
	}
}

func TestRegistryAgainstAnOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &registryMachine{w: newWorld(t), oracles: map[string]*oracle{}}
		rt.Repeat(map[string]func(*rapid.T){
			"": m.Check, "put": m.Put, "write": m.Write, "write again": m.Write, "read": m.Read,
			"delete": m.Delete, "time": m.Time, "before a time": m.BeforeTime, "sweep": m.Sweep, "fresh": m.Fresh, "restart": m.Restart,
		})
		m.w.shared.Log.Close()
		*m.w = world{} // the test's cleanup remembers thousands of them
	})
}
