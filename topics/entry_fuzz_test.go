package topics

import (
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// sampleEntries are one entry of each kind.
func sampleEntries() []entry {
	cfg := record.DefaultConfig()
	full := cfg
	full.Priority, full.DeadLetter, full.Durability = ptr(int64(-3)), ptr("dead"), record.Memory
	recs := record.AppendRecord(record.AppendRecord(nil, &record.Record{Data: []byte("1"), Tag: []byte("t"), Node: []byte{}, Meta: []byte("{}")}), &record.Record{})
	return []entry{
		{typ: entryAppend, id: 3, first: 9, ts: 1 << 40, count: 2, key: []byte("k"), records: recs},
		{typ: entryAppend, id: 1, first: 1, count: 2, create: true, name: "a", config: &full, ceiling: 1025, records: recs},
		{typ: entryCreate, id: 1, ts: 5, name: "a", config: &cfg, ceiling: 1024},
		{typ: entryConfig, id: 1, ts: 6, last: 2, config: &full},
		{typ: entryDrop, id: 1},
		{typ: entryReserve, id: 1, ceiling: 1 << 50},
		{typ: entryLost, id: 1, first: 3, last: 9, reason: ReasonCrash},
		{typ: entryFloors, floors: []floors{{1, 2, 3}, {4, 0, 9}}},
		{typ: entryFloors},
		{
			typ: entryRouter, router: 2, replaces: 1, ts: 5, name: "a>b", source: 4, id: 7, cursor: 9, spec: []byte(`{"filter":["Eq","x"]}`),
			made: [2]*madeTopic{{4, "a", &cfg, 1024}, {7, "b", &full, 9}},
		},
		{typ: entryRouter, router: 2, name: "r", source: 4, id: 7, spec: []byte("{}"), made: [2]*madeTopic{1: {7, "b", &cfg, 0}}},
		{typ: entryUnroute, router: 2},
		{typ: entryForward, router: 2, cursor: 9, id: 7, first: 3, ts: 6, count: 3, runs: []reference{
			{at: 800, from: 1, count: 1, strip: record.HasTag, path: []byte{4}}, {at: 80, count: 2, path: []byte{1, 4}},
		}},
		{typ: entryForward, router: 2, cursor: 9, id: 7, first: 3, ts: 6, count: 2, records: recs},
		{typ: entryForward, router: 2, cursor: 9, id: 7, first: 3, ts: 6, count: 1 << 40, trim: true, way: []byte{1, 4}},
		{typ: entryForward, router: 2, cursor: 9, ts: 6, note: true},
		{typ: entryForward, router: 2, cursor: 9, ts: 6, count: 2, note: true},
	}
}

func encoded(t testing.TB, e *entry) []byte {
	p, err := e.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(p, e.records...)
}

func TestEntries(t *testing.T) {
	for _, want := range sampleEntries() {
		p := encoded(t, &want)
		got, err := decodeEntry(want.typ, p)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		if want.records != nil { // its end is the records', which are checked as such
			continue
		}
		for n := range p {
			if _, err := decodeEntry(want.typ, p[:n]); err == nil {
				t.Errorf("type %d: %d of %d bytes are taken for the whole", want.typ, n, len(p))
			}
		}
		if _, err := decodeEntry(want.typ, append(p, 0)); err == nil {
			t.Errorf("type %d: a byte too many is taken", want.typ)
		}
	}
	if _, err := (&entry{typ: 99}).encode(nil); err == nil {
		t.Error("an unknown type is encoded")
	}
}

// FuzzEntry holds that no bytes make the decoder panic, and that what it takes
// is what encoding that again gives back.
func FuzzEntry(f *testing.F) {
	for _, e := range sampleEntries() {
		f.Add(e.typ, encoded(f, &e))
	}
	f.Add(entryAppend, []byte{0, 1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0})
	f.Fuzz(func(t *testing.T, typ byte, p []byte) {
		e, err := decodeEntry(typ, p)
		if err != nil {
			return
		}
		again, err := decodeEntry(typ, encoded(t, &e))
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%+v, %v, want %+v", again, err, e)
		}
		whole, head := wal.Frame{Type: typ, Payload: p}, wal.Frame{Type: typ, Payload: p[:min(len(p), 64)]}
		if got, want := RecordsAhead(head), min(RecordsIn(whole), maxAhead); got != want {
			t.Fatalf("%d records by the first bytes, want %d", got, want)
		}
	})
}
