package topics

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
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

// encoded is the whole payload of an entry.
func encoded(t testing.TB, e entry.Entry) []byte {
	t.Helper()
	p, err := e.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, ok := e.(topic.Carrier)
	if !ok {
		return p
	}
	return append(p, c.Batch().Records...)
}

// created returns the creation of a topic of that name.
func created(name string, cfg *record.Config, ceiling uint64) entry.Creation {
	return entry.Creation{Name: name, Setting: entry.Setting{Config: cfg, Ceiling: ceiling}}
}

// scripted is script's inverse. Configs are cut down to what matters here, so
// that there is little else to mutate.
func scripted(t testing.TB, entries ...entry.Entry) []byte {
	var out []byte
	for _, e := range entries {
		p := encoded(t, e)
		set, ok := e.(topic.Setter)
		if ok && set.Sets() != nil {
			full, err := json.Marshal(set.Sets().Config)
			if err != nil {
				t.Fatal(err)
			}
			p = bytes.Replace(p, record.AppendBytes(nil, full), record.AppendBytes(nil, []byte(`{"ttl_ms":50,"cap_records":3}`)), 1)
		}
		out = append(binary.BigEndian.AppendUint16(append(out, byte(e.Type())), uint16(len(p))), p...)
	}
	return out
}

// dedupedScript are writes to topic 1 after its first record: of one all records were
// deduped, of one some.
func dedupedScript(rec []byte) []entry.Entry {
	deduped := entry.DedupedRuns{{Before: 0, Count: 1, Seq: 1}}.Pack()
	return []entry.Entry{
		&entry.Append{ID: 1, First: 2, TS: 20, Key: []byte("whole"), Deduped: deduped},
		&entry.Append{ID: 1, First: 2, TS: 30, Count: 1, Key: []byte("part"), Deduped: deduped, Records: rec},
	}
}

// FuzzReplay holds that no sequence of whole frames makes a replay panic, and
// that what it accepts is a registry in order.
func FuzzReplay(f *testing.F) {
	var cfg record.Config
	rec := record.AppendRecord(nil, &record.Record{Data: []byte("12")})
	create := &entry.Create{ID: 1, TS: 5, Creation: created("a", &cfg, 9)}
	write := &entry.Append{ID: 1, First: 1, TS: 10, Count: 1, Key: []byte("k"), Records: rec}
	later := &entry.Append{ID: 1, First: 7, TS: 100, Count: 1, Key: []byte("k"), Records: rec}
	config := &entry.Config{ID: 1, TS: 200, Head: 9, Setting: entry.Setting{Config: &cfg, Ceiling: 2000}}
	lost := &entry.Lost{ID: 1, From: 10, To: 20, Reason: topic.ReasonCrash}
	end := &entry.Lost{ID: 1, From: 21, To: math.MaxUint64 - 1, Reason: topic.ReasonCrash}
	gone := &entry.Watermarks{Topics: []entry.Watermark{{Topic: 1, ThroughCap: 2, ThroughTTL: 8}}}
	drop := &entry.Drop{ID: 1}
	reserve := &entry.Reserve{ID: 1, Ceiling: math.MaxUint64}
	f.Add(scripted(f, create, write, later, config, lost, gone, reserve))
	f.Add(scripted(f, create, write, drop, write, gone))
	f.Add(scripted(f, create, gone, lost))
	f.Add(scripted(f, create, config, lost, end, write))
	f.Add(scripted(f, write))
	f.Add(scripted(f, append([]entry.Entry{create, write}, dedupedScript(rec)...)...))
	for _, e := range routedScript(rec) {
		f.Add(scripted(f, append([]entry.Entry{create, write}, e...)...))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		r := New(Options{Now: func() int64 { return 300 }})
		if script(p, r.Replay().Frame) != nil {
			return
		}
		checkRouters(t, r)
		var count, size int64
		page, _ := r.List("", "", 1000)
		for _, s := range page {
			if s.Earliest > s.Head+1 || s.Earliest == 0 || s.Count < 0 || s.Bytes < 0 || uint64(s.Count) > s.Head {
				t.Fatalf("%+v", s)
			}
			tp := r.catalog.Lookup(s.Name)
			if tp.Marks.Low > s.Earliest || tp.Assigned != s.Head {
				t.Fatalf("%+v: floor %d, %d given out", s, tp.Marks.Low, tp.Assigned)
			}
			for from := s.Earliest - 1; from < s.Head && from < s.Earliest+20; from++ {
				if gap, next := tp.TombstoneLocked(from); next <= from || gap != nil && (gap.GapTo > s.Head || gap.GapFrom != from+1) {
					t.Fatalf("%+v at %d: %+v, next %d", s, from, gap, next)
				}
			}
			count += s.Count
			size += s.Bytes
		}
		if got := r.Totals(); got.Records != count || got.Bytes != size || got.Topics != len(page) {
			t.Fatalf("%+v, and %d topics with %d records of %d bytes", got, len(page), count, size)
		}
		for _, l := range r.Replay().Losses(true, false) {
			if l.To < l.From {
				t.Fatalf("%+v", l)
			}
		}
	})
}

