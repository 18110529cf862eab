package topics

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// script turns bytes into frames: of each, a type, a length of 16 bits, a
// payload.
func script(p []byte, apply func(wal.Frame) error) error {
	lsn := wal.LSN(0)
	for len(p) >= 3 {
		n := min(int(binary.BigEndian.Uint16(p[1:])), len(p)-3)
		f := wal.Frame{Type: p[0], LSN: lsn, End: lsn + 8*wal.LSN(n+1), Payload: p[3 : 3+n]}
		if err := apply(f); err != nil {
			return err
		}
		lsn, p = f.End, p[3+n:]
	}
	return nil
}

// scripted is script's inverse. Configs are cut down to what matters here, so
// that there is little else to mutate.
func scripted(t testing.TB, entries ...entry) []byte {
	var out []byte
	for i := range entries {
		e := &entries[i]
		p := encoded(t, e)
		if e.config != nil {
			full, err := json.Marshal(e.config)
			if err != nil {
				t.Fatal(err)
			}
			p = bytes.Replace(p, record.AppendBytes(nil, full), record.AppendBytes(nil, []byte(`{"ttl_ms":50,"cap_records":3}`)), 1)
		}
		out = append(binary.BigEndian.AppendUint16(append(out, entries[i].typ), uint16(len(p))), p...)
	}
	return out
}

// FuzzReplay holds that no sequence of whole frames makes a replay panic, and
// that what it accepts is a registry in order.
func FuzzReplay(f *testing.F) {
	var cfg record.Config
	rec := record.AppendRecord(nil, &record.Record{Data: []byte("12")})
	create := entry{typ: entryCreate, id: 1, ts: 5, name: "a", config: &cfg, ceiling: 9}
	write := entry{typ: entryAppend, id: 1, first: 1, ts: 10, count: 1, key: []byte("k"), records: rec}
	later := write
	later.first, later.ts = 7, 100
	config := entry{typ: entryConfig, id: 1, ts: 200, last: 9, config: &cfg, ceiling: 2000}
	lost := entry{typ: entryLost, id: 1, first: 10, last: 20, reason: ReasonCrash}
	end := entry{typ: entryLost, id: 1, first: 21, last: math.MaxUint64 - 1, reason: ReasonCrash}
	noted := entry{typ: entryFloors, floors: []floors{{1, 2, 8}}}
	drop := entry{typ: entryDrop, id: 1}
	reserve := entry{typ: entryReserve, id: 1, ceiling: math.MaxUint64}
	f.Add(scripted(f, create, write, later, config, lost, noted, reserve))
	f.Add(scripted(f, create, write, drop, write, noted))
	f.Add(scripted(f, create, noted, lost))
	f.Add(scripted(f, create, config, lost, end, write))
	f.Add(scripted(f, write))
	for _, e := range routedScript(rec) {
		f.Add(scripted(f, append([]entry{create, write}, e...)...))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		r := New(Options{Now: func() int64 { return 300 }})
		if script(p, r.Replay) != nil {
			return
		}
		checkRouters(t, r)
		var count, size int64
		page, _ := r.List("", "", 1000)
		for _, s := range page {
			if s.Earliest > s.Head+1 || s.Earliest == 0 || s.Count < 0 || s.Bytes < 0 || uint64(s.Count) > s.Head {
				t.Fatalf("%+v", s)
			}
			tp := r.lookup(s.Name)
			if tp.evictFloor > s.Earliest || tp.assigned != s.Head {
				t.Fatalf("%+v: floor %d, %d given out", s, tp.evictFloor, tp.assigned)
			}
			for from := s.Earliest - 1; from < s.Head && from < s.Earliest+20; from++ {
				if stone, next := tp.tombstone(from); next <= from || stone != nil && (stone.GapTo > s.Head || stone.GapFrom != from+1) {
					t.Fatalf("%+v at %d: %+v, next %d", s, from, stone, next)
				}
			}
			count += s.Count
			size += s.Bytes
		}
		if got := r.Totals(); got.Records != count || got.Bytes != size || got.Topics != len(page) {
			t.Fatalf("%+v, and %d topics with %d records of %d bytes", got, len(page), count, size)
		}
		for _, l := range r.Losses(true, false) {
			if l.To < l.From {
				t.Fatalf("%+v", l)
			}
		}
	})
}

