package recovery_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Routers forward from the topics that clients write to into r0 and r1, and
// from r0 into r2 and back. So each record comes to each of these once, and
// what a client can rely on is simple: they are never written to otherwise, and
// keep everything that comes.

// routing has what a client can rely on of routers.
type routing struct {
	routes map[string]*route       // by name
	dests  map[string]*destination // by name
	wrote  map[string]bool         // every payload that was ever sent
	again  map[string]bool         // those that were sent again: they may come twice
	jumped bool                    // the clock did
}

// route is one router.
type route struct {
	source, dest string
	filter       string // a tag, or empty for all
	after        uint64 // later seqs of the source are forwarded
	unsure       bool   // a change of it was cut off
}

// destination is a topic that only routers write to.
type destination struct {
	class  record.Class
	unsure bool
	seen   map[string]uint64 // the seqs of payloads that are to stay there
}

func newRouting() *routing {
	return &routing{routes: map[string]*route{}, dests: map[string]*destination{}, wrote: map[string]bool{}, again: map[string]bool{}}
}

// excuse takes the promise off what an end may take from a class.
func (g *routing) excuse(weaker record.Class) {
	for _, d := range g.dests {
		if d.class <= weaker {
			clear(d.seen)
		}
	}
}

// dropped notes that a topic is gone, or, if that failed, that it may be.
func (g *routing) dropped(name string, failed bool) {
	for r, rt := range g.routes {
		if rt.source != name && rt.dest != name {
			continue
		}
		if rt.unsure = true; !failed {
			delete(g.routes, r)
		}
	}
}

func (s *sim) router() {
	switch n := s.rng.IntN(20); {
	case n < 9:
		s.putRouter()
	case n < 11:
		s.deleteRouter()
	case n < 12:
		s.dropDestination()
	default:
		s.forward()
	}
}

func (s *sim) putRouter() {
	s.waitAll()
	g := s.model.routing
	name, source := fmt.Sprintf("g%d", s.rng.IntN(5)), s.topicName()
	dest := fmt.Sprintf("r%d", s.rng.IntN(2))
	switch s.rng.IntN(6) {
	case 0:
		source, dest = "r0", "r2"
	case 1:
		source, dest = "r2", "r0"
	}
	r := s.data.Registry
	state, err := r.State(source, false)
	if err != nil || s.fs.Crashed() {
		return // it would be made
	}
	for other, rt := range g.routes {
		if other != name && rt.source == source && rt.dest == dest {
			return
		}
	}
	if g.dests[dest] == nil {
		class := record.Disk + record.Class(s.rng.IntN(2))
		text := class.String()
		g.dests[dest] = &destination{class: class, unsure: true, seen: map[string]uint64{}}
		if _, err := r.Put(context.Background(), dest, &record.ConfigPatch{Durability: &text}); err != nil {
			s.excused(err)
			return
		}
		g.dests[dest].unsure = false
	}
	old := g.routes[name]
	rt := &route{source: source, dest: dest, after: state.Head}
	if s.rng.IntN(3) == 0 {
		rt.filter = "tag-1"
	}
	if old != nil && old.source == source && old.dest == dest {
		rt.after, rt.filter = old.after, old.filter
		if old.unsure {
			rt.after = state.Head
		}
	}
	spec := router.Spec{
		Source: source, Dest: dest, PreserveTag: true, PreserveNode: s.rng.IntN(2) == 0, CreateDest: true, AllowCycle: true,
		Guarantee: router.ExactlyOnce,
	}
	if rt.filter != "" {
		m, err := record.NewMatch("Eq", rt.filter)
		if err != nil {
			s.t.Fatal(err)
		}
		spec.Filter = &m
	}
	g.routes[name] = rt
	err = s.attempt(func(r *topics.Registry) error {
		_, err := r.Routing().PutRouter(context.Background(), name, spec)
		return err
	})
	if err != nil {
		s.excused(err)
		rt.unsure = true
	}
}

func (s *sim) deleteRouter() {
	name := fmt.Sprintf("g%d", s.rng.IntN(5))
	g := s.model.routing
	deleted := false
	err := s.attempt(func(r *topics.Registry) (err error) {
		deleted, _, err = r.Routing().DeleteRouter(context.Background(), name)
		return err
	})
	rt := g.routes[name]
	switch {
	case err != nil:
		s.excused(err)
		if rt != nil {
			rt.unsure = true
		}
		return
	case deleted != (rt != nil) && !(rt != nil && rt.unsure):
		s.t.Fatalf("deleting router %s: %v, and it is %+v", name, deleted, rt)
	}
	delete(g.routes, name)
}

func (s *sim) dropDestination() {
	name := fmt.Sprintf("r%d", s.rng.IntN(3))
	err := s.attempt(func(r *topics.Registry) error {
		_, err := r.Delete(context.Background(), name, false)
		return err
	})
	g := s.model.routing
	g.dropped(name, err != nil)
	if err == nil {
		delete(g.dests, name)
		return
	}
	s.excused(err)
	if d := g.dests[name]; d != nil {
		d.unsure = true
	}
}

