package topics

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

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
			p = bytes.Replace(p, appendBytes(nil, full), appendBytes(nil, []byte(`{"ttl_ms":50,"cap_records":3}`)), 1)
		}
		out = append(binary.BigEndian.AppendUint16(append(out, entries[i].typ), uint16(len(p))), p...)
	}
	return out
}

// FuzzReplay holds that no sequence of whole frames makes a replay panic, and
// that what it accepts is a registry in order.
func FuzzReplay(f *testing.F) {
	var cfg Config
	rec := appendRecord(nil, &Record{Data: []byte("12")})
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
	f.Fuzz(func(t *testing.T, p []byte) {
		r := New(Options{Now: func() int64 { return 300 }})
		if script(p, r.Replay) != nil {
			return
		}
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

// TestReplayRefuses holds that frames that cannot follow are an error and not
// data, and that entries of a topic that is gone are not.
func TestReplayRefuses(t *testing.T) {
	cfg := DefaultConfig()
	rec := appendRecord(nil, &Record{Data: []byte("12")})
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