// routedScript are scripts of routers from topic 1, which has one record, to
// topic 2, which they make.
func routedScript(rec []byte) [][]entry.Entry {
	var cfg record.Config
	called := &entry.Router{
		ID: 1, TS: 10, Name: "r", Source: 1, Dest: 2, Spec: []byte("{}"), Made: [2]entry.Creation{1: created("b", &cfg, 0)},
	}
	again := &entry.Router{ID: 1, TS: 10, Name: "r", Source: 1, Dest: 2, Spec: []byte(`{"filter":["Glob","x*"]}`), Cursor: 1}
	other := &entry.Router{ID: 2, Replaces: 1, TS: 10, Name: "r", Source: 2, Dest: 1, Spec: again.Spec, Cursor: 1}
	forward := &entry.Forward{Router: 1, Cursor: 1, ID: 2, First: 1, TS: 20, Count: 1, Records: rec}
	refers := &entry.Forward{Router: 1, Cursor: 1, ID: 2, First: 1, TS: 20, Count: 1, Runs: []entry.Run{{At: 8, Count: 1, Path: []byte{1}}}}
	trim := &entry.Forward{Router: 1, Cursor: 5, ID: 2, First: 2, TS: 30, Count: 4, Trim: true, Path: []byte{1}}
	cursor := &entry.Forward{Router: 1, Cursor: 9, TS: 40, Count: 4, CursorOnly: true}
	return [][]entry.Entry{
		{called, forward, trim, cursor, again, &entry.Unroute{Router: 1}, cursor},
		{called, forward, other, trim, &entry.Drop{ID: 2}, forward},
		{called, refers, again, trim, &entry.Drop{ID: 1}},
	}
}

// checkRouters holds that every router is between topics that are there and
// that know it.
func checkRouters(t *testing.T, r *Registry) {
	t.Helper()
	for _, rt := range r.routers.ByName.Values() {
		if r.catalog.Lookup(rt.Source.Name) != rt.Source || r.catalog.Lookup(rt.Dest.Name) != rt.Dest || rt.ID >= r.routers.NextID || r.routers.ByID[rt.ID] != rt ||
			!slices.Contains(router.Outgoing(rt.Source), rt) || !slices.Contains(router.Incoming(rt.Dest), rt) || rt.Done > rt.Cursor {
			t.Fatalf("%+v", rt)
		}
	}
	if n := r.routers.ByName.Len(); n != len(r.routers.ByID) || n != r.Totals().Routers {
		t.Fatalf("%d routers, %d ids, counted as %d", n, len(r.routers.ByID), r.Totals().Routers)
	}
}

// TestReplayRefuses holds that frames that cannot follow are an error and not
// data, and that entries of a topic that is gone are not.
func TestReplayRefuses(t *testing.T) {
	cfg := record.DefaultConfig()
	rec := record.AppendRecord(nil, &record.Record{Data: []byte("12")})
	create := func(change func(*entry.Create)) *entry.Create {
		e := &entry.Create{ID: 2, TS: 5, Creation: created("a", &cfg, 0)}
		change(e)
		return e
	}
	write := func(change func(*entry.Append)) *entry.Append {
		e := &entry.Append{ID: 2, First: 5, TS: 10, Count: 1, Records: rec}
		change(e)
		return e
	}
	made, wrote := create(func(*entry.Create) {}), write(func(*entry.Append) {})
	drop := &entry.Drop{ID: 2}
	for name, test := range map[string]struct {
		script []entry.Entry
		ok     bool
	}{
		"a write":           {[]entry.Entry{made, wrote}, true},
		"after the drop":    {[]entry.Entry{made, drop, wrote}, true},
		"of an unknown id":  {[]entry.Entry{made, write(func(e *entry.Append) { e.ID = 3 })}, false},
		"of no id":          {[]entry.Entry{made, write(func(e *entry.Append) { e.ID = 0 })}, false},
		"the same seq":      {[]entry.Entry{made, wrote, wrote}, false},
		"an earlier time":   {[]entry.Entry{made, wrote, write(func(e *entry.Append) { e.First, e.TS = 6, 9 })}, false},
		"the last seq":      {[]entry.Entry{made, write(func(e *entry.Append) { e.First = math.MaxUint64 })}, false},
		"too few records":   {[]entry.Entry{made, write(func(e *entry.Append) { e.Count = 2 })}, false},
		"the same name":     {[]entry.Entry{made, create(func(e *entry.Create) { e.ID = 3 })}, false},
		"the same id":       {[]entry.Entry{made, create(func(e *entry.Create) { e.Name = "b" })}, false},
		"a bad name":        {[]entry.Entry{create(func(e *entry.Create) { e.Name = "a/b" })}, false},
		"lost below head":   {[]entry.Entry{made, wrote, &entry.Lost{ID: 2, From: 5, To: 9, Reason: topic.ReasonCrash}}, false},
		"lost beyond a gap": {[]entry.Entry{made, wrote, &entry.Lost{ID: 2, From: 7, To: 9, Reason: topic.ReasonCrash}}, true},
		"a head that sinks": {[]entry.Entry{made, wrote, &entry.Config{ID: 2, TS: 11, Head: 4, Setting: made.Setting}}, false},
		"watermarks of the dead": {[]entry.Entry{made, drop, &entry.Watermarks{
			Topics: []entry.Watermark{{Topic: 2, ThroughCap: 1, ThroughTTL: 1}},
		}}, true},
	} {
		r := New(Options{})
		var err error
		for _, e := range test.script {
			if err == nil {
				err = r.Replay().Frame(wal.Frame{Type: byte(e.Type()), Payload: encoded(t, e)})
			}
		}
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
