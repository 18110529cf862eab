package topics

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

// routedMachine is topics with routers between them, in any graph, through
// everything that can happen to both. It knows what was written where, and
// holds what became of it; see routed_check_test.go.
type routedMachine struct {
	w       *world
	n       int // records written
	topics  map[string]*routedTopic
	routers map[string]*routedRouter
	origins map[string]origin      // by data
	legs    map[[2]uint64]*leg     // by the ids of source and destination
	places  map[uint64]placedLines // by topic id: where each record was last seen
	never   map[uint64]placedLines // by topic id: what was deleted before it could come there
}

type placedLines map[string]uint64

// routedTopic is one incarnation of a topic.
type routedTopic struct {
	id    uint64
	weak  record.Class // the weakest it ever had
	lossy bool         // a cap, a ttl or deletes ever took records from it
}

// routedRouter is a router as its makers know it.
type routedRouter struct {
	id           uint64
	source, dest string
	specs        []spanSpec // what it was, in order
}

// spanSpec is a spec, for the source's records after a seq.
type spanSpec struct {
	behind uint64
	router.Spec
}

// origin is a record as it was written.
type origin struct {
	record.Record
	topic uint64
}

// leg is everything that routers between two topics ever did to records.
type leg struct{ keepsTag, dropsTag, keepsNode, dropsNode bool }

func newRoutedMachine(t testing.TB, change ...func(*world)) *routedMachine {
	return &routedMachine{
		w: newWorld(t, append([]func(*world){stored(20)}, change...)...), topics: map[string]*routedTopic{}, routers: map[string]*routedRouter{},
		origins: map[string]origin{}, legs: map[[2]uint64]*leg{}, places: map[uint64]placedLines{}, never: map[uint64]placedLines{},
	}
}

func (m *routedMachine) name(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "topic")
}

// learn notes a topic that is there by now.
func (m *routedMachine) learn(name string) *routedTopic {
	x := m.w.catalog.Lookup(name)
	if x == nil {
		return nil
	}
	known := m.topics[name]
	if known == nil || known.id != x.ID {
		known = &routedTopic{id: x.ID, weak: record.Fsync}
		m.topics[name] = known
	}
	known.weak = min(known.weak, x.Next.Durability)
	known.lossy = known.lossy || x.Next.CapRecords > 0 || x.Next.TTLMS > 0
	return known
}

func (m *routedMachine) Put(t *rapid.T) {
	name := m.name(t)
	p := &record.ConfigPatch{Durability: ptr(rapid.SampledFrom(everyClass).Draw(t, "class"))}
	switch rapid.IntRange(0, 5).Draw(t, "limit") {
	case 0:
		p.CapRecords = ptr(int64(rapid.IntRange(1, 9).Draw(t, "cap")))
		p.Discard = ptr(rapid.SampledFrom([]string{"old", "reject"}).Draw(t, "discard"))
	case 1:
		p.TTLMS = ptr(int64(100))
	}
	if _, err := m.w.Put(context.Background(), name, p); err != nil {
		t.Fatal(err)
	}
	m.learn(name)
}

