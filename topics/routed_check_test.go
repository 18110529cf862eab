package topics

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"pgregory.net/rapid"
)

// contents are a topic as a reader finds it.
type contents struct {
	state   topic.State
	records map[uint64]record.Record
	lost    map[uint64]string
	order   []uint64
}

func (m *routedMachine) contents(t *rapid.T, name string) contents {
	c := contents{records: map[uint64]record.Record{}, lost: map[uint64]string{}}
	q := topic.Query{Limit: 7, MaxBytes: 1 << 20, Behind: true}
	for {
		b, err := m.w.Read(context.Background(), name, &q)
		if err != nil {
			t.Fatalf("read %s from %d: %v", name, q.From, err)
		}
		if l := b.Tombstone; l != nil {
			for seq := l.GapFrom; seq <= l.GapTo; seq++ {
				c.lost[seq] = l.Reason
			}
		}
		for _, r := range b.Records {
			c.records[r.Seq], c.order = r, append(c.order, r.Seq)
		}
		if b.NextFrom >= b.Head {
			break
		}
		if b.NextFrom <= q.From {
			t.Fatalf("read %s from %d stands still", name, q.From)
		}
		q.From = b.NextFrom
	}
	c.state = m.w.state(name)
	if int64(len(c.records)) != c.state.Count {
		t.Fatalf("%s counts %d records and has %d", name, c.state.Count, len(c.records))
	}
	return c
}

func (m *routedMachine) snapshot(t *rapid.T) map[string]contents {
	all := map[string]contents{}
	for name := range m.topics {
		all[name] = m.contents(t, name)
	}
	return all
}

// observe notes where every record is.
func (m *routedMachine) observe(t *rapid.T) map[string]contents {
	all := m.snapshot(t)
	for name, c := range all {
		id := m.topics[name].id
		if m.places[id] == nil {
			m.places[id] = placedLines{}
		}
		for seq, r := range c.records {
			m.places[id][lineOf(&r)] = seq
		}
	}
	return all
}

// Check holds that every record is the one that was written, where its path leads, once,
// and after those that were before it at its source.
func (m *routedMachine) Check(t *rapid.T) {
	page, _ := m.w.List("", "", 10)
	if len(page) != len(m.topics) {
		t.Fatalf("topics %+v, want %d", page, len(m.topics))
	}
	routers, _ := m.w.routing.Routers("", "", "", "", 10)
	if len(routers) != len(m.routers) || m.w.Totals().Routers != len(m.routers) {
		t.Fatalf("routers %+v, want %d", routers, len(m.routers))
	}
	for _, s := range routers {
		rt := m.routers[s.Name]
		want := rt.specs[len(rt.specs)-1].Spec
		if want.Guarantee == "" {
			want.Guarantee = router.AtLeastOnce
		}
		if !s.Spec.Equal(&want) {
			t.Fatalf("router %s is %+v, want %+v", s.Name, s.Spec, want)
		}
	}
	for name, c := range m.observe(t) {
		(&storedMachine{registryMachine: registryMachine{w: m.w}}).whole(t, name)
		m.checkTopic(t, name, c)
	}
}

func (m *routedMachine) checkTopic(t *rapid.T, name string, c contents) {
	id := m.topics[name].id
	once := map[string]uint64{}
	last := map[uint64]uint64{} // by source: the seq there of the last one from it
	ts := int64(0)
	for _, seq := range c.order {
		r := c.records[seq]
		line, way := lineOf(&r), wayOf(&r)
		fail := func(why string) { t.Fatalf("%s (id %d): seq %d, %s: %s", name, id, seq, line, why) }
		o, known := m.origins[string(r.Data)]
		switch {
		case !known:
			fail("nobody wrote it")
		case once[line] > 0:
			fail(fmt.Sprintf("is at %d too", once[line]))
		case !bytes.Equal(r.Meta, o.Meta) || (r.Meta == nil) != (o.Meta == nil):
			fail("its meta is not what was written")
		case m.never[id][line] > 0:
			fail(fmt.Sprintf("was deleted before it was forwarded, at %d", m.never[id][line]))
		case r.TS < ts:
			fail("is older than the one before it")
		case len(way) > paths.MaxHops:
			fail("went too far")
		case append(slices.Clone(way), id)[0] != o.topic:
			fail("was not written there")
		}
		once[line], ts = seq, r.TS
		full := append(way, id)
		keepsTag, dropsTag, keepsNode, dropsNode := true, false, true, false
		for i := range len(full) - 1 {
			l := m.legs[[2]uint64{full[i], full[i+1]}]
			if l == nil || slices.Contains(full[i+1:], full[i]) {
				fail("no router brought it")
			}
			keepsTag, dropsTag = keepsTag && l.keepsTag, dropsTag || l.dropsTag
			keepsNode, dropsNode = keepsNode && l.keepsNode, dropsNode || l.dropsNode
		}
		if o.Tag != nil && (r.Tag == nil && !dropsTag || r.Tag != nil && (!keepsTag || string(r.Tag) != string(o.Tag))) || o.Tag == nil && r.Tag != nil {
			fail("has a wrong tag " + string(r.Tag))
		}
		if o.Node != nil && (r.Node == nil && !dropsNode || r.Node != nil && (!keepsNode || string(r.Node) != string(o.Node))) || o.Node == nil && r.Node != nil {
			fail("has a wrong node " + string(r.Node))
		}
		if len(way) == 0 {
			continue
		}
		source := way[len(way)-1]
		if was, ok := m.places[source][string(r.Data)+" "+fmt.Sprint(way[:len(way)-1])]; ok {
			if was <= last[source] {
				fail(fmt.Sprintf("was at %d in %d, behind one that was at %d", was, source, last[source]))
			}
			last[source] = was
		}
	}
}

