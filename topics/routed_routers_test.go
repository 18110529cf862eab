package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"pgregory.net/rapid"
)

func (m *routedMachine) PutRouter(t *rapid.T) {
	name := rapid.SampledFrom([]string{"r0", "r1", "r2", "r3", "r4"}).Draw(t, "router")
	spec := router.Spec{
		Source: m.name(t), Dest: m.name(t), PreserveNode: rapid.Bool().Draw(t, "node"), PreserveTag: rapid.Bool().Draw(t, "keeps tag"),
		CreateDest: rapid.Bool().Draw(t, "creates"), AllowCycle: rapid.IntRange(0, 2).Draw(t, "cycles") > 0,
		Guarantee: rapid.SampledFrom([]string{"", router.AtLeastOnce, router.ExactlyOnce}).Draw(t, "guarantee"),
	}
	if pattern := rapid.SampledFrom([]string{"", "", "x", "x*"}).Draw(t, "filter"); pattern != "" {
		match, err := record.ParseMatch(pattern)
		if err != nil {
			t.Fatal(err)
		}
		spec.Filter = &match
	}
	for other, rt := range m.routers {
		if other != name && rt.source == spec.Source && rt.dest == spec.Dest {
			return // would bring every record twice
		}
	}
	old := m.routers[name]
	before, _ := m.w.List("", "", 10)
	var cursor uint64
	if rt, _ := m.w.routers.ByName.Get(name); rt != nil {
		cursor = rt.Cursor
	}
	out, err := m.w.routing.PutRouter(context.Background(), name, spec)
	if want := m.refuses(name, &spec); kindOf(err) != want || (err == nil) != (want == 0) {
		t.Fatalf("put router %s %+v: %v, want kind %d", name, spec, err, want)
	} else if want != 0 {
		if after, _ := m.w.List("", "", 10); len(after) != len(before) {
			t.Fatalf("a refused router leaves topics behind: %+v", after)
		}
		return
	}
	if out.Created != (old == nil) || out.Spec.Guarantee == "" {
		t.Fatalf("put router %s: %+v", name, out)
	}
	rt, _ := m.w.routers.ByName.Get(name)
	ends := [2]uint64{m.learn(spec.Source).id, m.learn(spec.Dest).id}
	if old == nil || old.source != spec.Source || old.dest != spec.Dest {
		cursor = m.w.state(spec.Source).Head
		old = &routedRouter{id: rt.ID, source: spec.Source, dest: spec.Dest}
		m.routers[name] = old
	}
	if rt.ID != old.id || rt.Cursor != cursor {
		t.Fatalf("router %s: %d at %d, want %d at %d", name, rt.ID, rt.Cursor, old.id, cursor)
	}
	old.specs = append(old.specs, spanSpec{cursor, spec})
	l := m.legs[ends]
	if l == nil {
		l = &leg{}
		m.legs[ends] = l
	}
	l.keepsTag, l.dropsTag = l.keepsTag || spec.PreserveTag, l.dropsTag || !spec.PreserveTag
	l.keepsNode, l.dropsNode = l.keepsNode || spec.PreserveNode, l.dropsNode || !spec.PreserveNode
}

// refuses returns why a router is refused, or 0.
func (m *routedMachine) refuses(name string, spec *router.Spec) record.Kind {
	if spec.Source == spec.Dest {
		return record.KindInvalid
	}
	reached := map[string]bool{spec.Dest: true}
	for range m.topics {
		for other, rt := range m.routers {
			if other != name && reached[rt.source] {
				reached[rt.dest] = true
			}
		}
	}
	old := m.routers[name]
	was := old != nil && old.source == spec.Source && old.dest == spec.Dest && !old.specs[len(old.specs)-1].AllowCycle
	switch {
	case reached[spec.Source] && !spec.AllowCycle && !was:
		return record.KindRouterCycle
	case !spec.CreateDest && (m.topics[spec.Source] == nil || m.topics[spec.Dest] == nil):
		return record.KindNotFound
	}
	return 0
}

func (m *routedMachine) DeleteRouter(t *rapid.T) {
	name := rapid.SampledFrom([]string{"r0", "r1", "r2", "r3", "r4"}).Draw(t, "router")
	deleted, _, err := m.w.routing.DeleteRouter(context.Background(), name)
	if err != nil || deleted != (m.routers[name] != nil) {
		t.Fatalf("delete router %s: %v, %v", name, deleted, err)
	}
	delete(m.routers, name)
}