func (m *routedMachine) Write(t *rapid.T) {
	name, w := m.name(t), &topic.Write{}
	for range rapid.IntRange(1, 4).Draw(t, "records") {
		m.n++
		r := record.Record{Data: fmt.Appendf(nil, `"%s%d"`, name, m.n)}
		if rapid.Bool().Draw(t, "tagged") {
			r.Tag, r.Node = []byte(rapid.SampledFrom([]string{"x", "xy", "z"}).Draw(t, "tag")), []byte("n"+name)
			r.Meta = fmt.Appendf(nil, `{"m":%d}`, m.n)
		}
		w.Records = append(w.Records, r)
	}
	_, err := m.w.Append(context.Background(), name, w)
	if k := kindOf(err); k == record.KindFull || k == record.KindRecordTooLarge {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	id := m.learn(name).id
	for _, r := range w.Records {
		m.origins[string(r.Data)] = origin{r, id}
	}
}

func (m *routedMachine) DeleteTopic(t *rapid.T) {
	name := m.name(t)
	out, err := m.w.checkedRemoval(t, name, false)
	if err != nil || out.Deleted != (m.topics[name] != nil) {
		t.Fatalf("delete %s: %+v, %v", name, out, err)
	}
	var named []string
	for _, r := range slices.Sorted(maps.Keys(m.routers)) {
		if rt := m.routers[r]; rt.source == name || rt.dest == name {
			named = append(named, r)
			delete(m.routers, r)
		}
	}
	if !slices.Equal(out.Routers, named) {
		t.Fatalf("delete %s took routers %v, want %v", name, out.Routers, named)
	}
	delete(m.topics, name)
}

func (m *routedMachine) DeleteRecords(t *rapid.T) {
	name, d := m.name(t), &Deletion{}
	if m.topics[name] == nil {
		return
	}
	if rapid.Bool().Draw(t, "by seq") {
		d.Before = ptr(rapid.Uint64Range(0, m.w.state(name).Head).Draw(t, "before"))
	} else {
		match, _ := record.ParseMatch("x*")
		d.Match = &match
	}
	before := m.contents(t, name)
	if _, err := m.w.checkedDelete(t, name, d); err != nil {
		t.Fatal(err)
	}
	m.topics[name].lossy = true
	m.forbid(name, before, m.contents(t, name))
}

// forbid notes that what was deleted before it was forwarded never is.
func (m *routedMachine) forbid(name string, before, after contents) {
	x := m.topics[name]
	for _, rt := range router.Outgoing(m.w.catalog.Lookup(name)) {
		for seq, r := range before.records {
			if _, ok := after.records[seq]; ok || seq <= rt.Cursor {
				continue
			}
			if r.Path, _ = paths.Extend(r.Path, x.id, rt.Dest.ID); r.Path == nil {
				continue
			}
			if m.never[rt.Dest.ID] == nil {
				m.never[rt.Dest.ID] = placedLines{}
			}
			m.never[rt.Dest.ID][lineOf(&r)] = seq
		}
	}
}

func (m *routedMachine) Time(t *rapid.T) {
	m.w.now += rapid.SampledFrom([]int64{1, 60, 101}).Draw(t, "ms")
}

func (m *routedMachine) Sweep(*rapid.T) { m.w.Sweep(context.Background()) }

// Forward lets the routers run, and checks that they forwarded everything.
func (m *routedMachine) Forward(t *rapid.T) {
	m.w.Forward(context.Background())
	m.observe(t)
	m.complete(t)
}

func (m *routedMachine) Checkpoint(t *rapid.T) {
	m.w.checkpoint(func() {
		for range rapid.IntRange(0, 2).Draw(t, "meanwhile") {
			rapid.SampledFrom([]func(*rapid.T){
				m.Write, m.Write, m.Forward, m.Put, m.PutRouter, m.DeleteRouter, m.DeleteRecords, m.DeleteTopic, m.Time,
			}).Draw(t, "what")(t)
		}
	})
}

func (m *routedMachine) Merge(t *rapid.T) {
	from := rapid.IntRange(0, 9).Draw(t, "from")
	m.w.merge(from, min(from+rapid.IntRange(1, 9).Draw(t, "segments"), m.w.disk.old))
}

// End ends the process in some way, and holds what of it is there afterwards.
func (m *routedMachine) End(t *rapid.T) {
	before := m.snapshot(t)
	routers, _ := m.w.routing.Routers("", "", "", "", 10)
	how := rapid.SampledFrom([]string{"kill", "kill", "power", "restart"}).Draw(t, "how")
	if how != "restart" && rapid.IntRange(0, 3).Draw(t, "falls back") == 0 {
		m.w.fallBack()
	}
	switch how {
	case "kill":
		m.w.kill()
	case "power":
		m.w.power(rapid.Uint64().Draw(t, "seed"))
	default:
		m.w.restart()
	}
	m.survived(t, how, before)
	m.referred(t)
	m.routersSurvived(t, how, routers)
	for name := range m.topics {
		if m.topics[name].weak == record.Ephemeral {
			m.topics[name].lossy = true
		}
		if m.topics[name].weak < survives[how] {
			clear(m.never) // the end may have undone the deletes
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "again") == 0 {
		m.w.kill() // this one may find what the last start lost
		one := encodeState(m.w.t, m.w.Registry)
		m.w.kill()
		if two := encodeState(m.w.t, m.w.Registry); !bytes.Equal(one[8:], two[8:]) {
			t.Fatalf("replaying twice differs:\n%q\n%q", one, two)
		}
	}
}

func TestRoutersAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newRoutedMachine(t)
		m.w.t = shrinkable{t, rt}
		rt.Repeat(map[string]func(*rapid.T){
			"": m.Check, "put": m.Put, "write": m.Write, "write again": m.Write, "more": m.Write, "put router": m.PutRouter, "put router again": m.PutRouter,
			"delete router": m.DeleteRouter, "delete topic": m.DeleteTopic, "delete records": m.DeleteRecords, "time": m.Time,
			"sweep": m.Sweep, "forward": m.Forward, "forward again": m.Forward, "checkpoint": m.Checkpoint, "merge": m.Merge, "end": m.End,
		})
		m.Forward(rt)
		m.w.shared.Log.Close()
		*m.w = world{}
	})
}

// shrinkable is a test whose failures rapid can make small.
type shrinkable struct {
	testing.TB
	rapid *rapid.T
}

func (s shrinkable) Fatal(args ...any)                 { s.rapid.Fatal(args...) }
func (s shrinkable) Fatalf(format string, args ...any) { s.rapid.Fatalf(format, args...) }

// lineOf identifies a record: its content and its path.
func lineOf(r *record.Record) string {
	return string(r.Data) + strings.Repeat(" ", 1) + fmt.Sprint(wayOf(r))
}

func wayOf(r *record.Record) (ids []uint64) {
	for d := record.NewDecoder(r.Path); d.Left() > 0; {
		ids = append(ids, d.Uvarint())
	}
	return ids
}