// complete holds that routers which need not wait have brought everything that
// their sources still show: into destinations that lose nothing each record, once,
// and elsewhere no more of them are missing than are lost there.
func (m *routedMachine) complete(t *rapid.T) {
	all := m.snapshot(t)
	for name, rt := range m.routers {
		s, err := m.w.routing.Router(name)
		if err != nil {
			t.Fatal(err)
		}
		d := all[rt.dest]
		if s.Blocked != "" {
			if d.state.Config.Discard != record.DiscardReject {
				t.Fatalf("router %s waits: %s", name, s.Blocked)
			}
			continue
		}
		if s.Lag > 0 {
			t.Fatalf("router %s: %+v", name, s)
		}
		there := map[string]bool{}
		copies := uint64(0)
		source, dest := m.topics[rt.source], m.topics[rt.dest]
		for _, r := range d.records {
			there[lineOf(&r)] = true
			if way := wayOf(&r); len(way) > 0 && way[len(way)-1] == source.id {
				copies++
			}
		}
		missing := uint64(0)
		for seq, r := range all[rt.source].records {
			var spec *router.Spec
			for i := range rt.specs {
				if rt.specs[i].behind < seq {
					spec = &rt.specs[i].Spec
				}
			}
			path, ok := paths.Extend(r.Path, source.id, dest.id)
			if spec == nil || !ok || spec.Filter != nil && !spec.Filter.Tag(r.Tag) {
				continue
			}
			if r.Path = path; !there[lineOf(&r)] {
				if missing++; !dest.lossy {
					t.Fatalf("router %s left %s behind, at %d (cursor from %d)", name, lineOf(&r), seq, rt.specs[0].behind)
				}
			}
		}
		if gone := d.state.Head - uint64(len(d.records)); missing > gone {
			t.Fatalf("router %s left %d behind, and %d are gone of %s", name, missing, gone, rt.dest)
		}
		if !dest.lossy && s.Forwarded > copies {
			t.Fatalf("router %s forwarded %d, and %d are there", name, s.Forwarded, copies)
		}
	}
}

// referred holds that no frame which is replayed refers to one from before the
// place where replay begins: the log may end there.
func (m *routedMachine) referred(t *rapid.T) {
	m.w.eachFrame(func(f wal.Frame) {
		d, err := entry.Describe(f.Type, f.Payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range d.Runs {
			if f.LSN >= m.w.disk.start && wal.LSN(u.LSN) < m.w.disk.start {
				t.Fatalf("the frame at %d refers to %d, before %d", f.LSN, u.LSN, m.w.disk.start)
			}
		}
	})
}

// survives is the weakest class that loses nothing by an end.
var survives = map[string]record.Class{"kill": record.Disk, "power": record.Fsync, "restart": record.Memory}

// routersSurvived holds that routers are what they were, and count what they
// did, as far as it is still there.
func (m *routedMachine) routersSurvived(t *rapid.T, how string, before []router.State) {
	for _, was := range before {
		is, err := m.w.routing.Router(was.Name)
		if err != nil || !is.Spec.Equal(&was.Spec) || is.Forwarded > was.Forwarded {
			t.Fatalf("router %s by %s: %+v, was %+v, %v", was.Name, how, is, was, err)
		}
		if strict := how == "restart" || m.topics[was.Spec.Dest].weak >= survives[how]; strict && is.Forwarded != was.Forwarded {
			t.Fatalf("router %s by %s: forwarded %d, was %d", was.Name, how, is.Forwarded, was.Forwarded)
		}
	}
}

// survived holds that an end took nothing but what it may, nothing of that
// without a word, and that everything else is where it was.
func (m *routedMachine) survived(t *rapid.T, how string, before map[string]contents) {
	weakest := survives[how]
	after := m.snapshot(t)
	for name, was := range before {
		is := after[name]
		strict := m.topics[name].weak >= weakest
		if is.state.Head < was.state.Head || strict && is.state.Head != was.state.Head {
			t.Fatalf("%s by %s: the head was %d and is %d", name, how, was.state.Head, is.state.Head)
		}
		for seq, r := range was.records {
			got, ok := is.records[seq]
			switch {
			case !ok && strict:
				t.Fatalf("%s by %s: seq %d is gone", name, how, seq)
			case !ok && is.lost[seq] == "":
				t.Fatalf("%s by %s: seq %d is gone without a word", name, how, seq)
			case ok && (lineOf(&got) != lineOf(&r) || got.TS != r.TS || string(got.Tag) != string(r.Tag) || string(got.Node) != string(r.Node)):
				t.Fatalf("%s by %s: seq %d was %+v and is %+v", name, how, seq, r, got)
			}
		}
		for seq, r := range is.records {
			if _, ok := was.records[seq]; !ok && (strict || seq <= was.state.Head && !m.topics[name].lossy) {
				t.Fatalf("%s by %s: seq %d is back: %+v", name, how, seq, r)
			}
		}
	}
}