// forward lets the routers run. The router reports its failures, which
// tries again.
func (s *sim) forward() {
	before := s.inj != nil && s.inj.Fired()
	s.data.Registry.Forward(context.Background())
	s.told = s.told || s.inj != nil && s.inj.Fired() != before
}

// checkRouters holds that everything is forwarded, once, in order, and stays
// where it was. After a restart it settles what was unsure.
func (s *sim) checkRouters(restarted bool) {
	g, r := s.model.routing, s.data.Registry
	s.forward()
	if s.fs.Crashed() || r.Totals().BlockedRouters > 0 && s.fault != nil {
		return // it was cut
	}
	page, _ := r.Routing().Routers("", "", "", "", 100)
	there := map[string]router.State{}
	for _, state := range page {
		there[state.Name] = state
		if g.routes[state.Name] == nil {
			s.t.Fatalf("router %s is there although nobody made it", state.Name)
		}
	}
	for name, rt := range g.routes {
		state, ok := there[name]
		switch {
		case !ok && !rt.unsure:
			s.t.Fatalf("router %s is gone", name)
		case !ok && restarted:
			delete(g.routes, name)
		case !ok:
		case rt.unsure && restarted: // it is known from here on
			source, err := r.State(state.Spec.Source, false)
			if err != nil {
				s.t.Fatal(err)
			}
			*rt = route{source: state.Spec.Source, dest: state.Spec.Dest, after: source.Head}
			if state.Spec.Filter != nil {
				rt.filter = state.Spec.Filter.String()
			}
		case !rt.unsure && (state.Spec.Source != rt.source || state.Spec.Dest != rt.dest || state.Blocked != "" || state.Lag > 0):
			s.t.Fatalf("router %s: %+v, want %+v", name, state, rt)
		}
	}
	for name, d := range g.dests {
		_, err := r.State(name, false)
		switch {
		case kind(err) == record.KindNotFound && d.unsure:
			if restarted {
				delete(g.dests, name)
			}
		case err != nil:
			s.t.Fatalf("destination %s: %v", name, err)
		default:
			d.unsure = d.unsure && !restarted
			g.checkDestination(s.t, r, s.model, name, d)
		}
	}
}

// trimmed reports whether a destination has lost records that its sources had
// lost before they were forwarded.
func trimmed(lost map[uint64]string) bool {
	for _, reason := range lost {
		if reason == topic.ReasonTrim {
			return true
		}
	}
	return false
}

func (g *routing) checkDestination(t *testing.T, r *topics.Registry, m *model, name string, d *destination) {
	got, lost := readAll(t, r, name)
	at := map[string]uint64{}
	last := map[*life]uint64{}
	for seq := range uint64(len(got) + len(lost)) {
		rec, ok := got[seq+1]
		if !ok {
			if lost[seq+1] == "" {
				t.Fatalf("destination %s: seq %d is gone without a word", name, seq+1)
			}
			continue
		}
		data := string(rec.Data)
		if !g.wrote[data] {
			t.Fatalf("destination %s: seq %d is %.60s, which nobody wrote", name, seq+1, data)
		}
		if other := at[data]; other > 0 && !g.again[data] {
			t.Fatalf("destination %s: %.60s is at %d and at %d", name, data, other, seq+1)
		}
		at[data] = seq + 1
		l := m.lives[strings.Trim(strings.SplitN(data, " ", 2)[0], `"`)]
		if l == nil || g.again[data] {
			continue
		}
		if was := l.places[data]; was > 0 {
			if was <= last[l] {
				t.Fatalf("destination %s: seq %d, %.60s, is behind one that was behind it", name, seq+1, data)
			}
			last[l] = was
		}
	}
	for data, seq := range d.seen {
		if at[data] != seq && !g.again[data] {
			t.Fatalf("destination %s: %.60s was at %d and is at %d", name, data, seq, at[data])
		}
	}
	d.seen = at
	for called, rt := range g.routes {
		if rt.dest != name || rt.unsure || rt.source == "r2" { // what r2 has came from r0
			continue
		}
		records, _ := readAll(t, r, rt.source)
		if l := m.lives[rt.source]; l != nil && l.evicts && (g.jumped || trimmed(lost)) {
			// What had expired, or been evicted by records that a crash took, when
			// the router came to it, may be back; a tombstone covers it here.
			continue
		}
		for seq, rec := range records {
			if seq > rt.after && (rt.filter == "" || rt.filter == string(rec.Tag)) && at[string(rec.Data)] == 0 {
				t.Fatalf("router %s (from %s behind %d to %s): %.60s, at %d, is not there", called, rt.source, rt.after, name, rec.Data, seq)
			}
		}
	}
}