// routedScript are scripts of routers from topic 1, which has one record, to
// topic 2, which they make.
func routedScript(rec []byte) [][]entry {
	var cfg record.Config
	router := entry{
		typ: entryRouter, router: 1, ts: 10, name: "r", source: 1, id: 2, spec: []byte("{}"), made: [2]*madeTopic{1: {2, "b", &cfg, 0}},
	}
	again := router
	again.made, again.spec, again.cursor = [2]*madeTopic{}, []byte(`{"filter":["Glob","x*"]}`), 1
	other := again
	other.router, other.replaces, other.source, other.id = 2, 1, 2, 1
	forward := entry{typ: entryForward, router: 1, cursor: 1, id: 2, first: 1, ts: 20, count: 1, records: rec}
	refers := entry{typ: entryForward, router: 1, cursor: 1, id: 2, first: 1, ts: 20, count: 1, runs: []reference{{at: 8, count: 1, path: []byte{1}}}}
	trim := entry{typ: entryForward, router: 1, cursor: 5, id: 2, first: 2, ts: 30, count: 4, trim: true, way: []byte{1}}
	note := entry{typ: entryForward, router: 1, cursor: 9, ts: 40, count: 4, note: true}
	return [][]entry{
		{router, forward, trim, note, again, {typ: entryUnroute, router: 1}, note},
		{router, forward, other, trim, {typ: entryDrop, id: 2}, forward},
		{router, refers, again, trim, {typ: entryDrop, id: 1}},
	}
}

// checkRouters holds that every router is between topics that are there and
// that know it.
func checkRouters(t *testing.T, r *Registry) {
	t.Helper()
	for _, rt := range r.routers.byName.Values() {
		if r.lookup(rt.source.name) != rt.source || r.lookup(rt.dest.name) != rt.dest || rt.id >= r.routers.nextID || r.routers.byID[rt.id] != rt ||
			!slices.Contains(rt.source.outgoing(), rt) || !slices.Contains(rt.dest.incoming(), rt) || rt.done > rt.cursor {
			t.Fatalf("%+v", rt)
		}
	}
	if n := r.routers.byName.Len(); n != len(r.routers.byID) || n != r.Totals().Routers {
		t.Fatalf("%d routers, %d ids, counted as %d", n, len(r.routers.byID), r.Totals().Routers)
	}
}

// TestReplayRefuses holds that frames that cannot follow are an error and not
// data, and that entries of a topic that is gone are not.
func TestReplayRefuses(t *testing.T) {
	cfg := record.DefaultConfig()
	rec := record.AppendRecord(nil, &record.Record{Data: []byte("12")})
	create := entry{typ: entryCreate, id: 2, ts: 5, name: "a", config: &cfg}
	write := entry{typ: entryAppend, id: 2, first: 5, ts: 10, count: 1, records: rec}
	change := func(e entry, f func(*entry)) entry { f(&e); return e }
	for name, test := range map[string]struct {
		script []entry
		ok     bool
	}{
		"a write":            {[]entry{create, write}, true},
		"after the drop":     {[]entry{create, {typ: entryDrop, id: 2}, write}, true},
		"of an unknown id":   {[]entry{create, change(write, func(e *entry) { e.id = 3 })}, false},
		"of no id":           {[]entry{create, change(write, func(e *entry) { e.id = 0 })}, false},
		"the same seq":       {[]entry{create, write, write}, false},
		"an earlier time":    {[]entry{create, write, change(write, func(e *entry) { e.first, e.ts = 6, 9 })}, false},
		"the last seq":       {[]entry{create, change(write, func(e *entry) { e.first = math.MaxUint64 })}, false},
		"too few records":    {[]entry{create, change(write, func(e *entry) { e.count = 2 })}, false},
		"the same name":      {[]entry{create, change(create, func(e *entry) { e.id = 3 })}, false},
		"the same id":        {[]entry{create, change(create, func(e *entry) { e.name = "b" })}, false},
		"a bad name":         {[]entry{change(create, func(e *entry) { e.name = "a/b" })}, false},
		"lost below head":    {[]entry{create, write, {typ: entryLost, id: 2, first: 5, last: 9, reason: ReasonCrash}}, false},
		"lost beyond a gap":  {[]entry{create, write, {typ: entryLost, id: 2, first: 7, last: 9, reason: ReasonCrash}}, true},
		"a head that sinks":  {[]entry{create, write, {typ: entryConfig, id: 2, ts: 11, last: 4, config: &cfg}}, false},
		"floors of the dead": {[]entry{create, {typ: entryDrop, id: 2}, {typ: entryFloors, floors: []floors{{2, 1, 1}}}}, true},
	} {
		r := New(Options{})
		var err error
		for _, e := range test.script {
			if err == nil {
				err = r.Replay(wal.Frame{Type: e.typ, Payload: encoded(t, &e)})
			}
		}
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
